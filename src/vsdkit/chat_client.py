"""Client of any server that speaks OpenAI's chat protocol: many questions at once, with retries.

vLLM, SGLang, Ollama, llama.cpp and OpenAI itself answer the same request. The address comes from a
setting or ``OPENAI_BASE_URL``, the key from ``OPENAI_API_KEY`` only, so that no key is ever in a
settings file or a run.json.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import BackendError, ConfigError

if TYPE_CHECKING:
    import openai

__all__ = ["ChatClient", "ChatReply", "ChatRequest"]

_KEY_VARIABLE = "OPENAI_API_KEY"
_ADDRESS_VARIABLE = "OPENAI_BASE_URL"
# Those that openai's own client would ask again (openai/_base_client.py, _should_retry), and 425,
# which asks for it by its name (RFC 8470); every status from 500 on comes to these.
_RETRYABLE_STATUS = (408, 409, 425, 429)
# The longest wait a server may ask for: one that wants an hour is asked sooner, and had better end
# as an error.
_LONGEST_WAIT_S = 60.0
_HINTS = {
    401: f"set the key in the environment: export {_KEY_VARIABLE}=...",
    403: f"set a key that may use this model: export {_KEY_VARIABLE}=...",
    404: "check --model and the path of --base-url; it usually ends in /v1",
    429: "ask less at once: --concurrency 1; the same command goes on where it stopped",
}


class ChatRequest(NamedTuple):
    """One question."""

    key: str
    """What the reply is found by."""
    prompt: str
    """The question's text, sent as the one message of a user."""
    temperature: float = 0.0
    """0 is greedy."""
    seed: int = 0
    """For servers that heed it."""


class ChatReply(NamedTuple):
    """The server's reply to one question."""

    key: str
    """The question's key."""
    text: str
    """What it says, without blanks around it; never empty."""


@dataclass(frozen=True, slots=True)
class ChatClient:
    """Asks a server many questions, several at a time."""

    model: str
    """The model's name as the server knows it."""
    base_url: str | None = None
    """Address, such as ``http://localhost:8000/v1``; None takes the environment's."""
    concurrency: int = 8
    """Questions under way at once."""
    max_tokens: int = 128
    """Longest reply, in tokens."""
    timeout_s: float = 60.0
    """Seconds to wait for one reply."""
    retries: int = 4
    """How often a question is asked again after a failure that may pass."""
    backoff_s: float = 1.0
    """Seconds before the first retry; each later wait is twice as long, 15 s in all (1+2+4+8)."""

    def ask_all(self, requests: Sequence[ChatRequest]) -> Iterator[ChatReply]:
        """Yield the replies as they come, in any order.

        When a question fails for good, those under way are still waited for and yielded, so that
        nothing that was paid for is lost; then the error is raised.

        Raises:
            ConfigError: If neither an address nor a key is known.
            BackendError: If the server cannot be reached, refuses, or does not answer as it should.
        """
        client = self._connect()
        waiting = iter(requests)
        failure: BackendError | None = None
        with ThreadPoolExecutor(self.concurrency) as pool:
            # No more questions in the pool than are under way: after a failure none is asked that
            # only waited, and the caller's pace holds back the next ones.
            running: set[Future[ChatReply]] = set()
            while True:
                while failure is None and len(running) < self.concurrency:
                    request = next(waiting, None)
                    if request is None:
                        break
                    running.add(pool.submit(self._ask, client, request))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        reply = future.result()
                    except BackendError as error:
                        # The first is told: the later ones mostly say the same.
                        failure = failure or error
                    else:
                        yield reply
        if failure is not None:
            raise failure

    def _connect(self) -> openai.OpenAI:
        import openai

        address = self.base_url or os.environ.get(_ADDRESS_VARIABLE) or None
        key = os.environ.get(_KEY_VARIABLE)
        if not key and address is None:
            raise ConfigError(
                "no server named, and no key for OpenAI's own in the environment",
                where="--base-url",
                hint="name one: --base-url http://localhost:8000/v1, or set the key: "
                f"export {_KEY_VARIABLE}=...",
            )
        # A server of one's own asks for no key, but the client insists on one. It must not retry:
        # its waits would come on top of ours.
        return openai.OpenAI(
            base_url=address, api_key=key or "none", timeout=self.timeout_s, max_retries=0
        )

    def _ask(self, client: openai.OpenAI, request: ChatRequest) -> ChatReply:
        wait_s = self.backoff_s
        for attempt in range(self.retries + 1):
            try:
                return ChatReply(request.key, self._ask_once(client, request))
            except BackendError as error:
                if not error.retryable or attempt == self.retries:
                    raise
                time.sleep(max(wait_s, _retry_after_s(error)))
                wait_s *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ask_once(self, client: openai.OpenAI, request: ChatRequest) -> str:
        import openai

        where = f"{client.base_url}, {request.key}"
        try:
            completion = client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": request.prompt}],
                temperature=request.temperature,
                seed=request.seed,
                max_tokens=self.max_tokens,
            )
            return _reply_text(completion)
        except BackendError as error:
            raise error.at(where) from error
        except openai.OpenAIError as error:
            raise _backend_error(error).at(where) from error
        except ValueError as error:
            raise BackendError(
                f"the server's answer is not JSON: {error}", where=where, retryable=True
            ) from error


def _reply_text(completion: Any) -> str:
    # The client does not check what it was sent: an odd server gives text, or an object of holes.
    choices = getattr(completion, "choices", None)
    message = (
        getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    )
    text = getattr(message, "content", None)
    if not isinstance(text, str) or not text.strip():
        raise BackendError(
            "the server's answer holds no text",
            hint="check that --base-url is a chat server's address; it usually ends in /v1",
            retryable=True,
        )
    return text.strip()


def _backend_error(error: openai.OpenAIError) -> BackendError:
    """Return the error of this package for one of openai's, still without its place."""
    import openai

    # Timeouts first: openai's timeout is a connection error too.
    if isinstance(error, openai.APITimeoutError):
        return BackendError(
            "the server did not answer in time",
            hint="ask less at once (--concurrency 1); the same command goes on where it stopped",
            retryable=True,
        )
    if isinstance(error, openai.APIConnectionError):
        return BackendError(
            f"the server cannot be reached: {error.__cause__ or error}",
            hint="start it (vllm serve MODEL) and name its address: "
            "--base-url http://localhost:8000/v1",
            retryable=True,
        )
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        return BackendError(
            f"the server answered {status}: {_short(error.message)}",
            hint=_HINTS.get(status, "see the server's own log"),
            retryable=status >= 500 or status in _RETRYABLE_STATUS,
            status_code=status,
        )
    return BackendError(f"the server's answer cannot be read: {_short(str(error))}")


def _retry_after_s(error: BackendError) -> float:
    """Return the seconds that the server asked to wait; 0 if it did not."""
    import openai

    cause = error.__cause__
    if not isinstance(cause, openai.APIStatusError):
        return 0.0
    # The header may be a date, too; then our own wait will do.
    asked = cause.response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else 0.0


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:197]}..."
