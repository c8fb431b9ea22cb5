"""The way to a server: what is wrong with it is one error, at once, and names what to change."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vsdkit.chat_client import ChatClient, ChatRequest
from vsdkit.errors import ConfigError

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the machine's own keys, proxies and certificates away."""
    names = (*PROXIES, *(name.lower() for name in PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")
    for name in (*names, "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)


def refused(base_url: str | None = "http://127.0.0.1:9/v1") -> ConfigError:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        list(ChatClient("m", base_url=base_url).ask_all([ChatRequest("a", "a")]))
    assert time.monotonic() - began < 5, "not after retries"
    return caught.value


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("sk-secret ", "a blank"),
        (" sk-secret", "a blank"),
        ("sk-sec ret", "a blank"),
        ("sk-secret\n", "a line end"),
        ("sk-secret\r", "a line end"),
        ("\u201csk-secret\u201d", "U+201C"),
        ('"sk-secret"', "U+0022"),
        ("sk-secr\u00e9t", "U+00E9"),
        ("sk-\x1bsecret", "U+001B"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, key: str, what: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    error = refused()
    assert what in error.message
    assert error.where == "OPENAI_API_KEY"
    assert "sk-" not in str(error)
    assert "ecret" not in str(error)


def test_an_organisation_goes_into_a_header_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org\n")
    assert refused().where == "OPENAI_ORG_ID"


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000/v1",
        "127.0.0.1:8000/v1",
        "ftp://localhost/v1",
        "http://[::1/v1",
        "http://::1]/v1",
        "http://::1/v1",
        "http://localhost:80a/v1",
        "http://localhost:99999/v1",
        "http:///v1",
        "http://",
        "http://local host/v1",
        "http://localhost/v1\n",
        "\u201chttp://localhost/v1\u201d",
        '"http://localhost/v1"',
        "http://a..b/v1",
        f"http://{'a' * 70}.org/v1",
        "http://\u00e4\u00e4..org/v1",
    ],
)
@pytest.mark.parametrize("setting", ["--base-url", "OPENAI_BASE_URL"])
def test_an_address_that_is_none(
    monkeypatch: pytest.MonkeyPatch, address: str, setting: str
) -> None:
    if setting == "OPENAI_BASE_URL":
        monkeypatch.setenv(setting, address)
    error = refused(address if setting == "--base-url" else None)
    assert setting in f"{error.where} {error.hint}" or address in error.where
    assert "http://" in error.hint or "--base-url" in error.hint


@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTPS_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "value",
    ["socks://127.0.0.1:1080", "socks5://127.0.0.1:1080", "http://[::1", "x://y"],
)
def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    error = refused()
    assert error.where == f"{name}={value}"
    assert f"unset {name}" in error.hint


def test_a_password_of_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://me:secret@127.0.0.1:1080")
    assert "secret" not in str(refused())


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    error = refused("http://example.org/v1")
    assert error.message.startswith("the proxy cannot be reached")
    assert error.where.startswith("HTTP_PROXY=")
    assert "NO_PROXY=example.org" in error.hint
    assert "secret" not in str(error)


def test_a_proxy_that_this_address_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense")
    client = ChatClient("m", base_url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(Exception, match="the server cannot be reached"):
        list(client.ask_all([ChatRequest("a", "a")]))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_are_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    error = refused()
    assert error.message.startswith("SSL_CERT_FILE names no certificates")
    assert error.where == f"SSL_CERT_FILE={path}"


def test_https_where_none_is_spoken(serve) -> None:
    server = serve(lambda body, number: (200, b"", {}))
    client = ChatClient("m", base_url=server.url.replace("http:", "https:"), backoff_s=9)
    began = time.monotonic()
    with pytest.raises(Exception, match="no safe connection") as caught:
        list(client.ask_all([ChatRequest("a", "a")]))
    assert time.monotonic() - began < 5
    assert "SSL_CERT_FILE" in str(caught.value)
