"""A server's answer of whichever shape -> the text of its reply, or why it has none."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.chat_client.problem import ADDRESS_HINT, NoText, Problem, strip_tags
from vsdkit.data.addresses import mask_login
from vsdkit.data.json_text import parse_json
from vsdkit.errors import BackendError, VsdkitError

if TYPE_CHECKING:
    import openai

__all__ = ["ChatReply", "ServerAnswer", "read_body", "read_reply"]

# OpenAI's end of a filtered reply; Zhipu's; and Google's, which gateways hand on.
_FILTER_ENDS = ("content_filter", "sensitive", "safety", "recitation", "prohibited_content")


class ChatReply(NamedTuple):
    """The server's reply to one question."""

    key: str
    """The question's key."""
    text: str
    """What it says, without blanks around it; empty where ``no_text`` tells why."""
    no_text: NoText | None = None
    """Why this question has none, or none that is whole; None where it has."""
    first_token: Mapping[str, float] | None = None
    """Likeliest first tokens to the logarithm of their probability; None if it tells none."""
    failure: VsdkitError | None = None
    """What went wrong for this question alone where ``no_text`` is ``FAILED``."""


class ServerAnswer(NamedTuple):
    """What came back, whatever its status."""

    status: int
    """HTTP's, or the one that the body names."""
    body: Any
    """The JSON value, or the text of an error."""
    problem: Problem | None = None
    """What is wrong; None in an answer that is one."""
    error: openai.APIStatusError | None = None
    """The client's own error, if the status was one."""


def read_body(response: Any) -> Any:
    """Return the JSON value in the body of an HTTP response, a stream's chunks put together.

    Raises:
        BackendError: If it is neither; whatever Content-Type says.
    """
    # Not response.text: the page's charset is not JSON's, which is always UTF-8.
    text = response.content.decode("utf-8-sig", "replace")
    try:
        if re.match(r"\s*(?:data|event|id|retry)?:", text):
            return _join_stream(text)
        return parse_json(text)
    except ValueError as error:
        page = text.lstrip().startswith("<")
        sent_on = f"; it was sent on to {mask_login(str(response.url))}" if response.history else ""
        shown = strip_tags(text) if page else f"{error}: {text}"
        raise BackendError(
            f"the server's answer is not JSON{sent_on}: {shown}",
            hint=ADDRESS_HINT,
            # A page is what the address has; half an answer may be whole the next time.
            retryable=not page,
        ) from error


def _join_stream(text: str) -> dict[str, Any]:
    """Return the completion of a body of server-sent events, from a server that always streams.

    Raises:
        ValueError: If it ends before its end, or a chunk is not JSON.
    """
    content: list[str] = []
    refusal: list[str] = []
    finish = None
    # Not splitlines: JSON may hold other line ends inside its texts.
    for line in re.split(r"\r\n|\n|\r", text):
        chunk = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not chunk:
            continue
        if chunk == "[DONE]":
            finish = finish or "stop"
            break
        value = parse_json(chunk)
        if isinstance(value, dict) and value.get("error"):
            return value
        choice = _first_choice(value)
        part = choice.get("delta") or choice.get("message")
        if isinstance(part, dict):
            content.append(_text_of(part.get("content")))
            refusal.append(_text_of(part.get("refusal")))
        finish = choice.get("finish_reason") or finish
    if finish is None:
        raise ValueError("the stream ends before its end")
    message = {"content": "".join(content), "refusal": "".join(refusal)}
    return {"choices": [{"finish_reason": finish, "message": message}]}


def _first_choice(body: object) -> dict[str, Any]:
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text_of(content: object) -> str:
    """Return a message's text: it is text, or a list of parts, of which some may be thoughts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(
        part if isinstance(part, str) else _text_of(part.get("text"))
        for part in content
        if isinstance(part, str)
        or (isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"))
    )


def read_reply(key: str, body: object) -> ChatReply:
    """Return the reply in a completion.

    Raises:
        BackendError: If the body is no completion.
    """
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BackendError("the server's answer holds no text", hint=ADDRESS_HINT, retryable=True)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    refused = message.get("refusal") or any(
        isinstance(part, dict) and part.get("refusal") for part in parts
    )
    text = _text_of(content).strip()
    finish = str(choice.get("finish_reason")).lower()
    if finish in _FILTER_ENDS:
        return ChatReply(key, "", "filtered")
    if refused:
        return ChatReply(key, "", "refused")
    if finish in ("length", "max_tokens"):
        # Half a sentence, or thoughts that never came to one: nothing tells which.
        return ChatReply(key, text, "too long", _first_token(choice))
    if not text:
        return ChatReply(key, "", "empty reply")
    return ChatReply(key, text, first_token=_first_token(choice))


def _first_token(choice: dict[str, Any]) -> dict[str, float] | None:
    """Return the likeliest first tokens of a choice that tells them; of two alike their sum."""
    told = choice.get("logprobs")
    tokens = told.get("content") if isinstance(told, dict) else None
    first = tokens[0] if isinstance(tokens, list) and tokens else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    found: dict[str, float] = {}
    for one in top if isinstance(top, list) else []:
        token, logprob = one.get("token"), one.get("logprob")
        if isinstance(token, str) and isinstance(logprob, int | float):
            before = math.exp(found[token]) if token in found else 0.0
            found[token] = math.log(before + math.exp(logprob)) if before else float(logprob)
    return found or None
