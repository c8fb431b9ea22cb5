"""Any body with status 200 is a reply, a reason, or one error."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vsdkit.chat_client import ChatReply
from vsdkit.chat_client.answer import read_body, read_reply
from vsdkit.errors import BackendError

NAMES = st.sampled_from(
    ["choices", "message", "delta", "content", "text", "type", "refusal", "finish_reason", "error"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("length"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


def read(content: bytes) -> ChatReply | None:
    response = SimpleNamespace(content=content, history=[], url="http://localhost/v1")
    try:
        return read_reply("k", read_body(response))
    except BackendError:
        return None


@given(JSON)
def test_any_json_is_read(value: Any) -> None:
    reply = read(json.dumps(value).encode())
    assert reply is None or reply.key == "k"


@given(JSON, JSON)
def test_any_message_is_read(content: Any, finish: Any) -> None:
    message = {"content": content, "refusal": None}
    body = {"choices": [{"finish_reason": finish, "message": message}]}
    reply = read(json.dumps(body).encode())
    assert reply is not None
    assert bool(reply.text) != bool(reply.no_text) or reply.no_text == "too long"


@given(st.lists(JSON, max_size=4), st.booleans())
def test_any_stream_is_read(chunks: list[Any], ended: bool) -> None:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    read(("".join(lines) + ("data: [DONE]\n\n" if ended else "")).encode())


@given(st.binary(max_size=80))
def test_any_bytes_are_read(content: bytes) -> None:
    read(content)
    read(b"data:" + content)
