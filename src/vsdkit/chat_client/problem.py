"""What the body of a server's error says, and whether it concerns one question or all."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from vsdkit.errors import BackendError

__all__ = [
    "ADDRESS_HINT",
    "FAILED",
    "GOES_ON",
    "KEY_VARIABLE",
    "NoText",
    "Problem",
    "shorten",
    "strip_tags",
]

KEY_VARIABLE = "OPENAI_API_KEY"
"""The only place of a key."""

GOES_ON = "the same command goes on where it stopped"
"""Ends the hint of an error that has cost nothing but time."""

ADDRESS_HINT = "check that --base-url is a chat server's address; it usually ends in /v1"
"""What to do where something answers, but no chat server."""

FAILED: Final = "server failed"
"""Why a question has no reply that the server owes an answer to: it may have one the next time."""

NoText = Literal["filtered", "refused", "too long", "empty reply", "server failed"]
"""Why one question has no reply that may be used."""

# Those that openai's own client would ask again (openai/_base_client.py, _should_retry), and 425,
# which asks for it by its name (RFC 8470); every status from 500 on comes to these.
_RETRYABLE_STATUS = (408, 409, 425, 429)
# Of key, account, model or path, and so of every request; 403 is not among them where a policy is
# named, see ``of_one_question``.
_OF_ALL_STATUS = (401, 402, 403, 404, 405, 407)
_QUOTA_HINT = f"see plan and billing of the account that the key belongs to; {GOES_ON}"
_HINTS = {
    401: f"set the key in the environment: export {KEY_VARIABLE}=...",
    402: _QUOTA_HINT,
    403: f"set a key that may use this model: export {KEY_VARIABLE}=...",
    404: "check --model and the path of --base-url; it usually ends in /v1",
    429: f"ask less at once: --concurrency 1; {GOES_ON}",
}
# Codes of OpenAI, DeepSeek and others for an account that is empty: waiting does not fill it.
_NO_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|funds)|billing_(?:hard_limit|not_active)", re.I
)
# A policy's codes and words: OpenAI and Azure (content_filter, content_policy_violation, "flagged
# as potentially violating our usage policy"), Alibaba (data_inspection_failed), DeepSeek ("Content
# Exists Risk"), OpenRouter ("requires moderation").
_FILTERED = re.compile(
    r"content[_ ]?(?:filter|policy|management)|content exists risk|responsibleaipolicy"
    r"|data_?inspection_?failed|moderation|flagged|usage polic|safety (?:system|filter|setting)"
    r"|(?:inappropriate|sensitive) content",
    re.I,
)
# OpenAI and vLLM (context_length_exceeded, "maximum context length is"), llama.cpp
# (exceed_context_size_error), SGLang ("longer than the model's context"), TGI ("`inputs` must have
# less than"), Groq ("reduce the length").
_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|string_above_max_length|longer than the model"
    r"|(?:prompt|input)\b[^.]* too (?:long|large)|\binputs?\W+(?:tokens \+|must have less)"
    r"|too many (?:input )?tokens|reduce the length",
    re.I,
)
# Characters of an error that are looked through: the patterns here take the square of a length,
# and a body may have megabytes.
_LOOKED_AT = 4_000
_TAG = re.compile(r"<(?:style|script|head)\b.*?</(?:style|script|head)>|<[^>]*>", re.I | re.S)


class Problem(NamedTuple):
    """What the body of an error says, of whichever server."""

    message: str = ""
    """The server's own words."""
    code: str = ""
    """Its codes and types, one blank between them."""
    parameter: str = ""
    """The parameter that it names; empty if none."""

    @classmethod
    def of(cls, body: object) -> Problem:
        """Return what an error's body says: OpenAI's shape, FastAPI's, a list of them, or text."""
        if isinstance(body, list):
            # Google's way.
            body = body[0] if body else None
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            body = body["error"]
        if not isinstance(body, dict):
            return cls(strip_tags(body) if isinstance(body, str) else "")
        detail = body.get("detail")
        listed = detail if isinstance(detail, list) else []
        entries = [one for one in listed if isinstance(one, dict)]
        said = [f"{_last(one.get('loc'))}: {one.get('msg')}" for one in entries]
        texts = (body.get(name) for name in ("message", "error", "detail", "msg"))
        message: str = next((text for text in texts if isinstance(text, str) and text), "")
        inner = body.get("innererror")
        codes = [body.get("code"), body.get("type"), body.get("status")]
        codes += [inner.get("code")] if isinstance(inner, dict) else []
        named = body.get("param")
        if not isinstance(named, str):
            named = next((_last(one.get("loc")) for one in entries), "")
        code = " ".join(str(code) for code in codes if code)
        return cls((message or "; ".join(said))[:_LOOKED_AT], code[:_LOOKED_AT], named)

    def of_one_question(self, status: int) -> NoText | None:
        """Return why this question alone has no reply; None if the error concerns the server."""
        if status == 413:
            return "too long"
        if status not in (400, 403, 422, 451):
            return None
        text = f"{self.code} {self.message}"
        if _FILTERED.search(text):
            return "filtered"
        return "too long" if _TOO_LONG.search(text) else None

    def refused_parameter(self, status: int, sent: Collection[str]) -> str | None:
        """Return which of the parameters that were sent the server does not take."""
        if status not in (400, 422):
            return None
        if self.parameter:
            name = self.parameter.rpartition(".")[2]
            return name if name in sent else None
        places = {
            name: match.start()
            for name in sent
            if (match := re.search(rf"(?<!\w){name}(?!\w)", self.message))
        }
        return min(places, key=places.__getitem__, default=None)

    def error(self, status: int) -> BackendError:
        """Return the error of a status, with the server's own message and still without a place."""
        broke = bool(_NO_QUOTA.search(f"{self.code} {self.message}"))
        said = self.message or self.code
        return BackendError(
            f"the server answered {status}: {said}" if said else f"the server answered {status}",
            hint=_QUOTA_HINT if broke else _HINTS.get(status, "see the server's own log"),
            retryable=not broke and (status >= 500 or status in _RETRYABLE_STATUS),
            of_all=broke or status in _OF_ALL_STATUS,
            status_code=status,
        )


def _last(place: object) -> str:
    return str(place[-1]) if isinstance(place, list) and place else ""


def shorten(text: str) -> str:
    """Return a text as one line of at most 240 characters, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 240 else f"{line[:237]}..."


def strip_tags(page: str) -> str:
    """Return the words a web page begins with, as a proxy sends it in the place of an answer."""
    return _TAG.sub(" ", page[:_LOOKED_AT])
