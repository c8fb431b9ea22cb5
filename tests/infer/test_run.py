"""Real models on synthetic images: batches, going on after a kill, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import vsdkit.infer.local
from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.jsonl import append_rows
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    MissingInputError,
    TemplateError,
    VsdkitError,
)
from vsdkit.infer import InferReport, infer
from vsdkit.infer.asked import Asked
from vsdkit.infer.engines import make_engine
from vsdkit.infer.kept import KeptAnswers
from vsdkit.infer.model_choice import choose_model
from vsdkit.infer.run import _identity
from vsdkit.manifest import Manifest, hash_file
from vsdkit.model.answerer import Answerer
from vsdkit.model.base_files import base_commit
from vsdkit.model.bases import tiny_base_path
from vsdkit.model.generation import MAX_NEW_TOKENS
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import SAME_RESULT

Ask = Callable[..., InferReport]
WriteRun = Callable[..., Path]


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.bars: dict[str, tuple[int | None, int]] = {}

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Any:
        steps = [0]

        class Tracker:
            def advance(self, count: int = 1, **facts: Any) -> None:
                steps[0] += count

        yield Tracker()
        self.bars[description] = (total, steps[0])


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def no_model(*_: object, **__: object) -> None:
    raise AssertionError("a model was loaded")


def test_one_row_for_each_item_and_task_in_the_items_order(
    ask: Ask, scenes: Any, tmp_path: Path
) -> None:
    report = ask()
    rows = rows_of(tmp_path / "preds.jsonl")
    ids = [f"{n}.png:red box:blue ball" for n in range(6)] + ["1.png:blue ball:red box"]
    assert [(row["id"], row["task"]) for row in rows] == [(i, t) for i in ids for t in (1, 2, 3)]
    assert report.rows == {"1": 7, "2": 7, "3": 7}
    assert (report.answered_now, report.pictures, report.seen_in_training) == (21, 6, None)
    assert all(isinstance(row["raw"], str) for row in rows)
    assert {path.name for path in tmp_path.iterdir()} == {"preds.jsonl", "preds.jsonl.run.json"}


def test_what_cannot_be_parsed_is_null_and_counted(ask: Ask, tmp_path: Path) -> None:
    report = ask()
    rows = rows_of(tmp_path / "preds.jsonl")
    for task in (1, 2, 3):
        nulls = sum(row["prediction"] is None for row in rows if row["task"] == task)
        assert report.unparsed[str(task)] == nulls
    # Eight tokens of an untrained answer are no three sentences.
    assert report.unparsed["3"] == 7


@pytest.mark.parametrize("image_mode", ["single", "anyres"])
def test_the_same_answers_for_batches_of_one_and_of_eight(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image_mode: str
) -> None:
    lengths = {1: 10, 2: 24, 3: 32}
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", lengths)
    contents = set()
    for batch_size in (1, 8):
        output = tmp_path / f"{batch_size}.jsonl"
        ask(output=output, batch_size=batch_size, image_mode=image_mode)
        contents.add(output.read_bytes())
    assert len(contents) == 1
    assert len({row["raw"] for row in rows_of(output)}) > 1, "the pictures make a difference"


def test_tasks_and_limit(ask: Ask, tmp_path: Path) -> None:
    ask(tasks="1,3", limit=2)
    keys = [(row["id"][:5], row["task"]) for row in rows_of(tmp_path / "preds.jsonl")]
    assert keys == [("0.png", 1), ("0.png", 3), ("1.png", 1), ("1.png", 3)]


def test_a_larger_limit_goes_on(ask: Ask, tmp_path: Path) -> None:
    ask(tasks=(1,), limit=2)
    assert ask(tasks=(1,)).answered_now == 5
    assert len(rows_of(tmp_path / "preds.jsonl")) == 7


def test_a_finished_run_loads_no_model(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(tasks=(1, 3))
    content = (tmp_path / "preds.jsonl").read_bytes()
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    second = ask(tasks=(1, 3))
    assert (second.answered_now, second.rows_per_second) == (0, None)
    assert (second.unparsed, second.unfinished) == (first.unparsed, first.unfinished)
    assert (tmp_path / "preds.jsonl").read_bytes() == content


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.jsonl"
    ask(output=whole, batch_size=2, tasks=(1, 3))
    answer, calls = Answerer.answer_images, []

    def interrupted(self: Answerer, asked: Any) -> Any:
        calls.append(len(asked))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return answer(self, asked)

    monkeypatch.setattr(Answerer, "answer_images", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(batch_size=2, tasks=(1, 3))
    monkeypatch.setattr(Answerer, "answer_images", answer)
    part = tmp_path / "preds.jsonl.part.jsonl"
    there = len(rows_of(part))
    assert there in (8, 10), "four of the six images; one has two pairs"
    assert not (tmp_path / "preds.jsonl").exists()
    with part.open("a", encoding="utf-8") as file:
        file.write('{"id":"3.png:red box:blue ball","task":3,"ra')  # A torn line.
    recorder = Recorder()
    report = ask(batch_size=2, tasks=(1, 3), listener=recorder)
    assert report.answered_now == 14 - there
    assert recorder.bars["infer"] == (14 - there, 14 - there)
    assert (tmp_path / "preds.jsonl").read_bytes() == whole.read_bytes()
    assert not part.exists()


@pytest.mark.slow
def test_a_killed_run_goes_on(scenes: Any, tmp_path: Path) -> None:
    """The process is killed for good while it answers, in the middle of its work."""
    output = tmp_path / "preds.jsonl"
    arguments = ["infer", str(scenes.items), "--images", str(scenes.images), "--base", "tiny"]
    command = [sys.executable, "-m", "vsdkit", *arguments, "--tasks", "1", "--batch-size", "1"]
    process = subprocess.Popen([*command, "--output", str(output)], stderr=subprocess.DEVNULL)
    part = tmp_path / "preds.jsonl.part.jsonl"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    there = part.read_bytes().count(b"\n")
    settings = InferSettings(
        items=scenes.items, images=(scenes.images,), base="tiny", tasks=(1,), output=output
    )
    assert infer(settings).answered_now == 7 - there
    whole = tmp_path / "whole.jsonl"
    infer(settings.model_copy(update={"output": whole}))
    assert output.read_bytes() == whole.read_bytes()


def test_other_settings_are_refused_by_name(ask: Ask, tmp_path: Path) -> None:
    ask(tasks=(1,), limit=1)
    with pytest.raises(ConfigError, match="image_mode was 'anyres', is 'single'") as caught:
        ask(tasks=(1,), limit=1, image_mode="single")
    assert "--overwrite" in caught.value.hint
    report = ask(tasks=(1,), limit=1, image_mode="single", overwrite=True)
    assert report.answered_now == 1


def _own(what: str, scenes: Any, folder: Path) -> str:
    """Return a file of one's own that stands for a setting that names one."""
    if what == "items":
        text = scenes.items.read_text(encoding="utf-8").replace("red", "crimson")
    elif what == "template":
        text = load_template("paper").text.replace("name: paper", "name: other")
    else:
        text = load_conversation("vicuna_v1").text.replace("USER", "HUMAN")
    path = folder / f"own-{what}.{'jsonl' if what == 'items' else 'yaml'}"
    path.write_text(text, encoding="utf-8")
    return str(path)


# Every setting that is not marked as leaving the result the same, and another value of it.
CHANGED: dict[str, Any] = {
    "items": _own,
    "template": _own,
    "conversation": _own,
    "adapter": lambda _, __, folder: folder / "runs" / "one",
    "base": lambda _, __, folder: str(folder / "base"),
    "image_mode": "single",
    "precision": "bf16",
    "label": "likelihood",
    "load_in": "4bit",
    "box_units": "thousandths",
}
# They choose which rows are asked: an answer does not depend on them, and the other tests of
# this file, and test_asked.py, show that answers are kept when they change.
WHICH_ROWS = {"tasks", "limit", "pairs"}
# tests/infer/test_server.py
OF_A_SERVER = {"engine", "base_url", "model"}
# tests/infer/test_boxes.py and test_mixture.py
OF_BOXES = {"fit", "boxes_model", "weight_on", "boxes_weight"}
UNMARKED = {
    name for name, one in InferSettings.model_fields.items() if SAME_RESULT not in one.metadata
}


@pytest.mark.parametrize("name", sorted(UNMARKED - WHICH_ROWS - OF_A_SERVER - OF_BOXES))
def test_answers_are_not_taken_for_those_of_another_setting(
    scenes: Any, tmp_path: Path, write_run: WriteRun, name: str
) -> None:
    write_run()
    shutil.copytree(tiny_base_path(), tmp_path / "base")
    settings = InferSettings(items=scenes.items, images=(scenes.images,), base="tiny")
    output = tmp_path / "preds.jsonl"
    kept = KeptAnswers.open(output, _identity_of(settings), rows=[], overwrite=False)
    output.touch()
    kept.close(Manifest("infer", settings={}), [], inputs=[])
    value = CHANGED[name]
    value = value(name, scenes, tmp_path) if callable(value) else value
    other = InferSettings.model_validate(settings.model_dump() | {name: value})
    assert KeptAnswers.open(output, _identity_of(settings), rows=[], overwrite=False).said == {}
    with pytest.raises(ConfigError, match=rf"made otherwise: (.*; )?{name} was "):
        KeptAnswers.open(output, _identity_of(other), rows=[], overwrite=False)


def _identity_of(settings: InferSettings) -> dict[str, Any]:
    asked = Asked([], [settings.items])
    return _identity(settings, asked, make_engine(settings, choose_model(settings)))


def test_a_place_or_a_manner_is_not_another_result(scenes: Any, tmp_path: Path) -> None:
    settings = InferSettings(items=scenes.items, images=(scenes.images,), base="tiny")
    items = tmp_path / "moved.jsonl"
    items.write_bytes(scenes.items.read_bytes())
    changes = {
        "items": items,
        "batch_size": 3,
        "fail_on_error": 3,
        "device_map": "auto",
        "images": (scenes.images / "below",),
        "skip_broken": True,
        "output": tmp_path / "elsewhere.jsonl",
        # Named, and what they come to without being named.
        "template": "paper",
        "conversation": "vicuna_v1",
        "image_mode": "anyres",
        "tasks": (1,),
        "limit": 2,
    }
    assert _identity_of(settings.model_copy(update=changes)) == _identity_of(settings)


def test_other_settings_are_refused_halfway_too(ask: Ask, scenes: Any, tmp_path: Path) -> None:
    ask(tasks=(1,), limit=1)
    run = tmp_path / "preds.jsonl.run.json"
    (tmp_path / "preds.jsonl").rename(tmp_path / "preds.jsonl.part.jsonl")
    made_with = json.loads(run.read_text(encoding="utf-8"))["made_with"]
    image = hash_file(scenes.images / "below" / "0.png")
    row = {"id": "0.png:red box:blue ball", "task": 1, "raw": "on", "finished": True}
    row |= {"image": image}
    (tmp_path / "preds.jsonl.part.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    part_run = tmp_path / "preds.jsonl.part.run.json"
    part_run.write_text(json.dumps({"made_with": made_with}), encoding="utf-8")
    with pytest.raises(ConfigError, match="image_mode was"):
        ask(tasks=(1,), limit=1, image_mode="single")
    assert ask(tasks=(1,), limit=1).answered_now == 0


def _own_images(scenes: Any, folder: Path) -> Path:
    shutil.copytree(scenes.images / "below", folder)
    return folder


def _swap(images: Path) -> None:
    """Give 2.png and 5.png each other's content."""
    for old, new in (("2", "x"), ("5", "2"), ("x", "5")):
        (images / f"{old}.png").rename(images / f"{new}.png")


def test_only_rows_of_changed_images_are_asked_again(
    ask: Ask, scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _own_images(scenes, tmp_path / "own")
    ask(tasks=(2,), images=(images,), batch_size=1)
    before = rows_of(tmp_path / "preds.jsonl")
    _swap(images)
    recorder = Recorder()
    report = ask(tasks=(2,), images=(images,), batch_size=1, listener=recorder)
    assert report.answered_now == 2
    assert any(text.startswith("2 rows are asked again: ") for text in recorder.messages)
    fresh = tmp_path / "fresh.jsonl"
    ask(tasks=(2,), images=(images,), batch_size=1, output=fresh)
    assert (tmp_path / "preds.jsonl").read_bytes() == fresh.read_bytes()
    assert rows_of(fresh) != before, "the two images make a difference"
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    assert ask(tasks=(2,), images=(images,)).answered_now == 0


def test_an_image_that_changed_keeping_size_and_time_is_asked_about_again(
    ask: Ask, scenes: Any, tmp_path: Path
) -> None:
    images = _own_images(scenes, tmp_path / "own")
    ask(tasks=(1,), images=(images,))
    path = images / "0.png"
    state, content = path.stat(), bytearray(path.read_bytes())
    place = content.index(b"IEND") + 8  # Behind the image: the same pixels, other bytes.
    path.write_bytes(content[:place] + b"a")
    ask(tasks=(1,), images=(images,), overwrite=True)
    size = path.stat()
    path.write_bytes(content[:place] + b"b")
    os.utime(path, ns=(size.st_atime_ns, size.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (size.st_size, size.st_mtime_ns)
    assert state.st_size != size.st_size
    assert ask(tasks=(1,), images=(images,)).answered_now == 1


def test_an_interrupted_run_does_not_keep_answers_about_changed_images(
    ask: Ask, scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _own_images(scenes, tmp_path / "own")
    answer, calls = Answerer.answer_images, []

    def interrupted(self: Answerer, asked: Any) -> Any:
        calls.append(len(asked))
        if len(calls) > 4:
            raise KeyboardInterrupt
        return answer(self, asked)

    monkeypatch.setattr(Answerer, "answer_images", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(tasks=(2,), images=(images,), batch_size=1)
    there = [row["id"] for row in rows_of(tmp_path / "preds.jsonl.part.jsonl")]
    _swap(images)
    stale = sum(name.startswith(("2.png", "5.png")) for name in there)
    # Killed again before the first of them is asked: it must not forget that they are stale.
    with pytest.raises(KeyboardInterrupt):
        ask(tasks=(2,), images=(images,), batch_size=1)
    monkeypatch.setattr(Answerer, "answer_images", answer)
    report = ask(tasks=(2,), images=(images,), batch_size=1)
    assert stale
    assert report.answered_now == 7 - len(there) + stale
    ask(tasks=(2,), images=(images,), batch_size=1, output=tmp_path / "fresh.jsonl")
    assert (tmp_path / "preds.jsonl").read_bytes() == (tmp_path / "fresh.jsonl").read_bytes()


def test_moved_images_are_the_same_images(
    ask: Ask, scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _own_images(scenes, tmp_path / "own")
    ask(tasks=(1,), images=(images,))
    images.rename(tmp_path / "moved")
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    assert ask(tasks=(1,), images=(tmp_path / "moved",)).answered_now == 0


def test_a_result_that_noted_no_images_is_asked_again(ask: Ask, tmp_path: Path) -> None:
    ask(tasks=(1,), limit=2)
    run = tmp_path / "preds.jsonl.run.json"
    facts = json.loads(run.read_text(encoding="utf-8"))
    del facts["images"]
    run.write_text(json.dumps(facts), encoding="utf-8")
    assert ask(tasks=(1,), limit=2).answered_now == 2


def test_rows_of_broken_images_have_an_error_and_are_asked_when_repaired(
    ask: Ask, scenes: Any, tmp_path: Path
) -> None:
    images = _own_images(scenes, tmp_path / "own")
    whole = (images / "1.png").read_bytes()
    (images / "1.png").write_bytes(whole[: len(whole) // 2])
    (images / "4.png").write_bytes(b"")
    rejects = tmp_path / "rejects.jsonl"
    with pytest.raises(DataError, match="2 of 6 pictures do not open") as caught:
        ask(tasks=(1,), images=(images,), rejects=rejects)
    assert "--skip-broken" in caught.value.hint
    assert [row["image"] for row in rows_of(rejects)] == ["1.png", "4.png"]
    report = ask(tasks=(1,), images=(images,), skip_broken=True)
    assert (report.errors, report.broken, report.unparsed) == ({"1": 3}, 3, {"1": 4})
    assert not report.failures, "they were allowed not to open"
    assert (report.pictures, report.answered_now) == (4, 4)
    rows = rows_of(tmp_path / "preds.jsonl")
    assert [row["id"] for row in rows if "error" in row] == [
        f"{image}:{subject}"
        for image, subject in (
            ("1.png", "red box:blue ball"),
            ("4.png", "red box:blue ball"),
            ("1.png", "blue ball:red box"),
        )
    ]
    assert all(row["prediction"] is None for row in rows if "error" in row)
    for name in ("1", "4"):
        shutil.copy(scenes.images / "below" / f"{name}.png", images)
    report = ask(tasks=(1,), images=(images,))
    assert (report.answered_now, report.errors) == (3, {"1": 0})
    whole_run = tmp_path / "whole.jsonl"
    ask(tasks=(1,), images=(images,), output=whole_run)
    assert (tmp_path / "preds.jsonl").read_bytes() == whole_run.read_bytes()


def test_nothing_to_ask_is_an_error(ask: Ask, scenes: Any, tmp_path: Path) -> None:
    images = _own_images(scenes, tmp_path / "own")
    for path in images.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="6 of 6 pictures do not open") as caught:
        ask(images=(images,), skip_broken=True)
    assert "nothing is left to do" in caught.value.hint


def test_the_list_of_rejects_does_not_go_over_an_input(ask: Ask, scenes: Any) -> None:
    with pytest.raises(ConfigError, match="--rejects and items are the same file"):
        ask(rejects=scenes.items)


def test_a_file_nobody_knows_is_not_overwritten(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "preds.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="how it was made is not known"):
        ask()
    assert (tmp_path / "preds.jsonl").read_text(encoding="utf-8") == "{}\n"


def test_a_missing_picture_is_named_before_a_model_is_loaded(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    items = tmp_path / "items.csv"
    items.write_text("image,subject,object\n0.png,a,b\nnowhere.png,a,b\n", encoding="utf-8")
    with pytest.raises(MissingInputError, match=r"1 of 2 pictures not found: nowhere\.png"):
        ask(items=items)


def test_a_broken_picture_is_named_before_a_model_is_loaded(
    ask: Ask, scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    images = tmp_path / "images"
    images.mkdir()
    whole = (scenes.images / "below" / "1.png").read_bytes()
    (images / "cut.png").write_bytes(whole[: len(whole) // 2])
    items = tmp_path / "items.csv"
    items.write_text("image,subject,object\ncut.png,a,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 of 1 pictures do not open: not a picture") as caught:
        ask(items=items, images=(images,))
    assert "cut.png" in caught.value.where


def test_an_adapter_brings_its_own_and_counts_what_it_saw(
    ask: Ask, write_run: WriteRun, tmp_path: Path
) -> None:
    recorder = Recorder()
    report = ask(adapter=write_run(), tasks=(2,), listener=recorder)
    assert report.seen_in_training == {"pictures": 6, "seen": 2}
    assert "2 of 6 pictures were in the adapter's training" in recorder.messages
    run = json.loads((tmp_path / "preds.jsonl.run.json").read_text(encoding="utf-8"))
    assert run["seen_in_training"] == {"pictures": 6, "seen": 2}
    assert run["image_mode"] == "single"
    assert "2 of 6 pictures were trained on" in report.notes()
    assert report.tables()[0].rows == [("2", 7, report.unparsed["2"], 0)]


def test_an_adapter_answers_otherwise_than_its_base(
    ask: Ask, write_run: WriteRun, tmp_path: Path
) -> None:
    ask(adapter=write_run(), tasks=(2,), output=tmp_path / "with.jsonl")
    ask(base="tiny", tasks=(2,), output=tmp_path / "without.jsonl")
    raws = [
        [row["raw"] for row in rows_of(tmp_path / name)] for name in ("with.jsonl", "without.jsonl")
    ]
    assert raws[0] != raws[1]


def test_the_newest_complete_run_is_taken(
    ask: Ask, write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run("runs/old", started="2026-01-01")
    write_run("runs/new", started="2026-03-01")
    write_run("runs/broken", started="2026-04-01", complete=False)
    (tmp_path / "runs" / "junk").mkdir()
    (tmp_path / "runs" / "junk" / "run.json").write_text("{", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = ask(adapter=None, tasks=(1,), limit=1)
    assert report.adapter == "runs/new"


def test_no_run_at_all(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no complete adapter found") as caught:
        ask(adapter=None)
    assert "vsdkit finetune" in caught.value.hint
    assert "--base" in caught.value.hint


def test_a_folder_without_run_json_is_refused(ask: Ask, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="what it was trained with is not known"):
        ask(adapter=weights)
    with pytest.raises(CheckpointError, match="no such folder"):
        ask(adapter=tmp_path / "nowhere")


def test_what_the_adapter_was_not_trained_with_is_refused(
    ask: Ask, write_run: WriteRun, tmp_path: Path
) -> None:
    folder = write_run()
    own = tmp_path / "own.yaml"
    source = (folder / "template.yaml").read_text(encoding="utf-8")
    own.write_text(source.replace("name: paper", "name: own"), encoding="utf-8")
    with pytest.raises(TemplateError, match=r"template 'paper', not with '.*own.yaml'") as caught:
        ask(adapter=folder, template=str(own))
    assert "leave the option out" in caught.value.hint
    talk = tmp_path / "talk.yaml"
    source = (folder / "conversation.yaml").read_text(encoding="utf-8")
    talk.write_text(source.replace("USER", "HUMAN"), encoding="utf-8")
    with pytest.raises(TemplateError, match="conversation 'vicuna_v1', not with"):
        ask(adapter=folder, conversation=str(talk))
    with pytest.raises(ConfigError, match="image mode 'single', not with 'anyres'"):
        ask(adapter=folder, image_mode="anyres")


def test_the_adapters_own_settings_may_be_named(ask: Ask, write_run: WriteRun) -> None:
    given = {"template": "paper", "conversation": "vicuna_v1", "image_mode": "single"}
    assert ask(adapter=write_run(), tasks=(1,), limit=1, **given).answered_now == 1


def test_a_changed_adapter_is_refused_to_go_on(ask: Ask, write_run: WriteRun) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = write_run()
    ask(adapter=folder, tasks=(1,), limit=1)
    path = folder / "adapter_model.safetensors"
    tensors = {name: torch.zeros_like(value) for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="adapter was"):
        ask(adapter=folder, tasks=(1,), limit=1)


def test_a_base_that_changed_under_its_name_is_refused(ask: Ask, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from vsdkit.model.bases import tiny_base_path

    base = tmp_path / "base"
    base.mkdir()
    for path in tiny_base_path().iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    ask(base=str(base), tasks=(1,), limit=1)
    weights = base / "model.safetensors"
    tensors = {name: value + 1 for name, value in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="base_files was"):
        ask(base=str(base), tasks=(1,), limit=1)


def test_another_base_than_the_adapters_is_refused_unless_it_is_named(
    ask: Ask, write_run: WriteRun
) -> None:
    own = base_commit("tiny")
    other = "f" * 64
    assert ask(adapter=write_run(base_commit=own), tasks=(1,), limit=1).answered_now == 1
    folder = write_run("runs/two", base_commit=other)
    with pytest.raises(CheckpointError) as caught:
        ask(adapter=folder, tasks=(1,), limit=1)
    assert other[:12] in caught.value.message
    assert own[:12] in caught.value.message
    assert caught.value.hint.endswith("--base tiny")
    heard = Recorder()
    report = ask(adapter=folder, base="tiny", tasks=(1,), limit=1, listener=heard, overwrite=True)
    assert report.base == "tiny"
    assert any(text.startswith("warning: the adapter was trained on") for text in heard.messages)


def test_the_commit_trained_on_is_asked_whatever_is_newest(write_run: WriteRun) -> None:
    folder = write_run(base="me/tiny", base_commit="a" * 40)
    assert choose_model(InferSettings(adapter=folder)).commit == "a" * 40
    # A run of an older version does not say.
    assert choose_model(InferSettings(adapter=write_run("runs/old"))).commit == base_commit("tiny")


def test_a_stop_token_the_base_does_not_know(ask: Ask, tmp_path: Path) -> None:
    from vsdkit.conversation import load_conversation

    own = tmp_path / "own.yaml"
    source = load_conversation("vicuna_v1").text
    own.write_text(source.replace("</s>", "<|stop here|>"), encoding="utf-8")
    with pytest.raises(TemplateError, match=r"the stop token '<\|stop here\|>' is"):
        ask(conversation=str(own), tasks=(1,), limit=1)


def _too_small_for(monkeypatch: pytest.MonkeyPatch, fits: Callable[[Any], bool]) -> list[Any]:
    """Let the memory be used up by batches that do not fit; return what was tried."""
    import torch

    answer, tried = Answerer.answer_images, []

    def limited(self: Answerer, asked: Any) -> Any:
        tried.append([len(questions) for _, questions in asked])
        if not fits(asked):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return answer(self, asked)

    monkeypatch.setattr(Answerer, "answer_images", limited)
    return tried


def test_a_batch_that_the_memory_does_not_hold_is_halved_without_loading_again(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.jsonl"
    ask(output=whole)
    load, loads = vsdkit.infer.local.load_answerer, []

    def counted(*given: Any, **more: Any) -> Any:
        loads.append(given)
        return load(*given, **more)

    monkeypatch.setattr("vsdkit.infer.local.load_answerer", counted)
    tried = _too_small_for(monkeypatch, lambda asked: len(asked) <= 2)
    recorder = Recorder()
    report = ask(listener=recorder)
    assert (len(loads), report.errors) == (1, {"1": 0, "2": 0, "3": 0})
    assert [len(batch) for batch in tried] == [6, 3, 1, 1, 1, 1, 1, 1]
    assert "the memory does not hold 6 pictures at once: 3" in recorder.messages
    assert (tmp_path / "preds.jsonl").read_bytes() == whole.read_bytes()


def test_the_rows_of_one_image_are_halved_too_and_one_too_many_is_an_error(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = MAX_NEW_TOKENS[3]
    _too_small_for(
        monkeypatch,
        lambda asked: (
            len(asked) == len(asked[0][1]) == 1 and asked[0][1][0].max_new_tokens < longest
        ),
    )
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 4, 2: 6, 3: longest})
    report = ask(limit=2)
    assert report.errors == {"1": 0, "2": 0, "3": 2}
    assert report.answered_now == 4
    assert "the memory does not hold this one row (id " in (report.first_error or "")
    (failure,) = report.failures
    assert "2 of 6 rows have an error in place of an answer" in failure.message
    assert "id '0.png:red box:blue ball', task 3" in " ".join(report.notes())
    with pytest.raises(VsdkitError, match="1 rows have failed, 0 are allowed"):
        ask(limit=2, fail_on_error=0)


def test_memory_of_the_machine_that_is_used_up_is_told_from_other_errors(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Answerer, asked: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Answerer, "answer_images", broken)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        ask(tasks=(1,))


def test_the_answer_ends_at_the_stop_token(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is made to say "on" and to stop: nothing of the stop token is in the answer."""
    import torch

    from vsdkit.model.checkpoint import load_base
    from vsdkit.model.precision import choose_precision
    from vsdkit.model.shared_image import Sequences

    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    tokenizer = loaded.tokenizer
    said = [*tokenizer.encode("on", add_special_tokens=False), tokenizer.eos_token_id]
    script = iter(said)

    def scripted(self: Any, pieces: Any, **_: Any) -> Any:
        token = next(script)
        one_hot = torch.zeros(1, loaded.model.config.get_text_config().vocab_size)
        one_hot[0, token] = 1
        return [one_hot for own in pieces for _ in own]

    monkeypatch.setattr(Sequences, "extend", scripted)
    report = ask(tasks=(1,))
    rows = rows_of(tmp_path / "preds.jsonl")
    assert [(row["raw"], row["prediction"]) for row in rows] == [("on", "on")] * 7
    assert (report.unfinished, report.unparsed) == (0, {"1": 0})


def test_labels_are_weighed_instead_of_written(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(label="likelihood", batch_size=2, tasks=(1, 2))
    rows = rows_of(tmp_path / "preds.jsonl")
    for row in rows:
        assert ("probabilities" in row) == (row["task"] == 1)
        if row["task"] == 1:
            assert tuple(row["probabilities"]) == RELATIONS
            assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
            assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)
            assert row["raw"] == row["prediction"]
    written = tmp_path / "written.jsonl"
    ask(tasks=(2,), output=written)
    assert rows_of(written) == [row for row in rows if row["task"] == 2]
    # Kept with their probabilities where a later run goes on.
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", no_model)
    ask(label="likelihood", tasks=(1, 2))
    assert rows_of(tmp_path / "preds.jsonl") == rows
    with pytest.raises(ConfigError, match="label"):
        ask(tasks=(1, 2))


def test_answers_cut_off_are_counted(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 1, 2: 1, 3: 1})
    report = ask(tasks=(2,), limit=3)
    assert report.unfinished == 3
    assert "3 answers were cut off" in report.notes()
    run = json.loads((tmp_path / "preds.jsonl.run.json").read_text(encoding="utf-8"))
    assert len(run["unfinished_rows"]) == 3


def test_what_is_read_is_not_written_over(ask: Ask, scenes: Any) -> None:
    before = scenes.items.read_bytes()
    with pytest.raises(ConfigError, match="--output and items are the same file"):
        ask(output=scenes.items, overwrite=True)
    assert scenes.items.read_bytes() == before


def test_a_second_run_with_the_same_output_is_refused(ask: Ask, tmp_path: Path) -> None:
    with (
        append_rows(tmp_path / "preds.jsonl.part.jsonl"),
        pytest.raises(ConfigError, match="another process is writing this file"),
    ):
        ask(overwrite=True)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("cup " * 3000, "question and answer take up to .* the model has positions for 2,048"),
        ("cup</s>", "must not hold <image> or </s>"),
        *[(f"cup {token}", f"'{token}' is a special token") for token in ("<s>", "<unk>", "<pad>")],
    ],
    ids=["too long", "the stop token", "bos", "unk", "pad"],
)
def test_a_question_that_cannot_be_asked_is_an_error_of_its_row_alone(
    ask: Ask, tmp_path: Path, tag: str, message: str
) -> None:
    rows = [
        {"image": "0.png", "subject": "box", "object": "ball"},
        {"image": "1.png", "subject": tag, "object": "ball", "id": "wrong"},
    ]
    items = tmp_path / "items.jsonl"
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = ask(items=items, tasks=(1,), batch_size=1)
    assert (report.answered_now, report.errors) == (1, {"1": 1})
    good, wrong = rows_of(tmp_path / "preds.jsonl")
    assert good["prediction"] is not None or good["raw"]
    assert wrong["id"] == "wrong"
    assert re.search(message, wrong["error"])
    # Asked again, each time.
    assert ask(items=items, tasks=(1,), batch_size=1).errors == {"1": 1}
    with pytest.raises(VsdkitError, match="1 rows have failed, 0 are allowed") as caught:
        ask(items=items, tasks=(1,), batch_size=1, fail_on_error=0)
    assert caught.value.where == "id 'wrong', task 1"
