"""A real Qwen2 of two layers that was taught two rewrites in the test."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vsdkit.diversify.engine import NoReply
from vsdkit.diversify.guards import Ask
from vsdkit.diversify.text_model import ModelEngine
from vsdkit.errors import CheckpointError, ConfigError, TemplateError
from vsdkit.settings.diversify import DiversifySettings

TAUGHT = {
    "a": "a crate stands in front of that lamp.",
    "b": "the desk can be seen under a cup.",
}


def engine_of(model: Path, **settings: Any) -> ModelEngine:
    return ModelEngine.from_settings(DiversifySettings(model=str(model), **settings))


def rewrite(
    model: Path, asks: list[Ask], attempt: int = 0, **settings: Any
) -> dict[str, str | NoReply]:
    with closing(engine_of(model, **settings)) as engine:
        return dict(engine.rewrite(asks, attempt))


def test_a_model_rewrites_in_left_padded_batches(text_model: Path, asks: list[Ask]) -> None:
    assert rewrite(text_model, asks) == TAUGHT
    assert rewrite(text_model, asks[:1]) == {"a": TAUGHT["a"]}
    assert engine_of(text_model).name == f"transformers:{text_model}"


def test_the_models_own_generation_config_changes_no_reply(
    text_model: Path, tmp_path: Path, asks: list[Ask]
) -> None:
    model = shutil.copytree(text_model, tmp_path / "model")
    path = model / "generation_config.json"
    own = json.loads(path.read_text(encoding="utf-8"))
    penalties = {"repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "min_new_tokens": 40}
    path.write_text(json.dumps(own | penalties), encoding="utf-8")
    assert rewrite(model, asks) == TAUGHT


def test_a_tokenizer_without_padding_will_do(
    text_model: Path, tmp_path: Path, asks: list[Ask]
) -> None:
    model = shutil.copytree(text_model, tmp_path / "model")
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    del config["pad_token"]
    path.write_text(json.dumps(config), encoding="utf-8")
    assert rewrite(model, asks) == TAUGHT


def test_later_attempts_are_sampled_with_the_seed(
    loose_text_model: Path, many_asks: list[Ask]
) -> None:
    first = rewrite(loose_text_model, many_asks, 1)
    assert rewrite(loose_text_model, many_asks, 1) == first
    for other in (
        rewrite(loose_text_model, many_asks, 0),
        rewrite(loose_text_model, many_asks, 2),
        rewrite(loose_text_model, many_asks, 1, seed=9),
    ):
        same = sum(other[row_id] == reply for row_id, reply in first.items())
        assert same < len(first) / 2


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_row_is_answered_alike_whatever_stands_beside_it(
    loose_text_model: Path, many_asks: list[Ask], attempt: int
) -> None:
    whole = rewrite(loose_text_model, many_asks, attempt)
    assert len(set(whole.values())) > (len(whole) / 2 if attempt else 1)
    for size in (1, 3):
        assert rewrite(loose_text_model, many_asks, attempt, batch_size=size) == whole
    # As when the rest is asked for after an interruption.
    left = many_asks[5::3]
    assert rewrite(loose_text_model, left, attempt) == {ask.id: whole[ask.id] for ask in left}


def test_batches_are_of_one_width_that_is_a_rows_own(
    text_model: Path, many_asks: list[Ask]
) -> None:
    engine = engine_of(text_model, batch_size=4)
    batches = engine._batches([engine._prompt(ask, 0) for ask in many_asks])
    assert sorted(len(batch) for batch in batches)[-1] == 4
    for batch in batches:
        assert {one.width for one in batch} == {batch[0].width}
        assert all(0 <= one.width - len(one.ids) < 32 for one in batch)
    assert {one.id for batch in batches for one in batch} == {ask.id for ask in many_asks}


def test_nothing_to_rewrite_loads_nothing(tmp_path: Path) -> None:
    assert rewrite(tmp_path / "none", []) == {}


def test_memory_that_ran_out_is_told(
    text_model: Path, asks: list[Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsdkit.diversify.text_weights import TextWeights

    real = TextWeights._answer

    def small(self: TextWeights, prompts: Any) -> Any:
        if len(prompts) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, prompts)

    monkeypatch.setattr(TextWeights, "_answer", small)
    with closing(engine_of(text_model)) as engine:
        assert engine.note == ""
        assert dict(engine.rewrite(asks, 0)) == TAUGHT
        assert engine.note == "memory ran out: 1 sentences at once in place of 16"


def test_more_gpus_than_there_are(
    text_model: Path, asks: list[Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ConfigError, match="3 GPUs asked for, 2 visible") as caught:
        rewrite(text_model, asks, gpus=3)
    assert "--gpus 2" in caught.value.hint
    counted = [engine_of(text_model, gpus=gpus)._count_processes() for gpus in (None, 1, 2)]
    assert counted == [2, 1, 2]


def test_a_model_that_is_not_there(tmp_path: Path, asks: list[Ask]) -> None:
    with pytest.raises(CheckpointError, match="the rewriting model cannot be loaded") as caught:
        rewrite(tmp_path / "none", asks)
    assert "--engine rules" in caught.value.hint


def test_a_model_without_weights(text_model: Path, tmp_path: Path, asks: list[Ask]) -> None:
    model = shutil.copytree(text_model, tmp_path / "model")
    (model / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the rewriting model cannot be loaded"):
        rewrite(model, asks)


def test_a_model_without_a_chat_template(text_model: Path, tmp_path: Path, asks: list[Ask]) -> None:
    for file in text_model.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(TemplateError, match="has no chat template"):
        rewrite(tmp_path, asks)
