"""A second run asks nothing; another question, model, server or image is asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.chat_client import ChatClient, ChatReply, ChatRequest
from vsdkit.data.images import ImageFile
from vsdkit.errors import BackendError

KEY = "sk-topsecret-0123456789"


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], ImageFile]:
    def make(colour: str) -> ImageFile:
        path = tmp_path / f"{colour}.png"
        Image.new("RGB", (4, 4), colour).save(path)
        return ImageFile.measure(path)

    return make


@pytest.fixture
def server(serve: Callable[..., Any], answer: Callable[[str], bytes]) -> Any:
    return serve(lambda body, number: (200, answer(f"reply {number}"), {}))


def ask(url: str, *requests: ChatRequest, model: str = "m", **settings: Any) -> list[ChatReply]:
    client = ChatClient(model, base_url=url, store=True, concurrency=1, backoff_s=0, **settings)
    return list(client.ask_all(requests))


def test_a_second_run_asks_nothing(server: Any, picture: Any) -> None:
    requests = [ChatRequest("a", "one"), ChatRequest("b", "two", image=picture("red"))]
    first = ask(server.url, *requests)
    assert [reply.text for reply in first] == ["reply 1", "reply 2"]
    client = ChatClient("m", base_url=server.url, store=True)
    assert list(client.ask_all(requests)) == first
    assert client.looked_up == 2
    assert len(server.asked) == 2
    # The rest of a longer run is asked, in whatever order; the key is no part of a question.
    more = ask(server.url, ChatRequest("c", "three"), requests[1]._replace(key="d"))
    assert {reply.key: reply.text for reply in more} == {"c": "reply 3", "d": "reply 2"}


def test_a_reply_keeps_its_first_tokens(serve: Any) -> None:
    told = {"content": [{"token": "a", "top_logprobs": [{"token": "a", "logprob": -0.5}]}]}
    choice = {"message": {"content": "a"}, "logprobs": told}
    server = serve(lambda body, number: (200, json.dumps({"choices": [choice]}).encode(), {}))
    request = ChatRequest("k", "x", top_logprobs=2)
    assert ask(server.url, request) == ask(server.url, request)
    assert ask(server.url, request)[0].first_token == {"a": -0.5}
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "another"},
        {"max_tokens": 9},
        {"temperature": 0.7},
        {"seed": 1},
        {"top_logprobs": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_question_is_asked(server: Any, change: dict[str, Any]) -> None:
    request = ChatRequest("a", "one")
    ask(server.url, request)
    ask(server.url, request._replace(**change))
    assert len(server.asked) == 2


def test_another_image_model_or_weights_are_asked(server: Any, picture: Any) -> None:
    request = ChatRequest("a", "one", image=picture("red"))
    ask(server.url, request)
    ask(server.url, request._replace(image=picture("blue")))
    ask(server.url, request, model="n")
    ask(server.url, request, weights="abc")
    assert len(server.asked) == 4
    # The same picture elsewhere is the same.
    moved = request.image._replace(path="/moved") if request.image else None
    assert ask(server.url, request._replace(image=moved))[0].text == "reply 1"


def test_the_same_name_at_another_server_is_another_model(
    server: Any, serve: Any, answer: Any
) -> None:
    request = ChatRequest("a", "one")
    ask(server.url, request)
    other = serve(lambda body, number: (200, answer("of the other"), {}))
    assert ask(other.url, request)[0].text == "of the other"
    # A password does not make it another server.
    with_login = server.url.replace("//", "//me:secret@")
    assert ask(with_login, request)[0].text == "reply 1"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_what_is_not_whole_is_asked_again(serve: Any, finish: str) -> None:
    choice = {"message": {"content": "half a"}, "finish_reason": finish}
    server = serve(lambda body, number: (200, json.dumps({"choices": [choice]}).encode(), {}))
    for _ in range(2):
        (reply,) = ask(server.url, ChatRequest("a", "one"))
        assert reply.no_text in ("too long", "filtered")
    assert len(server.asked) == 2


def test_without_the_store_all_is_asked_and_nothing_kept(server: Any, server_answers: Path) -> None:
    for _ in range(2):
        list(ChatClient("m", base_url=server.url).ask_all([ChatRequest("a", "one")]))
    assert len(server.asked) == 2
    assert not server_answers.exists()


def test_no_key_is_in_the_store_or_in_any_reply_or_error(
    serve: Any, answer: Any, server_answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def echo(body: dict[str, Any], number: int) -> Any:
        headers = {"x-key": KEY, "authorization": f"Bearer {KEY}"}
        if body["messages"][0]["content"] == "bad":
            return 500, json.dumps({"error": {"message": KEY, "code": KEY}}).encode(), headers
        return 200, answer(f"your key is {KEY}!"), headers

    url = serve(echo).url.replace("//", "//me:secret-password@")
    good, bad = ask(url, ChatRequest("a", "one"), ChatRequest("b", "bad"), retries=0)
    assert good.text == "your key is ***!"
    assert bad.failure is not None
    told = f"{bad.failure} {bad.failure.args} {bad.failure.__cause__}"
    assert KEY not in told
    assert "secret-password" not in told
    assert bad.failure.__suppress_context__
    written = b"".join(path.read_bytes() for path in server_answers.parent.iterdir())
    assert b"your key is" in written
    assert KEY.encode() not in written
    assert b"secret-password" not in written


def test_a_traceback_does_not_show_the_key(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import traceback

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    echo = json.dumps({"error": {"message": f"wrong: {KEY}"}}).encode()
    with pytest.raises(BackendError) as caught:
        list(
            ChatClient("m", base_url=serve(lambda body, number: (401, echo, {})).url).ask_all(
                [ChatRequest("a", "a")]
            )
        )
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_damaged_store_costs_no_answer(server: Any, server_answers: Path) -> None:
    ask(server.url, ChatRequest("a", "one"))
    connection = sqlite3.connect(server_answers)
    with connection:
        connection.execute("UPDATE answers_1 SET value = x'00'")
    connection.close()
    assert ask(server.url, ChatRequest("a", "one"))[0].text == "reply 2"
    assert ask(server.url, ChatRequest("a", "one"))[0].text == "reply 2"
