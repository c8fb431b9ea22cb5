"""A real server on this machine, asked greedily first and with sampling later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vsdkit.diversify.chat_server import ChatEngine
from vsdkit.diversify.guards import Ask
from vsdkit.errors import BackendError
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
    assert (
        'the sentence "there is a lamp behind a crate."'
        in server.asked[-1]["messages"][0]["content"]
    )
    assert engine.name == "openai:m"


def test_a_server_that_refuses(serve: Callable[..., Any], asks: list[Ask]) -> None:
    server = serve(lambda body, number: (404, b'{"error": {"message": "no such model"}}', {}))
    with pytest.raises(BackendError, match="no such model"):
        list(engine_of(server.url).rewrite(asks, 0))
