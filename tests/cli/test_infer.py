"""The command: flags reach the settings, data go to stdout, errors are three lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app
from vsdkit.infer import InferReport
from vsdkit.settings.infer import InferSettings

REPORT = InferReport(
    output="o",
    rows={"1": 2},
    answered_now=2,
    unparsed={"1": 0},
    errors={"1": 0},
    first_error=None,
    broken=0,
    unfinished=0,
    pictures=1,
    seen_in_training=None,
    base="b",
    adapter=None,
    rows_per_second=1.0,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (60, 40), "white").save(tmp_path / "images" / "7.jpg")
    rows = [
        {"id": "7", "image": "7.jpg", "task": task, "subject": "cup", "object": "desk"}
        for task in (1, 2, 3)
    ]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["infer", *arguments])


def test_the_bare_form_needs_an_adapter_and_says_how_to_get_one(folder: Path) -> None:
    done = _run()
    assert done.exit_code == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: no complete adapter found")
    assert "vsdkit finetune" in done.stderr


def test_a_base_alone_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 2, 2: 2, 3: 2})
    done = _run("--base", "tiny", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["rows"]) == (0, {"1": 1, "2": 1, "3": 1})
    assert report["seen_in_training"] is None
    again = _run("--base", "tiny")
    assert "0 rows answered now" in again.stdout
    assert "3 rows of 1 pictures, 0 to answer" in again.stderr


def test_every_flag_reaches_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[InferSettings] = []

    def take(settings: InferSettings, **_: object) -> InferReport:
        taken.append(settings)
        return REPORT

    monkeypatch.setattr("vsdkit.infer.infer", take)
    flags = {
        "--images": "a",
        "--adapter": "runs/x",
        "--base": "b",
        "--template": "paper",
        "--conversation": "vicuna_v1",
        "--image-mode": "anyres",
        "--output": "o.jsonl",
        "--tasks": "2,3",
        "--batch-size": "4",
        "--precision": "fp32",
        "--limit": "5",
        "--rejects": "r.jsonl",
        "--label": "likelihood",
        "--load-in": "4bit",
        "--device-map": "auto",
        "--fail-on-error": "7",
        "--image": "p.jpg",
        "--subject": "cup",
        "--object": "desk",
        "--subject-box": "1,2,3,4.5",
        "--object-box": "5,6,7,8",
        "--save": "out.png",
    }
    words = [word for flag in flags.items() for word in flag]
    done = _run("items.csv", "--images", "c", *words, "--overwrite", "--skip-broken", "--chat")
    assert done.exit_code == 0
    assert taken[0].model_dump(mode="json") == InferSettings().model_dump(mode="json") | {
        "items": "items.csv",
        "images": ["c", "a"],
        "skip_broken": True,
        "rejects": "r.jsonl",
        "adapter": "runs/x",
        "base": "b",
        "template": "paper",
        "conversation": "vicuna_v1",
        "image_mode": "anyres",
        "output": "o.jsonl",
        "tasks": [2, 3],
        "batch_size": 4,
        "precision": "fp32",
        "limit": 5,
        "label": "likelihood",
        "load_in": "4bit",
        "device_map": "auto",
        "fail_on_error": 7,
        "overwrite": True,
        "image": "p.jpg",
        "subject": "cup",
        "object": "desk",
        "subject_box": [1, 2, 3, 4.5],
        "object_box": [5, 6, 7, 8],
        "save": "out.png",
        "chat": True,
    }
    assert "not parsed" in done.stdout


@pytest.fixture
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 2, 2: 4, 3: 4})


TINY = ("--base", "tiny", "--image-mode", "single")
PHOTO = ("--image", "images/7.jpg", *TINY)
PAIR = (*PHOTO, "--subject", "cup", "--object", "desk")


def test_one_picture_is_described_for_a_person(folder: Path, short_answers: None) -> None:
    done = _run(*PAIR, "--subject-box", "1,9,2,8", "--object-box", "5,30,0,50", "--save", "o.png")
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["cup", "and", "desk"]
    assert lines[2][0] == "relation"
    assert re.fullmatch(r"\(0\.\d{3}\)", lines[2][-1])
    assert ["sentence", *lines[3][1:]] == lines[3]
    assert "o.png: the picture with both boxes" in done.stdout
    with Image.open(folder / "o.png") as saved:
        assert saved.size[0] == 480


def test_one_picture_with_json_is_one_document(folder: Path, short_answers: None) -> None:
    done = _run(*PAIR, "--json", "--tasks", "1,2")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["subject"], document["object"]) == (0, "cup", "desk")
    assert document["relation"] == next(iter(document["probabilities"]))
    assert "sentences" not in document


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("gold.jsonl", *PAIR), 2, "a file of items has no meaning beside --image"),
        ((*PAIR, "--output", "o.jsonl"), 2, "--output has no meaning beside --image"),
        ((*PHOTO, "--subject", "cup"), 2, "--object is needed"),
        (("--save", "o.png"), 2, "--save is about one picture"),
        ((*PAIR, "--save", "o.png"), 2, "--save draws both boxes"),
        ((*PAIR, "--subject-box", "1,2"), 2, "subject_box = "),
        ((*PHOTO, "--chat", "--json"), 2, "--chat is talk and no JSON document"),
        ((*PHOTO, "--chat", "--output", "o"), 2, "--output has no meaning beside --image"),
        (("-",), 2, "a stream reads lines from stdin"),
        (("--image", "none.jpg", *PAIR[2:]), 3, "no such picture"),
    ],
)
def test_what_does_not_go_together_is_one_error(
    folder: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = _run(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert f"error: {message}" in done.stderr


def test_a_stream_has_lines_on_stdout_and_all_else_on_stderr(
    folder: Path, short_answers: None
) -> None:
    line = '{"image": "7.jpg", "subject": "cup", "object": "desk"}\n'
    run = CliRunner().invoke
    done = run(app, ["infer", "-", "-o", "-", *TINY], input=line + "oops\n" + line)
    answers = [json.loads(one) for one in done.stdout.splitlines()]
    assert ["error" in one for one in answers] == [False, True, False]
    assert "p50 (s)" in done.stderr
    # A line without an answer is a problem that was found.
    assert done.exit_code == 1
    assert "error: 1 of 3 lines were answered with an error" in done.stderr
    quiet = run(app, ["infer", "-", "-o", "-", *TINY, "--quiet"], input=line)
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_talk_has_answers_on_stdout_and_all_else_on_stderr(folder: Path) -> None:
    questions = "where is it?\n/help\n/quit\n"
    done = CliRunner().invoke(app, ["infer", *PHOTO, "--chat"], input=questions)
    assert done.exit_code == 0
    assert done.stdout.endswith("\n")
    assert "/reset" not in done.stdout
    assert "/reset" in done.stderr


def test_settings_of_a_picture_can_be_printed_and_read_again(
    folder: Path, short_answers: None
) -> None:
    boxes = ("--subject-box", "1,9,2,8", "--object-box", "5,30,0,50")
    printed = _run(*PAIR, *boxes, "--print-config")
    (folder / "own.yaml").write_text(printed.stdout)
    done = _run("--config", "own.yaml", "--json")
    assert json.loads(done.stdout)["subject_box"] == [1, 9, 2, 8]


def test_a_file_of_settings_goes_under_the_flags(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[InferSettings] = []

    def take(settings: InferSettings, **_: object) -> InferReport:
        taken.append(settings)
        return REPORT

    monkeypatch.setattr("vsdkit.infer.infer", take)
    (folder / "own.yaml").write_text("batch_size: 2\ntasks: [1]\noverwrite: true\n")
    assert _run("--config", "own.yaml", "--batch-size", "3").exit_code == 0
    assert (taken[0].batch_size, taken[0].tasks, taken[0].overwrite) == (3, (1,), True)
    assert taken[0].images == (Path("images"),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "0"], "batch_size = 0"),
        (["--tasks", "4"], "tasks"),
        (["--tasks", "one"], "tasks"),
        (["--image-mode", "double"], "image_mode = 'double'"),
        (["--limit", "0"], "limit = 0"),
    ],
)
def test_a_wrong_value_is_a_usage_error(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
