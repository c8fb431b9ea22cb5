"""The command line on a machine that lacks something: one clear error, or the right result."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vsdkit.cli import app as edge
from vsdkit.cli.app import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
RUN = [sys.executable, "-m", "vsdkit"]


@pytest.mark.parametrize("command", COMMANDS)
def test_working_folder_that_is_gone_is_one_error(tmp_path: Path, command: str) -> None:
    line = (
        f'cd "{tmp_path}" && mkdir gone && cd gone && rmdir ../gone && "$RUN" -m vsdkit {command}'
    )
    done = subprocess.run(
        ["bash", "-c", line],
        env=os.environ | {"RUN": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: the working folder is gone: No such file or directory\n"
        f"  where: {tmp_path}/gone\n"
        "  do:    go to a folder that is there: cd FOLDER\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied", "weights/model.safetensors"),
        OSError(errno.EIO, "Input/output error", b"caf\xe9"),
        OSError(errno.ESTALE, "Stale file handle", "shared/gold.jsonl"),
    ],
)
def test_file_that_the_machine_does_not_give_is_named(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(edge, "_require_working_folder", fail)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 3
    assert f"error: cannot be used: {error.strerror}\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert CliRunner().invoke(app, ["--debug", "doctor"]).exception is error


def test_error_that_names_no_file_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("not of a file")

    monkeypatch.setattr(edge, "_require_working_folder", fail)
    done = CliRunner().invoke(app, ["doctor"])
    assert isinstance(done.exception, OSError)


ITEM = {
    "img_id": "1",
    "triple_list": [
        {"s": "cup", "o": "table", "p": "on", "s_bbox": [1, 5, 1, 5], "o_bbox": [4, 9, 0, 9]}
    ],
    "captions": ["a cup on a table.", "the cup stands on the table."],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"HOME": None},
        {"HOME": "/nonexistent"},
        {"TMPDIR": "/nonexistent"},
        {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": None},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "xx_XX.nothing"},
        {"COLUMNS": "1"},
        {"COLUMNS": "0"},
        {"COLUMNS": "wide"},
        {"TERM": "dumb"},
        {"TERM": None},
        {"NO_COLOR": "1"},
        {"FORCE_COLOR": "1"},
    ],
    ids=str,
)
@pytest.mark.parametrize("as_json", [True, False])
def test_environment_changes_no_result(
    tmp_path: Path, changes: dict[str, str | None], as_json: bool
) -> None:
    environment = {
        name: value for name, value in (dict(os.environ) | changes).items() if value is not None
    }
    folder = tmp_path / "grün 小"
    folder.mkdir()
    for name in ("v1", "v2"):
        (folder / f"{name} é.json").write_text(json.dumps([ITEM]), encoding="utf-8")
    arguments = ["v1 é.json", "v2 é.json", *(["--json"] if as_json else [])]
    done = subprocess.run(
        [*RUN, "build-instructions", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert len((folder / "gold.jsonl").read_bytes().splitlines()) > 0
    if as_json:
        json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.parametrize(
    ("locked", "mode", "code", "message"),
    [
        ("inputs", 0o000, 3, "cannot be read: Permission denied\n  where: inputs/v1.json"),
        ("outputs", 0o555, 1, "cannot write: Permission denied\n  where: outputs/"),
        # Found by the look at what is there (Python 3.11), or by the writing.
        ("outputs", 0o000, None, "cannot "),
    ],
)
def test_folder_that_may_not_be_used_is_one_error(
    tmp_path: Path, locked: str, mode: int, code: int | None, message: str
) -> None:
    for folder in ("inputs", "outputs"):
        (tmp_path / folder).mkdir()
    for name in ("v1", "v2"):
        (tmp_path / "inputs" / f"{name}.json").write_text(json.dumps([ITEM]))
    # root may read everything unless this right is taken away.
    rights = "-dac_override,-dac_read_search"
    drop = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    (tmp_path / locked).chmod(mode)
    done = subprocess.run(
        [
            *(drop if os.geteuid() == 0 else []),
            *(*RUN, "build-instructions", "inputs/v1.json", "inputs/v2.json"),
            *("--output", "outputs/rows.jsonl"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    (tmp_path / locked).chmod(0o755)
    assert done.returncode in ({1, 3} if code is None else {code})
    assert done.stderr.startswith(f"error: {message}")
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
