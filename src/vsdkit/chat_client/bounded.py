"""HTTP client that reads an answer up to a size and a time, whatever the server sends."""

from __future__ import annotations

import time
from typing import Any, Final

import openai

from vsdkit.chat_client.problem import GOES_ON
from vsdkit.errors import BackendError

__all__ = ["LARGEST_ANSWER", "BoundedClient", "late"]

LARGEST_ANSWER: Final = 8 << 20
"""Bytes of an answer that are read. The longest one asked for has some KB, and some hundred where
a server tells probabilities; without a limit one answer could take all memory."""

# What no longer holds of a body that is unpacked and whole.
_OF_THE_WAY = ("content-encoding", "content-length", "transfer-encoding")


class BoundedClient(openai.DefaultHttpxClient):
    """openai's HTTP client, with proxies and certificates as it takes them.

    Args:
        timeout_s: Longest time for an answer, from the request to its last byte. A timeout of
            reading alone begins anew with every byte that trickles in.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._timeout_s = timeout_s

    def send(self, request: Any, *, stream: bool = False, **more: Any) -> Any:  # noqa: ARG002
        """Return a response whose body is read.

        Raises:
            BackendError: If it is too large or takes too long; else what openai's client raises.
        """
        ends = time.monotonic() + self._timeout_s
        response = super().send(request, stream=True, **more)
        try:
            content = _read(response, ends)
        finally:
            response.close()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in _OF_THE_WAY
        ]
        return type(response)(
            response.status_code,
            headers=headers,
            content=content,
            request=response.request,
            history=response.history,
            extensions=response.extensions,
        )


def _read(response: Any, ends: float) -> bytes:
    content = bytearray()
    # Unpacked: a packed body may be a thousand times as large as what comes over the line.
    for part in response.iter_bytes():
        content += part
        if len(content) > LARGEST_ANSWER:
            raise BackendError(
                f"the server's answer is longer than {LARGEST_ANSWER >> 20} MiB",
                hint="see the server's own log",
                status_code=response.status_code,
            )
        if time.monotonic() > ends:
            raise late()
    return bytes(content)


def late() -> BackendError:
    """Return the error of an answer that is not there, or not whole, in time."""
    return BackendError(
        "the server did not answer in time",
        hint=f"ask less at once (--concurrency 1); {GOES_ON}",
        retryable=True,
    )
