"""The command: flags reach the settings, data go to stdout, errors are three lines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app

TRIPLE = {"s": "cup", "o": "desk", "p": "on", "s_bbox": [1, 9, 2, 8], "o_bbox": [5, 50, 0, 99]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, captions in (("v1.json", ["a", "b", "a"]), ("v2.json", ["C"])):
        item = {"img_id": "7", "triple_list": [TRIPLE], "captions": captions}
        (tmp_path / name).write_text(json.dumps([item]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str, columns: int = 100) -> Result:
    return CliRunner().invoke(
        app, ["build-instructions", *arguments], env={"COLUMNS": str(columns)}
    )


def test_the_bare_form_writes_both_files_and_prints_the_table(folder: Path) -> None:
    done = _run("v1.json", "v2.json")
    assert (done.exit_code, done.stderr) == (0, "")
    words = [line.replace("│", " ").split() for line in done.stdout.splitlines()]
    assert ["1", "relation", "1", "20,490", "1"] in words
    assert ["2", "sentence", "2", "83,608", "1"] in words
    assert ["3", "sentences", "1", "17,241", "1"] in words
    assert ["sum", "4", "121,339", "3"] in words
    assert "left out: 1 repeated VSDv1 caption" in done.stdout
    assert {path.name for path in folder.iterdir()} == {
        "v1.json",
        "v2.json",
        "instructions.jsonl",
        "instructions.jsonl.run.json",
        "gold.jsonl",
    }


def test_json_is_one_document(folder: Path) -> None:
    done = _run("v1.json", "v2.json", "--json")
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert report["rows"] == {"task1": 1, "task2": 2, "task3": 1}
    assert report["gold_rows"] == {"task1": 1, "task2": 1, "task3": 1}
    assert report["outputs"]["manifest"] == "instructions.jsonl.run.json"


def test_every_flag_reaches_the_settings(folder: Path) -> None:
    flags: dict[str, Any] = {
        "--output": "i.json",
        "--gold": "g.jsonl",
        "--template": "varied",
        "--pairs": "all",
        "--tasks": "2,3",
        "--format": "json",
        "--rejects": "r.jsonl",
        "--seed": "9",
    }
    done = _run("v1.json", "v2.json", *(word for flag in flags.items() for word in flag))
    assert done.exit_code == 0
    run = json.loads((folder / "i.json.run.json").read_text(encoding="utf-8"))
    assert run["settings"] == {
        "v1": "v1.json",
        "v2": "v2.json",
        "output": "i.json",
        "gold": "g.jsonl",
        "template": "varied",
        "pairs": "all",
        "tasks": [2, 3],
        "format": "json",
        "rejects": "r.jsonl",
        "seed": 9,
    }
    assert set(run["origins"].values()) == {"flag"}
    assert len(json.loads((folder / "i.json").read_text(encoding="utf-8"))) == 3
    assert (folder / "r.jsonl").read_text(encoding="utf-8").count("\n") == 1


def test_a_file_of_settings_names_everything(folder: Path) -> None:
    config = "v1: v1.json\nv2: v2.json\ntemplate: beyond\ntasks: [3]\n"
    (folder / "c.yaml").write_text(config, encoding="utf-8")
    done = _run("--config", "c.yaml", "--seed", "4", "--quiet")
    assert done.exit_code == 0
    run = json.loads((folder / "instructions.jsonl.run.json").read_text(encoding="utf-8"))
    assert run["origins"]["template"] == "c.yaml"
    assert (run["origins"]["seed"], run["origins"]["gold"]) == ("flag", "default")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, ["error: 'v1' is needed", "--help"]),
        (("v1.json",), 2, ["error: 'v2' is needed"]),
        (("v1.json", "none.json"), 3, ["error: no such file", "where: none.json"]),
        (("v1.json", "v2.json", "--tasks", "4"), 2, ["error: tasks", "(flag)"]),
        (("v1.json", "v2.json", "--template", "papr"), 2, ["unknown template 'papr'; known: b"]),
        (("v1.json", "v1.json"), 2, ["error: v1 and v2 are the same file"]),
        (("v1.json", "broken.json"), 1, ["error: not JSON", "where: broken.json"]),
    ],
)
def test_an_error_is_told_in_three_lines_and_writes_nothing(
    folder: Path, arguments: tuple[str, ...], code: int, words: list[str]
) -> None:
    (folder / "broken.json").write_text("[{", encoding="utf-8")
    before = sorted(folder.iterdir())
    done = _run(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert all(word in done.stderr for word in words)
    assert len(done.stderr.splitlines()) <= 3
    assert sorted(folder.iterdir()) == before


def test_help_shows_every_default_and_an_example() -> None:
    done = _run("--help", columns=120)
    assert done.exit_code == 0
    assert "vsdkit build-instructions vsdv1.json vsdv2.json" in done.stdout
    for default in ("instructions.jsonl", "gold.jsonl", "paper", "first", "1,2,3", "jsonl", "0"):
        assert f"[default: {default}]" in done.stdout


def test_ctrl_c_leaves_the_old_output_and_no_half_file(folder: Path) -> None:
    _run("v1.json", "v2.json")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code = (
        "import sys, time, vsdkit.instructions.build as build;"
        "build.gold_rows = lambda pair: (print('here', flush=True), time.sleep(60));"
        "from vsdkit.cli.app import main;"
        "sys.argv = ['vsdkit', 'build-instructions', 'v1.json', 'v2.json', '--seed', '1'];"
        "main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
