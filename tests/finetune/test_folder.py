"""A run's folder: new, to go on with, complete, or somebody else's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.finetune.folder import is_complete, make_identity, open_run, remove_checkpoints
from vsdkit.finetune.plan import make_plan
from vsdkit.finetune.preflight import check_inputs
from vsdkit.model import check_base
from vsdkit.progress import SILENT
from vsdkit.settings.finetune import FinetuneSettings

IDENTITY = {"seed": 0, "learning_rate": 2e-4, "instructions": "ab" * 32}


def _begin(folder: Path, identity: dict[str, object] = IDENTITY, *, overwrite: bool = False):
    with open_run(folder, identity=identity, overwrite=overwrite) as beginning:
        return beginning


def _begun(folder: Path) -> None:
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps({"identity": IDENTITY}))


def _checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    path = folder / "checkpoints" / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text("{}")
    if whole:
        (path / "whole").touch()
    return path


def test_new_folder(tmp_path: Path) -> None:
    beginning = _begin(tmp_path / "runs" / "a")
    assert (beginning.complete, beginning.checkpoint, beginning.step) == (False, None, 0)


def test_last_whole_checkpoint_is_taken_and_half_written_ones_go(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    _checkpoint(tmp_path / "a", 9)
    whole = _checkpoint(tmp_path / "a", 10)
    half = _checkpoint(tmp_path / "a", 20, whole=False)
    beginning = _begin(tmp_path / "a")
    assert (beginning.checkpoint, beginning.step) == (whole, 10)
    assert not half.exists()


def test_run_stopped_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    assert _begin(tmp_path / "a").step == 0


def test_changed_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"learning_rate: 0\.0002 -> 0\.001") as raised:
        _begin(tmp_path / "a", IDENTITY | {"learning_rate": 1e-3})
    assert "--overwrite" in raised.value.hint
    with pytest.raises(ConfigError, match=r"instructions: abababababab\.\.\. -> cdcdcd"):
        _begin(tmp_path / "a", IDENTITY | {"instructions": "cd" * 32})


def test_complete_run(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    run = tmp_path / "a" / "run.json"
    run.write_text(json.dumps({"identity": IDENTITY}))
    assert not is_complete(tmp_path / "a")
    run.write_text(json.dumps({"identity": IDENTITY, "complete": True}))
    assert is_complete(tmp_path / "a")
    assert _begin(tmp_path / "a").complete
    with pytest.raises(ConfigError, match="a run with other settings is there: seed: 0 -> 1"):
        _begin(tmp_path / "a", IDENTITY | {"seed": 1})


def test_overwrite_removes_a_run_and_nothing_else(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    _checkpoint(tmp_path / "a", 10)
    assert _begin(tmp_path / "a", IDENTITY | {"seed": 1}, overwrite=True).step == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".lock"]
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").touch()
    with pytest.raises(ConfigError, match="holds no run: it is not removed"):
        _begin(other, overwrite=True)
    with pytest.raises(ConfigError, match="is there and holds no run"):
        _begin(other)
    assert (other / "chapter.tex").exists()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        open_run(tmp_path / "a", identity=IDENTITY, overwrite=False),
        pytest.raises(ConfigError, match="another process is training in this folder"),
    ):
        _begin(tmp_path / "a")


def test_checkpoints_are_removed(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 1)
    remove_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _identity(settings: FinetuneSettings) -> dict[str, object]:
    inputs = check_inputs(settings, listener=SILENT)
    plan = make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))
    return make_identity(settings, plan, inputs)


def test_places_are_not_part_of_a_run_and_its_rows_are(settings: FinetuneSettings) -> None:
    before = _identity(settings)
    moved = settings.model_copy(update={"name": "b", "save_steps": 9, "template": "paper"})
    assert _identity(moved) == before
    assert _identity(settings.model_copy(update={"seed": 1})) != before
    assert _identity(settings.model_copy(update={"gpus": 2})) != before
    rows = settings.instructions.read_text()
    settings.instructions.write_text(rows.replace("left", "west"))
    assert _identity(settings) != before


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(VsdkitError, match="cannot write") as raised:
        _begin(tmp_path / "runs" / "one")
    assert "--runs" in raised.value.hint


def test_what_a_kill_left_of_the_first_file_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / ".job.json.x1y2.part").write_text("{")
    assert not _begin(folder).complete


def test_file_system_without_locks_is_gone_on_with(without_locks, tmp_path: Path) -> None:
    assert _begin(tmp_path / "a").step == 0
