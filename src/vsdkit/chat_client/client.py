"""Ask a server many questions, several at a time, with retries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsdkit.chat_client.answer import ChatReply, ServerAnswer, read_body, read_reply
from vsdkit.chat_client.answer_store import AnswerStore
from vsdkit.chat_client.connection import connect, connection_error
from vsdkit.chat_client.problem import ADDRESS_HINT, Problem, shorten
from vsdkit.chat_client.under_way import ask_at_once
from vsdkit.data.addresses import mask_login
from vsdkit.data.images import data_url
from vsdkit.errors import BackendError, ConfigError, VsdkitError
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from threading import Event

    import openai

    from vsdkit.data.images import ImageFile

__all__ = ["ChatClient", "ChatRequest"]

# The longest wait a server may ask for: one that wants an hour is asked sooner, and had better end
# as an error.
_LONGEST_WAIT_S: Final = 60.0


class ChatRequest(NamedTuple):
    """One question."""

    key: str
    """What the reply is found by."""
    prompt: str
    """The question's text, sent as the one message of a user."""
    max_tokens: int = 128
    """Longest reply, in tokens."""
    temperature: float = 0.0
    """0 is greedy."""
    seed: int = 0
    """For servers that heed it."""
    image: ImageFile | None = None
    """An image before the question, opened and packed when its turn comes."""
    top_logprobs: int = 0
    """How many of the likeliest first tokens the reply tells; 0 asks for none."""


@dataclass(slots=True)
class ChatClient:
    """Asks a server many questions, several at a time."""

    model: str
    """The model's name as the server knows it."""
    base_url: str | None = None
    """Address, such as ``http://localhost:8000/v1``; None takes the environment's."""
    concurrency: int = 8
    """Questions under way at once."""
    timeout_s: float = 60.0
    """Seconds for one reply, to its last byte."""
    retries: int = 4
    """How often a question is asked again after a failure that may pass."""
    backoff_s: float = 1.0
    """Seconds before the first retry; each later wait is twice as long, 15 s in all (1+2+4+8)."""
    store: bool = False
    """Whether whole replies are looked up among those of earlier runs, and kept for later ones."""
    weights: str = ""
    """Hash of the model's weights, if known: replies are kept under it, too."""
    listener: Listener = SILENT
    """Hears how many replies were kept, and of a file of them that cannot be used."""
    looked_up: int = field(default=0, init=False)
    """Replies so far that were kept from earlier runs."""
    left_out: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """Parameters that the server refused and is not sent again; grows while it is asked."""

    def ask_all(self, requests: Sequence[ChatRequest]) -> Iterator[ChatReply]:
        """Yield the replies as they come, in any order, one to each question.

        What goes wrong for one question alone is its reply, too (``FAILED``, with the error in
        ``failure``). An error is what concerns all: see ``ask_at_once``.

        Raises:
            ConfigError: If neither an address nor a key is known, or one of them, a proxy or a
                certificate file is none; before anything is sent.
            BackendError: If the server cannot be reached, refuses, or does not answer as it should.
        """
        client = connect(self.base_url, self.timeout_s)
        if not self.store:
            yield from self._ask_server(client, requests)
            return
        address = str(client.base_url)
        with AnswerStore(
            address, self.model, weights=self.weights, listener=self.listener
        ) as store:
            kept = store.get(requests)
            self.looked_up += len(kept)
            if kept:
                self.listener.message(
                    f"{len(kept):,} of {len(requests):,} answers are kept from earlier questions "
                    f"to {self.model} at {mask_login(address)}; --no-store asks them again"
                )
            yield from kept.values()
            left = {request.key: request for request in requests if request.key not in kept}
            for reply in self._ask_server(client, list(left.values())):
                store.put(left[reply.key], reply)
                yield reply

    def _ask_server(
        self, client: openai.OpenAI, requests: Sequence[ChatRequest]
    ) -> Iterator[ChatReply]:
        ask = partial(self._ask, client)
        yield from ask_at_once(requests, ask, concurrency=self.concurrency)
        # Only here: after Ctrl-C threads still use it.
        client.close()

    def _ask(self, client: openai.OpenAI, request: ChatRequest, stop: Event) -> ChatReply:
        wait_s = self.backoff_s
        attempts = 0
        while True:
            try:
                content = _content(request)
                reply = self._ask_once(client, request, content)
                return reply._replace(text=_without(client.api_key, reply.text))
            except VsdkitError as error:
                again = isinstance(error, BackendError) and error.retryable
                if not again or attempts == self.retries or stop.is_set():
                    # From None: what the server said may hold the key, and a traceback prints it.
                    raise _told(error, client, request) from None
                stop.wait(max(wait_s, _retry_after_s(error)))
            attempts += 1
            wait_s *= 2

    def _ask_once(self, client: openai.OpenAI, request: ChatRequest, content: Any) -> ChatReply:
        while True:
            sent = self._parameters(request)
            answer = self._send(client, content, sent)
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
        sent[limit] = request.max_tokens
        if request.top_logprobs:
            sent |= {"logprobs": True, "top_logprobs": request.top_logprobs}
        return {name: value for name, value in sent.items() if name not in self.left_out}

    def _send(self, client: openai.OpenAI, content: Any, sent: dict[str, Any]) -> ServerAnswer:
        import openai

        from vsdkit.chat_client.bounded import late

        try:
            # Raw: the client's own reading leaves pages, streams and odd shapes to its caller.
            raw = client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[{"role": "user", "content": content}],
                **sent,
            )
        except openai.APIStatusError as error:
            return ServerAnswer(error.status_code, error.body, Problem.of(error.body), error)
        except openai.APITimeoutError as error:
            raise late() from error
        except openai.APIConnectionError as error:
            raise connection_error(error, str(client.base_url)) from error
        except ValueError as error:
            # A host that is no name (an empty or endless part) is found out at the first request.
            raise ConfigError(
                f"no request can be sent to this address: {error}",
                where=mask_login(str(client.base_url)),
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
    if request.image is None:
        return request.prompt
    image = {"type": "image_url", "image_url": {"url": data_url(request.image)}}
    return [image, {"type": "text", "text": request.prompt}]


def _error_of(answer: ServerAnswer) -> BackendError:
    problem = answer.problem or Problem()
    error = problem.error(answer.status)
    response = answer.error.response if answer.error else None
    if response is None or not response.history:
        return error
    # What is sent on by 301 to 303 arrives as another kind of request, and is not understood.
    error.of_all = True
    return error.at(
        "",
        hint=f"it was sent on: name that address, --base-url {_base_of(str(response.url))}",
    )


def _base_of(url: str) -> str:
    return mask_login(url.partition("?")[0].removesuffix("/chat/completions"))


def _told(error: VsdkitError, client: openai.OpenAI, request: ChatRequest) -> VsdkitError:
    """Return an error as it may be shown: with its place, short, and without the key."""
    # A setting's error names its setting.
    place = f"{mask_login(str(client.base_url))}, {request.key}"
    told = error.at("" if isinstance(error, ConfigError) else place)
    told.message = shorten(_without(client.api_key, error.message))
    told.hint = _without(client.api_key, told.hint)
    # What a traceback would print.
    told.args = (told.message,)
    return told


def _without(key: str, message: str) -> str:
    # Some servers print the key. One of a few letters is no secret, but a word of the message.
    return message.replace(key, "***") if len(key) >= 8 else message


def _retry_after_s(error: VsdkitError) -> float:
    """Return the seconds that the server asked to wait; 0 if it did not."""
    import openai

    cause = error.__cause__
    if not isinstance(cause, openai.APIStatusError):
        return 0.0
    # The header may be a date, too; then our own wait will do.
    asked = cause.response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if re.fullmatch(r"\d+(\.\d+)?", asked) else 0.0
