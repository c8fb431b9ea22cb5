"""Where a run begins: a new folder, one to go on with, a complete one, or somebody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.images import ImageFile
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.finetune.folder import (
    Checkpoint,
    half_written,
    last_checkpoint,
    make_identity,
    mark_whole,
    open_run,
    remove_checkpoints,
    remove_run,
    why_refused,
)
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import make_plan
from vsdkit.finetune.preflight import check_inputs
from vsdkit.finetune.start_weights import StartWeights
from vsdkit.model.bases import check_base
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import SAME_RESULT

IDENTITY = {"seed": 0, "learning_rate": 2e-4, "instructions": "ab" * 32}
IMAGES = {
    "a.png": ImageFile(
        "/images/a.png",
        48,
        40,
        1234,
        1_700_000_000_000_000_000,
        1_700_000_000_000_000_001,
        "ab" * 32,
    )
}


def _begin(folder: Path, identity: dict[str, object] = IDENTITY, *, overwrite: bool = False):
    with open_run(folder, identity=identity, overwrite=overwrite) as beginning:
        return beginning


def _begun(folder: Path) -> None:
    folder.mkdir()
    texts: dict[str, Any] = {"template": "", "conversation": "", "checkpoint": None, "host": ""}
    job = Job(
        folder=str(folder),
        settings={},
        plan={},
        identity=IDENTITY,
        rows=[],
        left_out_rows=[],
        images=IMAGES,
        origins={},
        argv=[],
        parent=1,
        start="1",
        port=None,
        environment={},
        **texts,
    )
    job.write()


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
    assert beginning.images == {}


def test_last_whole_checkpoint_is_taken_and_half_written_ones_go(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    _checkpoint(tmp_path / "a", 9)
    whole = _checkpoint(tmp_path / "a", 10)
    half = _checkpoint(tmp_path / "a", 20, whole=False)
    beginning = _begin(tmp_path / "a")
    assert beginning.checkpoint == Checkpoint(whole, 10)
    assert beginning.images == IMAGES
    assert not half.exists()
    assert beginning.half_written == ("checkpoint-20",), "for the message"


def test_run_stopped_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    assert _begin(tmp_path / "a").step == 0


def test_changed_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"learning_rate was '0\.0002', is '0\.001'") as raised:
        _begin(tmp_path / "a", IDENTITY | {"learning_rate": 1e-3})
    assert "--overwrite" in raised.value.hint
    with pytest.raises(ConfigError, match=r"instructions was 'ab{1,}.*\.\.\.', is 'cdcdcd"):
        _begin(tmp_path / "a", IDENTITY | {"instructions": "cd" * 32})


def test_complete_run(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    run = tmp_path / "a" / "run.json"
    run.write_text(json.dumps({"identity": IDENTITY}))
    assert not _begin(tmp_path / "a").complete
    run.write_text(json.dumps({"identity": IDENTITY, "complete": True}))
    assert _begin(tmp_path / "a").complete
    with pytest.raises(ConfigError, match=r"an older result is in the way.* seed was '0', is '1'"):
        _begin(tmp_path / "a", IDENTITY | {"seed": 1})


def test_overwrite_removes_a_run_and_nothing_else(tmp_path: Path) -> None:
    _begun(tmp_path / "a")
    _checkpoint(tmp_path / "a", 10)
    assert _begin(tmp_path / "a", IDENTITY | {"seed": 1}, overwrite=True).step == 0
    assert last_checkpoint(tmp_path / "a"), "not before the new one's inputs were looked at"
    remove_run(tmp_path / "a")
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
    inputs = check_inputs(settings)
    plan = make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))
    # The hash that find_start would find; tests/finetune/test_start_weights.py has real ones.
    start = None if settings.resume_from is None else StartWeights(settings.resume_from, "ab" * 32)
    return make_identity(
        settings,
        plan,
        inputs,
        precision=settings.precision,
        base_commit="0" * 40,
        start=start,
    )


def _other_file(settings: FinetuneSettings, what: str) -> str:
    """Return a file made of a setting's own, with one thing changed in it."""
    folder = settings.runs.parent
    if what == "instructions":
        text = settings.instructions.read_text().replace("left", "west")
    elif what == "template":
        text = load_template("paper").text.replace("name: paper", "name: other")
    else:
        text = load_conversation("vicuna_v1").text.replace("USER", "HUMAN")
    path = folder / f"other-{what}{'.jsonl' if what == 'instructions' else '.yaml'}"
    path.write_text(text)
    note = Path(f"{settings.instructions}.run.json")
    Path(f"{path}.run.json").write_text(note.read_text())
    return str(path)


# Every setting that is not marked as leaving the result the same, and another value of it.
CHANGED: dict[str, Any] = {
    "instructions": _other_file,
    "template": _other_file,
    "conversation": _other_file,
    "base": "elsewhere/tiny",
    "gpus": 2,
    "image_mode": "anyres",
    "batching": "pictures",
    "picture_weight": "sqrt",
    "global_batch_size": 4,
    "per_device_batch_size": 2,
    "epochs": 3,
    "max_steps": 5,
    "max_rows": 19,
    "resume_from": Path("runs/other"),
    "learning_rate": 1e-3,
    "schedule": "linear",
    "warmup_ratio": 0.1,
    "weight_decay": 0.1,
    "gradient_clipping": 1.0,
    "lora_rank": 5,
    "lora_alpha": 9,
    "lora_dropout": 0.1,
    "train_projector": True,
    "projector_learning_rate": 1e-5,
    "precision": "bf16",
    "load_in": "4bit",
    "zero_stage": 1,
    "seed": 1,
}
UNMARKED = {
    name for name, one in FinetuneSettings.model_fields.items() if SAME_RESULT not in one.metadata
}


@pytest.mark.parametrize("name", sorted(UNMARKED))
def test_a_run_with_one_other_setting_is_another_run(
    settings: FinetuneSettings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: True)
    folder = settings.runs / "a"
    folder.mkdir(parents=True)
    identity = _identity(settings)
    (folder / "run.json").write_text(json.dumps({"identity": identity, "complete": True}))
    assert _begin(folder, identity).complete
    value = CHANGED[name]
    value = value(settings, name) if callable(value) else value
    other = FinetuneSettings.model_validate(settings.model_dump() | {name: value})
    with pytest.raises(ConfigError, match=rf"made otherwise: (.*; )?{name} was "):
        _begin(folder, _identity(other))


def test_a_place_or_a_manner_is_not_another_run(settings: FinetuneSettings, tmp_path: Path) -> None:
    before = _identity(settings)
    (tmp_path / "pictures").rename(tmp_path / "moved")
    settings.instructions.rename(tmp_path / "moved.jsonl")
    moved = settings.model_copy(
        update={
            "name": "b",
            "save_steps": 9,
            # Named, and the one that the rows' run.json has.
            "template": "paper",
            "instructions": tmp_path / "moved.jsonl",
            "images": (tmp_path / "moved",),
            # What they come to without being named.
            "per_device_batch_size": 8,
            "zero_stage": 2,
        }
    )
    assert _identity(moved) == before


@pytest.mark.parametrize(("hostfile", "seconds"), [(None, 1), ("hosts", 10)])
def test_processes_of_a_killed_command_are_given_time_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostfile: str | None, seconds: int
) -> None:
    """Those of other machines see no parent go, but its heartbeat, and write until then."""
    folder = tmp_path / "a"
    _begun(folder)
    job = Job.read(folder / "job.json")
    replace(job, settings={"hostfile": hostfile}).write()
    slept: list[float] = []
    monkeypatch.setattr("vsdkit.launch.heartbeat.time.sleep", slept.append)
    _begin(folder)
    assert slept == []
    (folder / ".heartbeat").touch()
    _begin(folder)
    assert slept == [seconds]
    assert not (folder / ".heartbeat").exists()


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


def test_checkpoint_that_was_cut_off_since_is_passed_over(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    for step in (2, 4):
        folder = checkpoints / f"checkpoint-{step}" / "global_step"
        folder.mkdir(parents=True)
        (folder / "optimizer.pt").write_bytes(bytes(100))
        mark_whole(folder.parent)
    assert last_checkpoint(tmp_path).step == 4
    (checkpoints / "checkpoint-4" / "global_step" / "optimizer.pt").write_bytes(bytes(60))
    assert last_checkpoint(tmp_path).step == 2
    assert half_written(tmp_path) == [checkpoints / "checkpoint-4"]
    (checkpoints / "checkpoint-2" / "global_step" / "optimizer.pt").unlink()
    assert last_checkpoint(tmp_path) is None


def test_mark_of_an_older_version_says_no_sizes_and_counts(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "checkpoint-7"
    folder.mkdir(parents=True)
    (folder / "whole").touch()
    assert last_checkpoint(tmp_path).step == 7


def test_why_a_run_would_be_refused(tmp_path: Path) -> None:
    assert why_refused(tmp_path / "nothing", {"seed": 1}) == ""
    (tmp_path / "job.json").write_text(json.dumps({"identity": {"seed": 0}}))
    assert why_refused(tmp_path, {"seed": 0}) == ""
    assert "seed was '0', is '1'" in why_refused(tmp_path, {"seed": 1})
