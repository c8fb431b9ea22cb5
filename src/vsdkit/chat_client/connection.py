"""The way to a server: key, address, proxies and certificates, each refused by its name."""

from __future__ import annotations

import os
import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from vsdkit.chat_client.problem import ADDRESS_HINT, GOES_ON, KEY_VARIABLE, shorten
from vsdkit.data.addresses import drop_login, mask_login
from vsdkit.errors import BackendError, ConfigError, VsdkitError

if TYPE_CHECKING:
    import openai

__all__ = ["connect", "connection_error", "server_address"]

_ADDRESS_VARIABLE = "OPENAI_BASE_URL"
# openai's own where none is named (openai/_client.py).
_OPENAI = "https://api.openai.com/v1"
# openai's client puts these into headers by itself.
_HEADER_VARIABLES = (KEY_VARIABLE, "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")


def connect(base_url: str | None, timeout_s: float) -> openai.OpenAI:
    """Return a client that does not retry; nothing is sent yet.

    Raises:
        ConfigError: If neither an address nor a key is known, or one of them, a proxy or a
            certificate file cannot be used; the variable or setting is named.
    """
    import openai

    from vsdkit.chat_client.bounded import BoundedClient

    address = _named(base_url)
    key = os.environ.get(KEY_VARIABLE)
    if not key and address is None:
        raise ConfigError(
            "no server named, and no key for OpenAI's own in the environment",
            where="--base-url",
            hint="name one: --base-url http://localhost:8000/v1, or set the key: "
            f"export {KEY_VARIABLE}=...",
        )
    for name in _HEADER_VARIABLES:
        _refuse_header(name, os.environ.get(name, ""))
    setting = "--base-url" if base_url else _ADDRESS_VARIABLE
    if address is not None:
        _refuse_address(address, setting)
    try:
        # A server of one's own asks for no key, but the client insists on one. It must not retry:
        # its waits would come on top of ours.
        return openai.OpenAI(
            base_url=address,
            api_key=key or "none",
            timeout=timeout_s,
            max_retries=0,
            # A connection for each question: on a kept one, whatever a server sends behind an
            # answer would be read as the answer to the next question.
            default_headers={"Connection": "close"},
            http_client=BoundedClient(timeout_s),
        )
    except Exception as error:
        # The client reads variables of its own and raises whatever its parts do: ImportError,
        # OSError, ValueError, and for an address an error that has no base but Exception.
        raise _explain_setup(error, setting) from error


def server_address(base_url: str | None) -> str:
    """Return the address that is asked, without the name and password that it may hold."""
    return drop_login(_named(base_url) or _OPENAI).rstrip("/")


def _named(base_url: str | None) -> str | None:
    return base_url or os.environ.get(_ADDRESS_VARIABLE) or None


def _refuse_header(name: str, value: str) -> None:
    """Refuse a key that no header may carry, or that is quoted; its text is never shown."""
    found = re.search(r"[^\x21-\x7e]|^[\"'`]|[\"'`]$", value)
    if found:
        what = {" ": "a blank", "\n": "a line end", "\r": "a line end", "\t": "a tab"}
        character = what.get(found[0], f"the character U+{ord(found[0]):04X}")
        raise ConfigError(
            f"{name} holds {character} (at {found.start() + 1} of {len(value)})",
            where=name,
            hint=f"set it anew, the bare key and nothing else: export {name}=...",
        )


def _refuse_address(address: str, setting: str) -> None:
    problem = ""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https"):
            problem = "it begins with neither http:// nor https://"
        elif not parts.hostname or parts.port == 0:
            problem = "it names no host"
    except ValueError as error:
        problem = str(error)
    if re.search(r"[\s\x00-\x1f\x7f\u2018-\u201f\"']", address):
        problem = "it holds a blank, a quote or a character that is none"
    if problem:
        raise ConfigError(
            f"{mask_login(address)!r} is no address: {problem}",
            where=setting,
            hint="name it as http://localhost:8000/v1",
        )


def _explain_setup(error: Exception, setting: str) -> ConfigError:
    """Return which variable or setting keeps the client from being made."""
    import openai

    for name, value in os.environ.items():
        if name.lower() not in ("http_proxy", "https_proxy", "all_proxy") or not value:
            continue
        try:
            # As the client does it, but for this proxy only.
            url = value if "://" in value else f"http://{value}"
            openai.DefaultHttpxClient(proxy=url, trust_env=False).close()
        except Exception as problem:
            # The library's own words name a package of another name.
            missing = isinstance(problem, ImportError)
            said = (
                "SOCKS needs the package socksio" if missing else mask_login(shorten(str(problem)))
            )
            install = "pip install socksio, or " if missing else ""
            known = "http://, https://, socks5:// or socks5h://HOST:PORT"
            return ConfigError(
                f"{name} names no proxy that can be used: {said}",
                where=f"{name}={mask_login(value)}",
                hint=f"{install}unset {name}, or name one: {known}",
            )
    for name, option in (("SSL_CERT_FILE", "cafile"), ("SSL_CERT_DIR", "capath")):
        value = os.environ.get(name, "")
        if not value:
            continue
        try:
            ssl.create_default_context().load_verify_locations(**{option: value})
        except OSError as problem:
            return ConfigError(
                f"{name} names no certificates: {problem.strerror or problem}",
                where=f"{name}={value}",
                hint=f"unset {name}, or name a file of certificates in PEM form",
            )
    return ConfigError(
        f"no connection can be made ready: {mask_login(shorten(str(error)))}",
        where=setting,
        hint="name the address as http://localhost:8000/v1",
    )


def connection_error(error: openai.APIConnectionError, address: str) -> VsdkitError:
    """Return what is wrong with the way to the server, still without the row."""
    cause = error.__cause__ or error
    said = shorten(str(cause)) or type(cause).__name__
    # By name: openai's HTTP library is not ours to import.
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    if "[SSL" in said:
        return BackendError(
            f"no safe connection to the server: {said}",
            hint="https:// where it speaks https; a certificate of one's own: "
            "export SSL_CERT_FILE=FILE (SSL_CERT_FILE and SSL_CERT_DIR are heeded)",
            of_all=True,
        )
    if kinds & {"TooManyRedirects", "UnsupportedProtocol"}:
        return BackendError(
            f"the server sends on without end: {said}", hint=ADDRESS_HINT, of_all=True
        )
    if "LocalProtocolError" in kinds:
        # Its text may show a header, and with it a key.
        return BackendError(
            "the request holds a header that cannot be sent",
            hint="look at OPENAI_CUSTOM_HEADERS in the environment",
            of_all=True,
        )
    if not kinds & {"ConnectError", "ProxyError"}:
        return BackendError(
            f"the server broke off: {said}",
            hint=f"see the server's own log; {GOES_ON}",
            retryable=True,
        )
    proxy = _proxy_in_use(address)
    if proxy is not None:
        return ConfigError(
            f"the proxy cannot be reached: {said}",
            where=f"{proxy}={mask_login(os.environ[proxy])}",
            hint=f"unset {proxy}, or leave this server out: export NO_PROXY="
            f"{urlsplit(address).hostname}",
        )
    return BackendError(
        f"the server cannot be reached: {said}",
        hint="start it (vllm serve MODEL) and name its address: "
        "--base-url http://localhost:8000/v1",
        retryable=True,
        of_all=True,
    )


def _proxy_in_use(address: str) -> str | None:
    """Return the variable that sends requests for an address to a proxy; None if none does."""
    parts = urlsplit(address)
    if proxy_bypass(parts.hostname or ""):
        return None
    found = getproxies()
    scheme = parts.scheme if parts.scheme in found else "all"
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), None)
