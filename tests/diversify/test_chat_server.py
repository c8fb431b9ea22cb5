"""A real server on this machine, asked greedily first and with sampling later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.diversify.chat_server import ChatEngine
from vsdkit.diversify.engine import NoReply
from vsdkit.diversify.guards import Ask
from vsdkit.errors import BackendError, TemplateError
from vsdkit.settings.diversify import DiversifySettings


def engine_of(address: str, **settings: Any) -> ChatEngine:
    return ChatEngine.from_settings(DiversifySettings(base_url=address, **settings))


def test_a_server_is_asked_greedily_first_and_sampled_from_later(
    serve: Callable[..., Any], answer: Callable[[str], bytes], asks: list[Ask]
) -> None:
    server = serve(lambda body, number: (200, answer("a reply"), {}))
    engine = engine_of(server.url, model="m", seed=5)
    assert dict(engine.rewrite(asks, 0)) == {"a": "a reply", "b": "a reply"}
    assert dict(engine.rewrite(asks[:1], 2)) == {"a": "a reply"}
    assert [body["temperature"] for body in server.asked] == [0.0, 0.0, 0.7]
    assert [body["seed"] for body in server.asked] == [5, 5, 7]
    asked = server.asked[-1]["messages"][0]["content"]
    assert "between lamp and crate : 'there is a lamp behind a crate.', generate" in asked
    assert engine.name == "openai:m"


def test_one_sentence_without_a_reply_does_not_end_the_others(
    serve: Callable[..., Any], answer: Callable[[str], bytes], asks: list[Ask]
) -> None:
    blocked = b'{"error": {"message": "blocked", "code": "content_filter"}}'
    server = serve(
        lambda body, number: (
            (400, blocked, {})
            if "cup" in body["messages"][0]["content"]
            else (200, answer("a reply"), {})
        )
    )
    replies = dict(engine_of(server.url).rewrite(asks, 0))
    assert replies == {"a": "a reply", "b": NoReply("filtered")}


def test_what_the_server_does_not_take_is_in_the_note(
    serve: Callable[..., Any], answer: Callable[[str], bytes], asks: list[Ask]
) -> None:
    refusal = b'{"error": {"message": "Unsupported parameter: seed", "param": "seed"}}'
    server = serve(
        lambda body, number: (400, refusal, {}) if "seed" in body else (200, answer("a"), {})
    )
    engine = engine_of(server.url)
    assert engine.note == ""
    assert len(dict(engine.rewrite(asks, 0))) == 2
    assert engine.note == "the server does not take seed: left out of all requests"


def test_the_prompt_is_chosen_by_name_or_file(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("name: own\nprompt: 'Say it anew: {sentence}'\n", encoding="utf-8")
    prompts = [engine_of("http://x", prompt=name).prompt for name in ("paper", "plain", str(own))]
    assert prompts[0].startswith("Given the image and a concise spatial relationship description")
    assert prompts[1].endswith("Answer with the rewritten sentence only.")
    assert prompts[2] == "Say it anew: {sentence}"
    with pytest.raises(TemplateError, match="unknown rewriting prompt 'papr'; known: paper, plain"):
        engine_of("http://x", prompt="papr")


def test_a_server_that_refuses(serve: Callable[..., Any], asks: list[Ask]) -> None:
    server = serve(lambda body, number: (404, b'{"error": {"message": "no such model"}}', {}))
    with pytest.raises(BackendError, match="no such model"):
        list(engine_of(server.url).rewrite(asks, 0))


def test_the_note_tells_of_replies_that_were_kept(
    serve: Callable[..., Any], answer: Callable[[str], bytes], asks: list[Ask]
) -> None:
    server = serve(lambda body, number: (200, answer("a reply"), {}))
    replies = dict(engine_of(server.url).rewrite(asks, 0))
    again = engine_of(server.url)
    assert dict(again.rewrite(asks, 0)) == replies
    assert again.note == "2 replies are kept from earlier runs; --no-store asks again"
    assert len(server.asked) == 2
    assert dict(engine_of(server.url, no_store=True).rewrite(asks, 0)) == replies
    assert len(server.asked) == 4
