"""The command line as a whole: help, version, errors."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from vsdkit import __version__
from vsdkit.cli.app import app

runner = CliRunner()


def test_version() -> None:
    done = runner.invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"vsdkit {__version__}\n")


def test_unknown_command_is_a_usage_error_with_the_nearest_name() -> None:
    done = runner.invoke(app, ["scor"])
    assert done.exit_code == 2
    assert "score" in done.stderr


def _commands() -> list[str]:
    return sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_six_commands_and_the_demo_are_there() -> None:
    expected = {"build-instructions", "finetune", "infer", "diversify", "score", "ablate", "demo"}
    assert expected <= set(_commands())


@pytest.mark.parametrize("command", _commands())
def test_help_of_every_command_has_an_example(command: str) -> None:
    done = runner.invoke(app, [command, "--help"], env={"COLUMNS": "100"})
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert f"vsdkit {command}" in done.stdout


def test_error_is_three_lines_and_its_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vsdkit", "build-instructions", "nowhere1.json", "nowhere2.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "where: nowhere1.json" in done.stderr
    assert "Traceback" not in done.stderr
