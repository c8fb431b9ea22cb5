"""What is the same is said to be, and what is spoilt is named."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vsdkit.errors import CheckpointError, ConfigError, MissingInputError
from vsdkit.model import checkpoint
from vsdkit.verify import VerifyReport
from vsdkit.verify.questions import choose_questions

Look = Callable[..., VerifyReport]
LAYER = "language_model.model.layers.1.mlp.down_proj.weight"


def spoil(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = next(folder.glob("*model.safetensors"))
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights, metadata={"format": "pt"})


def state(report: VerifyReport) -> dict[str, bool]:
    return {one.name: one.passed for one in report.all_checks}


def test_adapter_and_merged_folder_are_the_same(shared: Any, look: Look) -> None:
    report = look(run=shared.run, against=shared.merged)
    assert report.failures == ()
    assert state(report) == {
        "adapter weights": True,
        "LoRA trained": True,
        "merged weights": True,
        "answers: merged in memory": True,
        f"answers: {shared.merged}": True,
    }
    assert [(one.rows, one.equal) for one in report.comparisons] == [(2, 2), (2, 2)]
    # Float32 through and through: what is left is the order of additions.
    assert all(0 < one.difference < 1e-4 for one in report.comparisons if one.difference)
    told = report.to_dict()
    assert told["same"] is True
    assert told["comparisons"][1]["share_equal"] == 1.0
    assert report.checks[0].found.startswith("all 46 have their place in ")


def test_one_weight_that_was_changed_is_named(files: Any, look: Look) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[LAYER][3, 5] += 0.5

    spoil(files.merged, change)
    report = look(run=files.run, against=files.merged)
    found = {one.name: one.found for one in report.all_checks if not one.passed}
    assert found["merged weights"] == (
        f"1 of 90 are not base + adapter (first: {LAYER}, off by 0.5)"
    )
    assert report.failures[0].exit_code == 1
    assert LAYER in report.failures[0].message
    assert "--overwrite" in report.failures[0].hint
    assert report.to_dict()["same"] is False


def test_a_model_that_answers_otherwise(files: Any, look: Look) -> None:
    """As LLaMA-Factory's and others' users meet it: the base's weights without the adapter's."""
    import shutil

    base = json.loads((files.run / "run.json").read_text())["base"]
    shutil.copy(Path(base) / "model.safetensors", files.merged / "model.safetensors")
    report = look(run=files.run, against=files.merged)
    assert not state(report)["merged weights"]
    (_, other) = report.comparisons
    assert not other.passed
    assert other.difference is not None
    assert other.difference > 0.1
    assert "(allowed: 100% equal, 0.01)" in other.found
    if other.first_other is not None:
        assert other.first_other[0] in report.notes()[-1]


def test_weights_that_are_no_numbers(files: Any, look: Look) -> None:
    spoil(files.merged, lambda tensors: tensors[LAYER].fill_(float("nan")))
    report = look(run=files.run, against=files.merged)
    assert "off by inf" in report.failures[0].message
    assert report.comparisons[1].difference == float("inf")


def test_a_weight_that_is_missing_or_too_many(files: Any, look: Look) -> None:
    spoil(files.merged, lambda tensors: tensors.update(more=tensors.pop(LAYER)))
    with pytest.raises(CheckpointError, match="lacks 1 weights"):
        # The files are told apart before, but no model can be asked.
        look(run=files.run, against=files.merged)


def test_limits_may_be_set(shared: Any, look: Look) -> None:
    report = look(run=shared.run, max_difference=0.0)
    assert state(report)["answers: merged in memory"] is False
    assert "largest logit difference" in report.failures[0].message


def test_an_adapter_that_adds_nothing(files: Any, look: Look) -> None:
    def zero(tensors: dict[str, torch.Tensor]) -> None:
        for name, tensor in tensors.items():
            if "lora_B" in name:
                tensor.zero_()

    spoil(files.run, zero)
    report = look(run=files.run)
    assert state(report)["LoRA trained"] is False
    assert "B is zero everywhere in 21 of 21 layers" in report.failures[0].message


def test_an_adapter_of_which_a_key_finds_no_place(files: Any, look: Look) -> None:
    key = "base_model.model.model.language_model.layers.{}.self_attn.q_proj.lora_{}.weight"

    def move(tensors: dict[str, torch.Tensor]) -> None:
        for half in "AB":
            tensors[key.format(7, half)] = tensors.pop(key.format(2, half))

    spoil(files.run, move)
    report = look(run=files.run)
    assert state(report) == {"adapter weights": False}
    assert "0 weights named model.language_model.layers.7" in report.failures[0].message


def test_one_model_is_loaded_at_a_time(
    shared: Any, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, alive, most = checkpoint.load_base, [], []

    def loading(*arguments: Any, **settings: Any) -> Any:
        most.append(sum(one() is not None for one in alive))
        loaded = load(*arguments, **settings)
        alive.append(weakref.ref(loaded.model))
        return loaded

    monkeypatch.setattr(checkpoint, "load_base", loading)
    # Python would come to it in its own time, which with a model of 26 GB is too late.
    gc.disable()
    try:
        look(run=shared.run, against=shared.merged)
    finally:
        gc.enable()
    assert most == [0, 0], "nothing of the first model is left when the second is loaded"


def test_a_server_for_one_tile(make_run: Callable[..., Path], tmp_path: Path, look: Look) -> None:
    run = make_run(tmp_path / "run", image_mode="single")
    with pytest.raises(ConfigError, match="differ whatever it serves: image mode single has no"):
        look(run=run, base_url="http://localhost:1/v1")


def test_a_model_name_without_a_server(shared: Any, look: Look) -> None:
    with pytest.raises(ConfigError, match="name its address, --base-url"):
        look(run=shared.run, model="one")


def test_items_of_ones_own(shared: Any, look: Look, trained_on: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("image,subject,object\n0.png,cup,desk\n1.png,cup,lamp\n")
    report = look(run=shared.run, items=items, rows=50)
    assert report.comparisons[0].rows == 6


def test_the_sample_is_always_the_same_and_in_the_files_order(shared: Any) -> None:
    from vsdkit.model.run_folder import TrainedRun
    from vsdkit.progress import SILENT
    from vsdkit.settings.verify import VerifySettings

    run = TrainedRun.read(shared.run)
    settings = VerifySettings(rows=4)
    keys = [one.key for one in choose_questions(settings, run, SILENT)]
    assert keys == [one.key for one in choose_questions(settings, run, SILENT)]
    assert keys == sorted(set(keys))
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("settings", "kind", "told"),
    [
        ({}, ConfigError, "does not say which rows were trained on"),
        ({"instructions": "gone.jsonl"}, MissingInputError, "that were trained on are not there"),
    ],
)
def test_rows_that_are_not_known(
    files: Any, look: Look, settings: dict[str, str], kind: type[Exception], told: str
) -> None:
    place = files.run / "run.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"settings": settings}))
    with pytest.raises(kind, match=told) as caught:
        look(run=files.run)
    assert "--items" in caught.value.hint  # type: ignore[attr-defined]


def test_images_that_are_not_known(files: Any, look: Look, trained_on: Path) -> None:
    place = files.run / "run.json"
    note = json.loads(place.read_text())
    del note["settings"]["images"]
    place.write_text(json.dumps(note))
    with pytest.raises(ConfigError, match="does not say where the pictures were"):
        look(run=files.run)
    assert look(run=files.run, images=[trained_on], rows=1).failures == ()
