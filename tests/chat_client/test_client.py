"""Many questions to a real server on this machine: order, waits, retries and what is kept."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.chat_client import ChatClient, ChatReply, ChatRequest
from vsdkit.data.images import ImageFile, data_url
from vsdkit.errors import BackendError, ConfigError

Reply = tuple[int, bytes, dict[str, str]]


def completion(text: str | None) -> bytes:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    content = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps(content | {"choices": choices}).encode()


def echo(body: dict[str, Any], number: int) -> Reply:
    return 200, completion(body["messages"][0]["content"].upper()), {}


def ask(server: Any, *prompts: str, **settings: Any) -> list[ChatReply]:
    client = ChatClient("m", base_url=server.url, **({"backoff_s": 0.01} | settings))
    return sorted(client.ask_all([ChatRequest(prompt, prompt) for prompt in prompts]))


def test_every_question_gets_its_own_answer(serve: Callable[..., Any]) -> None:
    server = serve(echo)
    prompts = [f"question {number:02}" for number in range(30)]
    answers = ask(server, *prompts)
    assert answers == [ChatReply(prompt, prompt.upper()) for prompt in prompts]
    assert len(server.asked) == 30


def test_what_is_sent(serve: Callable[..., Any]) -> None:
    server = serve(echo)
    client = ChatClient("some/model", base_url=server.url)
    list(client.ask_all([ChatRequest("k", "hello", max_tokens=7, temperature=0.7, seed=3)]))
    assert server.asked == [
        {
            "path": "/v1/chat/completions",
            "model": "some/model",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0.7,
            "seed": 3,
            "max_tokens": 7,
        }
    ]


def test_no_more_questions_at_once_than_asked_for(serve: Callable[..., Any]) -> None:
    def slow(body: dict[str, Any], number: int) -> Reply:
        time.sleep(0.02)
        return echo(body, number)

    server = serve(slow)
    ask(server, *map(str, range(12)), concurrency=3)
    assert 2 <= server.most_under_way <= 3


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_failure_that_passes_is_asked_again(serve: Callable[..., Any], status: int) -> None:
    def moody(body: dict[str, Any], number: int) -> Reply:
        return (status, b'{"error": {"message": "busy"}}', {}) if number < 3 else echo(body, number)

    server = serve(moody)
    assert ask(server, "a") == [ChatReply("a", "A")]
    assert len(server.asked) == 3


def test_waits_as_long_as_the_server_asks(serve: Callable[..., Any]) -> None:
    def patient(body: dict[str, Any], number: int) -> Reply:
        return (429, b"{}", {"retry-after": "1"}) if number == 1 else echo(body, number)

    began = time.monotonic()
    ask(serve(patient), "a")
    assert time.monotonic() - began >= 1


def test_a_failure_that_stays_is_an_error_with_its_status(serve: Callable[..., Any]) -> None:
    server = serve(lambda body, number: (500, b'{"error": {"message": "out of memory"}}', {}))
    with pytest.raises(BackendError, match=r"answered 500: .*out of memory") as caught:
        ask(server, "a", retries=2)
    assert (caught.value.retryable, caught.value.status_code) == (True, 500)
    assert len(server.asked) == 3
    assert server.url in caught.value.where


@pytest.mark.parametrize(
    ("status", "hint"),
    [(400, "own log"), (401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "--model")],
)
def test_a_refusal_is_not_asked_again(serve: Callable[..., Any], status: int, hint: str) -> None:
    server = serve(lambda body, number: (status, b'{"error": {"message": "no"}}', {}))
    with pytest.raises(BackendError, match=f"answered {status}") as caught:
        ask(server, "a")
    assert not caught.value.retryable
    assert hint in caught.value.hint
    assert len(server.asked) == 1


def test_a_server_that_dawdles(serve: Callable[..., Any]) -> None:
    def slow(body: dict[str, Any], number: int) -> Reply:
        time.sleep(0.5)
        return echo(body, number)

    with pytest.raises(BackendError, match="did not answer in time") as caught:
        ask(serve(slow), "a", timeout_s=0.1, retries=1)
    assert caught.value.retryable
    assert "goes on where it stopped" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "holds no text"),
        (b'{"choices": []}', "holds no text"),
        (b'{"choices": [{"index": 0}]}', "holds no text"),
        (b'"just text"', "holds no text"),
        (b"{ not json", "not JSON"),
    ],
)
def test_answers_that_are_none(serve: Callable[..., Any], content: bytes, message: str) -> None:
    server = serve(lambda body, number: (200, content, {}))
    with pytest.raises(BackendError, match=message):
        ask(server, "a", retries=1)
    assert len(server.asked) == 2


def test_a_web_page_instead_of_an_answer(serve: Callable[..., Any]) -> None:
    page = b"<html>nginx</html>"
    server = serve(lambda body, number: (200, page, {"content-type": "text/html"}))
    with pytest.raises(BackendError, match="is not JSON: nginx") as caught:
        ask(server, "a", retries=4)
    assert "/v1" in caught.value.hint
    assert len(server.asked) == 1


def test_an_unreachable_server_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = ChatClient("m", base_url=f"http://127.0.0.1:{port}/v1", retries=1, backoff_s=0.01)
    with pytest.raises(BackendError, match="cannot be reached") as caught:
        list(client.ask_all([ChatRequest("a", "a")]))
    assert "vllm serve" in caught.value.hint
    assert "--base-url" in caught.value.hint
    assert caught.value.status_code is None


def test_answers_before_a_failure_are_kept(serve: Callable[..., Any]) -> None:
    def break_down(body: dict[str, Any], number: int) -> Reply:
        if body["messages"][0]["content"] == "bad":
            return 401, b"{}", {}
        time.sleep(0.05)
        return echo(body, number)

    server = serve(break_down)
    client = ChatClient("m", base_url=server.url, concurrency=3)
    requests = [ChatRequest(key, key) for key in ("a", "bad", "b", *map(str, range(20)))]
    kept: list[ChatReply] = []
    with pytest.raises(BackendError, match="answered 401"):
        # Unlike list(...), this keeps what came before the error.
        kept.extend(client.ask_all(requests))
    assert {answer.key for answer in kept} >= {"a", "b"}
    assert len(server.asked) <= 4, "nothing new is asked behind a refusal"


def test_the_key_comes_from_the_environment(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(echo)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    ask(server, "a")
    assert server.headers[0]["authorization"] == "Bearer secret"


def test_the_address_may_come_from_the_environment(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(echo)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert list(ChatClient("m").ask_all([ChatRequest("a", "a")])) == [ChatReply("a", "A")]


def test_no_address_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="no server named") as caught:
        list(ChatClient("m").ask_all([ChatRequest("a", "a")]))
    assert "OPENAI_API_KEY" in caught.value.hint


def test_an_image_stands_before_the_question(serve: Callable[..., Any], tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), "red").save(tmp_path / "a.png")
    image = ImageFile.measure(tmp_path / "a.png")
    server = serve(lambda body, number: (200, completion("a cup"), {}))
    client = ChatClient("m", base_url=server.url)
    (reply,) = client.ask_all([ChatRequest("k", "what?", image=image)])
    assert reply == ChatReply("k", "a cup")
    assert server.asked[0]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": data_url(image)}},
        {"type": "text", "text": "what?"},
    ]
    assert "logprobs" not in server.asked[0]


def test_the_likeliest_first_tokens_are_told(serve: Callable[..., Any]) -> None:
    def tell(body: dict[str, Any], number: int) -> Reply:
        top = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -2}]
        # A vocabulary may hold the same text twice.
        top.append({"token": "a", "logprob": -0.5})
        answer = json.loads(completion("a cup"))
        answer["choices"][0]["logprobs"] = {"content": [{"token": "a", "top_logprobs": top}]}
        return 200, json.dumps(answer).encode(), {}

    server = serve(tell)
    client = ChatClient("m", base_url=server.url)
    (reply,) = client.ask_all([ChatRequest("k", "what?", top_logprobs=3)])
    assert (server.asked[0]["logprobs"], server.asked[0]["top_logprobs"]) == (True, 3)
    assert reply.first_token is not None
    assert reply.first_token == pytest.approx({"a": math.log(2) - 0.5, "b": -2.0})


def test_a_server_that_tells_no_probabilities(serve: Callable[..., Any]) -> None:
    def refuse(body: dict[str, Any], number: int) -> Reply:
        for name in ("top_logprobs", "logprobs"):
            if name in body:
                error = {"message": f"unknown parameter {name}", "param": name}
                return 400, json.dumps({"error": error}).encode(), {}
        return 200, completion("a cup"), {}

    client = ChatClient("m", base_url=serve(refuse).url)
    (reply,) = client.ask_all([ChatRequest("k", "what?", top_logprobs=3)])
    assert reply == ChatReply("k", "a cup")
    assert client.left_out == {"top_logprobs", "logprobs"}
