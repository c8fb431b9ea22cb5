"""Servers of every kind, each with what becomes of three questions asked one after the other."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from vsdkit.chat_client import ChatClient, ChatRequest
from vsdkit.errors import VsdkitError

Reply = tuple[int, bytes, dict[str, str]]
KEYS = ("a", "kite", "c")
GOOD = "reply reply reply"


def completion(text: str | None = "reply", finish: str = "stop", **more: Any) -> bytes:
    message = {"role": "assistant", "content": text} | more
    return json.dumps({"choices": [{"finish_reason": finish, "message": message}]}).encode()


def error(message: str, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message} | more}).encode()


def always(status: int, content: bytes, **headers: str) -> Callable[..., Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda body, number: (status, content, named)


def first(status: int, content: bytes = b"", **headers: str) -> Callable[..., Reply]:
    """Fail once, and answer from then on."""
    bad, good = always(status, content, **headers), always(200, completion())
    return lambda body, number: (bad if number == 1 else good)(body, number)


def kite(status: int, content: bytes) -> Callable[..., Reply]:
    """Give one question another answer than the others."""
    bad, good = always(status, content), always(200, completion())
    return lambda body, number: (bad if "kite" in str(body["messages"]) else good)(body, number)


def knows(*names: str, status: int = 400, message: str = "Unknown parameter: '{}'.", **more: Any):
    """Refuse all parameters but these, one at a time."""

    def behave(body: dict[str, Any], number: int) -> Reply:
        for name in body.keys() - {"model", "messages", "path", *names}:
            told = {"param": name} if more.get("param") else {}
            return status, error(message.format(name), **told), {}
        return 200, completion(), {}

    return behave


def fastapi(body: dict[str, Any], number: int) -> Reply:
    if "seed" not in body:
        return 200, completion(), {}
    detail = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "not permitted"}]
    return 422, json.dumps({"detail": detail}).encode(), {}


def slow(seconds: float, times: int) -> Callable[..., Reply]:
    def behave(body: dict[str, Any], number: int) -> Reply:
        time.sleep(seconds if number <= times else 0)
        return 200, completion(), {}

    return behave


def moved(status: int) -> Callable[..., Reply]:
    def behave(body: dict[str, Any], number: int) -> Reply:
        if "there" in body["path"]:
            return 200, completion(), {}
        return status, b"", {"location": "/there/v1/chat/completions"}

    return behave


class Server(NamedTuple):
    """A server and what becomes of three questions."""

    name: str
    behave: Callable[..., Reply]
    outcome: str
    """The three replies, or a part of the one error."""
    asked: int
    hint: str = ""
    # Long where slowness is not what a case is about: the machine may be busy.
    timeout_s: float = 10


QUOTA = error("You exceeded your current quota.", code="insufficient_quota")
STREAM = b'data: {"choices":[{"delta":{"content":"reply"}}]}\n\ndata: [DONE]\n\n'
LENGTH = "This model's maximum context length is 32 tokens, however you requested 90 tokens."
PLAIN = "reply too long reply"
SERVERS = (
    Server("answers", always(200, completion()), GOOD, 3),
    Server("500 once", first(500), GOOD, 4),
    Server("500 always", always(500, error("out of memory")), "answered 500: out of memory", 9),
    Server("502 with a page", always(502, b"<h1>Bad gateway</h1>"), "answered 502: Bad gateway", 9),
    Server("429 with Retry-After", first(429, retry_after="0.1"), GOOD, 4),
    Server("429 with a date", first(429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), GOOD, 4),
    Server("no quota", always(429, QUOTA), "answered 429: You exceeded", 1, "plan and billing"),
    Server("no money", always(402, error("Insufficient Balance")), "answered 402", 1, "billing"),
    Server("no key", always(401, error("Incorrect API key")), "answered 401: Incorrect", 1, "key"),
    Server("no model", always(404, error("no model m")), "answered 404: no model m", 1, "--model"),
    Server("forbidden", always(403, error("no access")), "answered 403: no access", 1, "key"),
    Server("400 without a reason", always(400, b""), "answered 400", 3, "own log"),
    Server("one filtered", kite(400, error("x", code="content_filter")), "reply filtered reply", 3),
    Server("one flagged", kite(403, error("input was flagged")), "reply filtered reply", 3),
    Server("one risky", kite(400, error("Content Exists Risk")), "reply filtered reply", 3),
    Server("one sensitive", kite(200, completion("a", "sensitive")), "reply filtered reply", 3),
    Server("one refused", kite(200, completion(None, refusal="no")), "reply refused reply", 3),
    Server("one null", kite(200, completion(None)), "reply empty reply reply", 3),
    Server("one too long", kite(400, error(LENGTH, code="context_length_exceeded")), PLAIN, 3),
    Server("one longer", kite(422, error("`inputs` must have less than 9 tokens.")), PLAIN, 3),
    Server("one too large", kite(413, b"<h1>Request Entity Too Large</h1>"), PLAIN, 3),
    Server("one cut off", kite(200, completion("half a", "length")), PLAIN, 3),
    Server("no seed", knows("temperature", "max_tokens"), GOOD, 4),
    Server("no max_tokens", knows("temperature", "seed", "max_completion_tokens"), GOOD, 4),
    Server("no temperature", knows("seed", "max_tokens", param=True, message="no"), GOOD, 4),
    Server("no parameters at all", knows(), GOOD, 7),
    Server("no seed, as FastAPI says it", fastapi, GOOD, 4),
    Server("no model parameter", always(400, error("no", param="model")), "answered 400: no", 3),
    Server("an error with status 200", always(200, error("busy", code=503)), "503: busy", 9),
    Server("an error in a list", always(400, b'[{"error": {"message": "bad"}}]'), "400: bad", 3),
    Server("resets once", first(0), GOOD, 4),
    Server("resets always", always(0, b""), "server broke off", 9, "goes on where it stopped"),
    Server("half a body", always(200, completion()[:9], content_length="99"), "broke off", 9),
    Server("half of JSON", always(200, completion()[:9]), "not JSON", 9),
    Server("an empty body", always(200, b""), "not JSON", 9),
    Server("no first byte", slow(0.6, 99), "did not answer in time", 9, "--concurrency", 0.3),
    Server("a slow first answer", slow(0.6, 1), GOOD, 4, timeout_s=0.3),
    Server("a page", always(200, b"<p>Log in</p>", content_type="text/html"), "Log in", 3, "/v1"),
    Server("another type", always(200, completion(), content_type="text/plain"), GOOD, 3),
    Server("a stream", always(200, STREAM, content_type="text/event-stream"), GOOD, 3),
    Server("a stream cut off", always(200, STREAM[:50]), "the stream ends before its end", 9),
    Server("gzip", always(200, gzip.compress(completion()), content_encoding="gzip"), GOOD, 3),
    Server("damaged gzip", always(200, b"\x1f\x8bno", content_encoding="gzip"), "broke off", 9),
    Server("sends on (307)", moved(307), GOOD, 6),
    Server("sends on (302)", moved(302), "answered 501", 3, "/there/v1"),
    Server("sends on for ever", always(307, b"", location="/v1/x"), "sends on without end", 21),
)


@pytest.mark.parametrize("case", SERVERS, ids=lambda case: case.name)
def test_a_server_of_each_kind(serve: Callable[..., Any], case: Server) -> None:
    server = serve(case.behave)
    client = ChatClient(
        "m", base_url=server.url, concurrency=1, retries=2, backoff_s=0, timeout_s=case.timeout_s
    )
    replies = []
    caught = None
    began = time.monotonic()
    try:
        replies.extend(client.ask_all([ChatRequest(key, f"about {key}") for key in KEYS]))
    except VsdkitError as problem:
        caught = problem
    assert time.monotonic() - began < 10
    if caught is None:
        assert [reply.key for reply in replies] == list(KEYS)
        assert " ".join(reply.no_text or reply.text for reply in replies) == case.outcome
    else:
        assert case.outcome in caught.message
        assert server.url in caught.where
        assert case.hint in caught.hint
    assert len(server.asked) == case.asked


def test_no_quota_is_not_too_much_at_once(serve: Callable[..., Any]) -> None:
    client = ChatClient("m", base_url=serve(always(429, QUOTA)).url)
    with pytest.raises(VsdkitError) as caught:
        list(client.ask_all([ChatRequest("a", "a")]))
    assert "concurrency" not in caught.value.hint


def test_a_refused_parameter_is_left_out_of_all_later_requests(serve: Callable[..., Any]) -> None:
    server = serve(knows("temperature", "max_completion_tokens"))
    client = ChatClient("m", base_url=server.url, concurrency=4)
    for _ in range(2):
        assert (
            len(list(client.ask_all([ChatRequest(str(n), "x", max_tokens=7) for n in range(9)])))
            == 9
        )
    assert client.left_out == {"max_tokens", "seed"}
    sent = {"temperature": 0.0, "max_completion_tokens": 7}
    assert [{k: b[k] for k in b if k in (*sent, "seed")} for b in server.asked[-9:]] == [sent] * 9


def test_a_key_that_the_server_repeats_is_not_shown(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-topsecret")
    message = f"{'x' * 205} sk-topsecret is wrong"
    server = serve(always(401, error(message)))
    with pytest.raises(VsdkitError) as caught:
        list(ChatClient("m", base_url=server.url).ask_all([ChatRequest("a", "a")]))
    assert "sk-" not in str(caught.value)
    assert "***" in str(caught.value)
