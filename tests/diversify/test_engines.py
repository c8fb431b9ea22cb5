"""A real Qwen2, taught two rewrites in the test, and a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.diversify.engines import ModelEngine, choose_engine, load_prompt
from vsdkit.diversify.guards import Ask
from vsdkit.errors import BackendError, CheckpointError, TemplateError
from vsdkit.settings.diversify import DiversifySettings

ASKS = [
    Ask("a", "there is a lamp behind a crate.", "lamp", "crate", frozenset({"behind"}), ()),
    Ask("b", "a cup is on the desk.", "cup", "desk", frozenset({"on"}), ()),
]
TAUGHT = {
    "a": "a crate stands in front of that lamp.",
    "b": "the desk can be seen under a cup.",
}


def test_the_prompt_names_the_objects_and_the_sentence() -> None:
    prompt = load_prompt()
    assert prompt.startswith("Given the image")
    assert {"{T1}", "{T2}", "{sentence}"} <= {word.strip('",.;:') for word in prompt.split()}


def test_a_model_rewrites_in_left_padded_batches(text_model: Path) -> None:
    engine = ModelEngine(str(text_model), load_prompt(), seed=0)
    assert dict(engine.rewrite(ASKS, 0)) == TAUGHT
    assert dict(engine.rewrite(ASKS[:1], 0)) == {"a": TAUGHT["a"]}
    assert engine.name == f"transformers:{text_model}"


def test_later_attempts_are_drawn_with_the_seed(
    text_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it learnt it knows too well to say anything else unless it is heated.
    monkeypatch.setattr("vsdkit.diversify.engines._TEMPERATURE", 5.0)
    unknown = [Ask("u", "a quite different sentence.", "lamp", "crate", frozenset(), ())]

    def draw(seed: int, attempt: int) -> dict[str, str]:
        return dict(ModelEngine(str(text_model), load_prompt(), seed).rewrite(unknown, attempt))

    first = draw(0, 1)
    assert draw(0, 1) == first
    assert len({first["u"], draw(0, 2)["u"], draw(9, 1)["u"]}) == 3


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    engine = ModelEngine(str(tmp_path / "none"), load_prompt(), 0)
    with pytest.raises(CheckpointError, match="the rewriting model cannot be loaded") as caught:
        list(engine.rewrite(ASKS, 0))
    assert "--engine rules" in caught.value.hint


def test_a_model_without_a_chat_template(text_model: Path, tmp_path: Path) -> None:
    for file in text_model.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(TemplateError, match="has no chat template"):
        list(ModelEngine(str(tmp_path), load_prompt(), 0).rewrite(ASKS, 0))


def test_a_server_is_asked_greedily_first_and_drawn_from_later(
    serve: Callable[..., Any], answer: Callable[[str], bytes]
) -> None:
    server = serve(lambda body, number: (200, answer("a reply"), {}))
    settings = DiversifySettings(engine="openai", model="m", base_url=server.url, seed=5)
    engine = choose_engine(settings)
    assert dict(engine.rewrite(ASKS, 0)) == {"a": "a reply", "b": "a reply"}
    assert dict(engine.rewrite(ASKS[:1], 2)) == {"a": "a reply"}
    assert [body["temperature"] for body in server.asked] == [0.0, 0.0, 0.7]
    assert [body["seed"] for body in server.asked] == [5, 5, 7]
    assert (
        'the sentence "there is a lamp behind a crate."'
        in server.asked[-1]["messages"][0]["content"]
    )
    assert engine.name == "openai:m"


def test_a_server_that_refuses(serve: Callable[..., Any]) -> None:
    server = serve(lambda body, number: (404, b'{"error": {"message": "no such model"}}', {}))
    engine = choose_engine(DiversifySettings(engine="openai", base_url=server.url))
    with pytest.raises(BackendError, match="no such model"):
        list(engine.rewrite(ASKS, 0))


def test_the_rules_need_no_model() -> None:
    engine = choose_engine(DiversifySettings(engine="rules"))
    assert engine.name == "rules"
    assert {row_id for row_id, text in engine.rewrite(ASKS, 0) if text} == {"a", "b"}
