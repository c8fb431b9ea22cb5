"""A real Qwen2 of two layers that was taught two rewrites in the test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vsdkit.diversify.guards import Ask
from vsdkit.diversify.text_model import ModelEngine
from vsdkit.errors import CheckpointError, TemplateError
from vsdkit.settings.diversify import DiversifySettings

TAUGHT = {
    "a": "a crate stands in front of that lamp.",
    "b": "the desk can be seen under a cup.",
}


def engine_of(model: Path, seed: int = 0) -> ModelEngine:
    return ModelEngine.from_settings(DiversifySettings(model=str(model), seed=seed))


def test_a_model_rewrites_in_left_padded_batches(text_model: Path, asks: list[Ask]) -> None:
    engine = engine_of(text_model)
    assert dict(engine.rewrite(asks, 0)) == TAUGHT
    assert dict(engine.rewrite(asks[:1], 0)) == {"a": TAUGHT["a"]}
    assert engine.name == f"transformers:{text_model}"


def test_the_models_own_generation_config_changes_no_reply(
    text_model: Path, tmp_path: Path, asks: list[Ask]
) -> None:
    model = shutil.copytree(text_model, tmp_path / "model")
    path = model / "generation_config.json"
    own = json.loads(path.read_text(encoding="utf-8"))
    penalties = {"repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "min_new_tokens": 40}
    path.write_text(json.dumps(own | penalties), encoding="utf-8")
    assert dict(engine_of(model).rewrite(asks, 0)) == TAUGHT


def test_later_attempts_are_sampled_with_the_seed(
    text_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it learnt it knows too well to say anything else unless it is heated.
    monkeypatch.setattr("vsdkit.diversify.text_model.TEMPERATURE", 5.0)
    unknown = [Ask("u", "a quite different sentence.", "lamp", "crate", frozenset(), ())]

    def sample(seed: int, attempt: int) -> dict[str, str]:
        return dict(engine_of(text_model, seed).rewrite(unknown, attempt))

    first = sample(0, 1)
    assert sample(0, 1) == first
    assert len({first["u"], sample(0, 2)["u"], sample(9, 1)["u"]}) == 3


def test_a_model_that_is_not_there(tmp_path: Path, asks: list[Ask]) -> None:
    engine = engine_of(tmp_path / "none")
    with pytest.raises(CheckpointError, match="the rewriting model cannot be loaded") as caught:
        list(engine.rewrite(asks, 0))
    assert "--engine rules" in caught.value.hint


def test_a_model_without_a_chat_template(text_model: Path, tmp_path: Path, asks: list[Ask]) -> None:
    for file in text_model.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(TemplateError, match="has no chat template"):
        list(engine_of(tmp_path).rewrite(asks, 0))
