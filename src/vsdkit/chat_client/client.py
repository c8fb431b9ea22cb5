"""Ask a server many questions, several at a time, with retries."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.chat_client.answer import ChatReply, ServerAnswer, read_body, read_reply
from vsdkit.chat_client.connection import connect, connection_error
from vsdkit.chat_client.problem import ADDRESS_HINT, GOES_ON, Problem, mask, shorten
from vsdkit.errors import BackendError, ConfigError, VsdkitError

if TYPE_CHECKING:
    import openai

__all__ = ["ChatClient", "ChatRequest"]

# The longest wait a server may ask for: one that wants an hour is asked sooner, and had better end
# as an error.
_LONGEST_WAIT_S = 60.0


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
    image: str = ""
    """Address of an image before the question, ``data:image/png;base64,...``; empty without one."""
    top_logprobs: int = 0
    """How many of the likeliest first tokens the reply tells; 0 asks for none."""


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
    left_out: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """Parameters that the server refused and is not sent again; grows while it is asked."""

    def ask_all(self, requests: Sequence[ChatRequest]) -> Iterator[ChatReply]:
        """Yield the replies as they come, in any order.

        When a question fails for good, those under way are still waited for and yielded, so that
        nothing that was paid for is lost; then the error is raised.

        Raises:
            ConfigError: If neither an address nor a key is known, or one of them, a proxy or a
                certificate file is none; before anything is sent.
            BackendError: If the server cannot be reached, refuses, or does not answer as it should.
        """
        client = connect(self.base_url, self.timeout_s)
        waiting = iter(requests)
        failure: VsdkitError | None = None
        with client, ThreadPoolExecutor(self.concurrency) as pool:
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
                    except VsdkitError as error:
                        # The first is told: the later ones mostly say the same.
                        failure = failure or error
                    else:
                        yield reply
        if failure is not None:
            raise failure

    def _ask(self, client: openai.OpenAI, request: ChatRequest) -> ChatReply:
        wait_s = self.backoff_s
        where = f"{mask(str(client.base_url))}, {request.key}"
        for attempt in range(self.retries + 1):
            try:
                return self._ask_once(client, request)
            except BackendError as error:
                if not error.retryable or attempt == self.retries:
                    told = error.at(where)
                    told.message = shorten(_without(client.api_key, error.message))
                    # What a traceback would print.
                    told.args = (told.message,)
                    raise told from error
                time.sleep(max(wait_s, _retry_after_s(error)))
                wait_s *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ask_once(self, client: openai.OpenAI, request: ChatRequest) -> ChatReply:
        while True:
            sent = self._parameters(request)
            answer = self._send(client, request, sent)
            if answer.problem is None:
                return read_reply(request.key, answer.body)
            no_text = answer.problem.of_one_question(answer.status)
            if no_text is not None:
                return ChatReply(request.key, "", no_text)
            refused = answer.problem.refused_parameter(answer.status, sent)
            if refused is None:
                raise _error_of(answer) from answer.error
            # At most once a parameter: what is left out is not sent again.
            self.left_out.add(refused)

    def _parameters(self, request: ChatRequest) -> dict[str, Any]:
        sent: dict[str, Any] = {"temperature": request.temperature, "seed": request.seed}
        # OpenAI's newer models know the limit by the second name only, most servers by the first.
        limit = "max_completion_tokens" if "max_tokens" in self.left_out else "max_tokens"
        sent[limit] = self.max_tokens
        if request.top_logprobs:
            sent |= {"logprobs": True, "top_logprobs": request.top_logprobs}
        return {name: value for name, value in sent.items() if name not in self.left_out}

    def _send(
        self, client: openai.OpenAI, request: ChatRequest, sent: dict[str, Any]
    ) -> ServerAnswer:
        import openai

        try:
            # Raw: the client's own reading leaves pages, streams and odd shapes to its caller.
            raw = client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[{"role": "user", "content": _content(request)}],
                **sent,
            )
        except openai.APIStatusError as error:
            return ServerAnswer(error.status_code, error.body, Problem.of(error.body), error)
        except openai.APITimeoutError as error:
            raise BackendError(
                "the server did not answer in time",
                hint=f"ask less at once (--concurrency 1); {GOES_ON}",
                retryable=True,
            ) from error
        except openai.APIConnectionError as error:
            raise connection_error(error, str(client.base_url)) from error
        except ValueError as error:
            # A host that is no name (an empty or endless part) is found out at the first request.
            raise ConfigError(
                f"no request can be sent to this address: {error}",
                where=mask(str(client.base_url)),
                hint=ADDRESS_HINT,
            ) from error
        body = read_body(raw.http_response)
        problem = body.get("error") if isinstance(body, dict) and not body.get("choices") else None
        if not problem:
            return ServerAnswer(raw.status_code, body)
        # Gateways that answer 200 whatever happens put the real status into the error's code.
        found = Problem.of(problem)
        named = re.match(r"[45]\d\d\b", found.code)
        status = int(named[0]) if named else 400
        return ServerAnswer(status, body, found)


def _content(request: ChatRequest) -> Any:
    if not request.image:
        return request.prompt
    image = {"type": "image_url", "image_url": {"url": request.image}}
    return [image, {"type": "text", "text": request.prompt}]


def _error_of(answer: ServerAnswer) -> BackendError:
    problem = answer.problem or Problem()
    error = problem.error(answer.status)
    response = answer.error.response if answer.error else None
    if response is None or not response.history:
        return error
    # What is sent on by 301 to 303 arrives as another kind of request, and is not understood.
    return error.at(
        "",
        hint=f"it was sent on: name that address, --base-url {mask(_base_of(str(response.url)))}",
    )


def _base_of(url: str) -> str:
    return url.partition("?")[0].removesuffix("/chat/completions")


def _without(key: str, message: str) -> str:
    # Some servers print the key. One of a few letters is no secret, but a word of the message.
    return message.replace(key, "***") if len(key) >= 8 else message


def _retry_after_s(error: BackendError) -> float:
    """Return the seconds that the server asked to wait; 0 if it did not."""
    import openai

    cause = error.__cause__
    if not isinstance(cause, openai.APIStatusError):
        return 0.0
    # The header may be a date, too; then our own wait will do.
    asked = cause.response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if re.fullmatch(r"\d+(\.\d+)?", asked) else 0.0
