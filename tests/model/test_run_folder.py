"""What a run folder says is read as it was written, and what is missing in it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vsdkit.conversation import load_conversation, load_template
from vsdkit.errors import CheckpointError, DataError
from vsdkit.manifest import Manifest, hash_file, read_manifest
from vsdkit.model import run_folder
from vsdkit.model.run_folder import TrainedRun, count_seen, is_complete, newest_run
from vsdkit.settings.finetune import FinetuneSettings


def _write(folder: Path) -> TrainedRun:
    folder.mkdir(parents=True)
    (folder / run_folder.ADAPTER_CONFIG).write_text("{}")
    (folder / run_folder.ADAPTER_WEIGHTS).write_bytes(b"weights")
    run = TrainedRun(
        folder=folder,
        base="tiny",
        image_mode="anyres",
        template=load_template("varied"),
        conversation=load_conversation("vicuna_v1"),
        training_images=frozenset({"b.png", "a.png", "name with\u2028a line separator.png"}),
    )
    run.write(Manifest("finetune", settings={}), inputs=[], last_loss=0.25)
    return run


def _change(folder: Path, **facts: object) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = _write(tmp_path / "a")
    assert TrainedRun.read(tmp_path / "a") == run
    assert run.hash_weights() == hash_file(tmp_path / "a" / "adapter_model.safetensors")


def test_files_and_keys_that_other_programs_may_read(tmp_path: Path) -> None:
    folder = _write(tmp_path / "a").folder
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "conversation.yaml",
        "run.json",
        "template.yaml",
        "training_images.txt",
    }
    names = (folder / "training_images.txt").read_text(encoding="utf-8").split("\n")
    assert names[:2] == ["a.png", "b.png"]
    facts = read_manifest(folder / "run.json")
    expected = {
        "complete": True,
        "base": "tiny",
        "image_mode": "anyres",
        "template": "varied",
        "template_text": (folder / "template.yaml").read_text(encoding="utf-8"),
        "conversation": "vicuna_v1",
        "last_loss": 0.25,
    }
    assert {name: facts[name] for name in expected} == expected
    assert list(facts)[-1] == "complete"


def test_run_json_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        assert (tmp_path / "a" / "training_images.txt").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(Manifest, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "a")
    assert not is_complete(tmp_path / "a")
    with pytest.raises(CheckpointError, match="what it was trained with is not known"):
        TrainedRun.read(tmp_path / "a")


def test_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder") as caught:
        TrainedRun.read(tmp_path / "nowhere")
    assert "as runs/NAME" in caught.value.hint


def test_training_that_did_not_end(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    _change(tmp_path / "a", complete=False)
    assert not is_complete(tmp_path / "a")
    with pytest.raises(CheckpointError, match="did not end") as caught:
        TrainedRun.read(tmp_path / "a")
    assert "vsdkit finetune --name a" in caught.value.hint


@pytest.mark.parametrize(
    "name",
    ["adapter_model.safetensors", "template.yaml", "conversation.yaml", "training_images.txt"],
)
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "a")
    (tmp_path / "a" / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing") as caught:
        TrainedRun.read(tmp_path / "a")
    assert "copy the whole run folder" in caught.value.hint


@pytest.mark.parametrize("key", ["base", "image_mode"])
def test_a_fact_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    _write(tmp_path / "a")
    _change(tmp_path / "a", **{key: None})
    with pytest.raises(DataError, match=f"field '{key}' must be text, got None") as caught:
        TrainedRun.read(tmp_path / "a")
    assert caught.value.where == str(tmp_path / "a" / "run.json")


def test_the_newest_complete_run(tmp_path: Path) -> None:
    for name, started, complete in (
        ("old", "2026-01-01", True),
        ("new", "2026-03-01", True),
        ("under way", "2026-04-01", False),
    ):
        _write(tmp_path / name)
        _change(tmp_path / name, started=started, complete=complete)
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "run.json").write_text("{")
    assert newest_run(tmp_path) == tmp_path / "new"


def test_no_run_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no complete adapter found") as caught:
        newest_run()
    assert caught.value.where == f"{FinetuneSettings().runs}/"


@pytest.mark.parametrize(
    ("trained", "asked", "seen"),
    [
        ("day1/1.jpg", "day1/1.jpg", 1),
        ("day1/1.jpg", "day2/1.jpg", 0),
        ("1.jpg", "day2/1.jpg", 1),
        ("day1/1.jpg", "1.jpg", 1),
        ("1.jpg", "2.jpg", 0),
    ],
)
def test_an_image_of_another_folder_was_not_seen(trained: str, asked: str, seen: int) -> None:
    assert count_seen([asked], frozenset({trained})) == {"pictures": 1, "seen": seen}


def test_folder_of_a_run_that_was_stopped_and_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(CheckpointError, match="training of this adapter did not end") as caught:
        TrainedRun.read(tmp_path)
    assert f"vsdkit finetune --name {tmp_path.name}" in caught.value.hint
    with pytest.raises(CheckpointError, match="no such folder"):
        TrainedRun.read(tmp_path / "nowhere")
