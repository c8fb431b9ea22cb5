from __future__ import annotations

import json
from pathlib import Path

import pytest

from vsdkit.ablate.stages import STAGES, Pipeline, _stage_key, run_stage
from vsdkit.errors import ConfigError
from vsdkit.progress import SILENT
from vsdkit.settings.commands import COMMANDS


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    item = {
        "img_id": "1",
        "triple_list": [
            {"s": "cup", "o": "table", "p": "on", "s_bbox": [1, 5, 1, 5], "o_bbox": [4, 9, 0, 9]}
        ],
        "captions": ["a cup on a table.", "the cup stands on the table."],
    }
    for name in ("v1", "v2"):
        (tmp_path / f"{name}.json").write_text(json.dumps([item]))
    return {name: str(tmp_path / f"{name}.json") for name in ("v1", "v2")}


def _build(given: dict[str, str], tmp_path: Path, pipeline: Pipeline | None = None) -> Pipeline:
    return run_stage(
        "build-instructions", given, pipeline or Pipeline(), tmp_path / "stages", listener=SILENT
    )


def test_same_settings_and_inputs_run_once(files: dict[str, str], tmp_path: Path) -> None:
    first = _build(files, tmp_path)
    made = first.files["instructions"]
    before = made.stat().st_mtime_ns
    assert _build(files, tmp_path) == first
    assert made.stat().st_mtime_ns == before


def test_another_setting_has_another_folder(files: dict[str, str], tmp_path: Path) -> None:
    first = _build(files, tmp_path)
    second = _build({**files, "template": "varied"}, tmp_path)
    assert first.files["gold"].parent != second.files["gold"].parent


def test_another_input_has_another_folder(files: dict[str, str], tmp_path: Path) -> None:
    first = _build(files, tmp_path)
    path = Path(files["v1"])
    path.write_text(path.read_text().replace("a cup on", "a cup upon"))
    assert _build(files, tmp_path).files != first.files


def test_a_stage_whose_mark_has_no_result_runs_again(files: dict[str, str], tmp_path: Path) -> None:
    first = _build(files, tmp_path)
    (first.files["gold"].parent / "stage.json").write_text("{}")
    assert _build(files, tmp_path) == first


def test_a_stage_that_was_cut_off_runs_again(files: dict[str, str], tmp_path: Path) -> None:
    first = _build(files, tmp_path)
    made = first.files["instructions"]
    content = made.read_bytes()
    (made.parent / "stage.json").unlink()
    made.write_text("half")
    _build(files, tmp_path)
    assert made.read_bytes() == content


def test_items_held_out_go_before_what_was_built(files: dict[str, str], tmp_path: Path) -> None:
    held_out = tmp_path / "heldout.jsonl"
    held_out.write_text("")
    pipeline = _build(files, tmp_path, Pipeline.begin(gold=held_out))
    assert pipeline.files["gold"] == held_out


def test_a_stage_without_its_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diversify needs preds") as caught:
        run_stage("diversify", {"engine": "rules"}, Pipeline(), tmp_path, listener=SILENT)
    assert "give preds in the file" in caught.value.hint


def test_stages_are_commands_in_their_order_and_name_settings_of_theirs() -> None:
    assert [name for name in COMMANDS if name in STAGES] == list(STAGES)
    for name, stage in STAGES.items():
        assert {*stage.takes, *stage.makes} <= set(COMMANDS[name].load_settings().model_fields)


def _key(name: str, /, **given: object) -> str:
    model = COMMANDS[name].load_settings()
    return _stage_key(name, model(**given), STAGES[name], Pipeline())


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("infer", {"batch_size": 2}),
        ("infer", {"output": "elsewhere.jsonl"}),
        ("finetune", {"runs": "elsewhere", "name": "mine", "save_steps": 5}),
        ("diversify", {"concurrency": 2, "overwrite": True}),
        ("score", {"java_memory_mib": 1024}),
    ],
)
def test_what_gives_the_same_result_is_the_same_stage(name: str, given: dict[str, object]) -> None:
    assert _key(name, **given) == _key(name)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("infer", {"images": ["blank"]}),
        ("infer", {"limit": 5}),
        ("finetune", {"images": ["blank"]}),
        ("finetune", {"gpus": 2}),
        ("finetune", {"dry_run": True}),
        ("diversify", {"seed": 1}),
        ("score", {"reading": "coco"}),
    ],
)
def test_what_changes_the_result_is_another_stage(name: str, given: dict[str, object]) -> None:
    assert _key(name, **given) != _key(name)
