"""The command line as a whole: help, version, errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vsdkit import __version__
from vsdkit.cli.app import app
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.shape import Shape

runner = CliRunner()


def test_version() -> None:
    done = runner.invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"vsdkit {__version__}\n")


def test_unknown_command_is_a_usage_error_with_the_nearest_name() -> None:
    done = runner.invoke(app, ["scor"])
    assert done.exit_code == 2
    assert "score" in done.stderr


def test_an_unknown_flag_is_a_usage_error_with_the_nearest_name() -> None:
    done = runner.invoke(app, ["finetune", "--lora-rnak", "8"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option: --lora-rnak" in done.stderr
    assert "--lora-rank" in done.stderr


def test_the_commands_are_those_of_the_list() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert list(commands) == list(COMMANDS)
    expected = {"build-instructions", "finetune", "infer", "diversify", "score", "ablate", "demo"}
    assert expected <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(command: str) -> None:
    done = runner.invoke(app, [command, "--help"], env={"COLUMNS": "100"})
    assert done.exit_code == 0
    assert f"Example: vsdkit {command} {COMMANDS[command].example}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_at_80_columns_cuts_no_word(command: str) -> None:
    done = runner.invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    lines = done.stdout.splitlines()
    # A list of choices is one word, and stands whole on a line of its own.
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in done.stdout
    shown = " ".join(done.stdout.split())
    for field in COMMANDS[command].load_settings().model_fields.values():
        if Shape.of(field).flag.offered:
            assert " ".join(str(field.description).replace("``", "").split()) in shown
    assert re.findall(r"\[default:(?! \S+\])", done.stdout) == []


def test_words_behind_dashes_go_to_finetune_and_to_no_other_command() -> None:
    words = ["--print-config", "--json", "--", "--launcher", "slurm", "--json"]
    done = runner.invoke(app, ["finetune", "rows.jsonl", *words])
    printed = json.loads(done.stdout)
    assert printed["instructions"] == {"value": "rows.jsonl", "origin": "flag"}
    expected = {"value": ["--launcher", "slurm", "--json"], "origin": "flag"}
    assert printed["deepspeed_args"] == expected
    done = runner.invoke(app, ["demo", "--", "--launcher", "slurm"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "unexpected extra argument" in done.stderr
    done = runner.invoke(app, ["finetune", "--help"])
    assert "Usage: vsdkit finetune [OPTIONS] [instructions] [-- WORD...]" in done.stdout
    assert "WORD" not in runner.invoke(app, ["score", "--help"]).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_printed_settings_are_a_file_for_config(command: str, tmp_path: Path) -> None:
    needed = ["v1.json", "v2.json"] if command == "build-instructions" else []
    done = runner.invoke(app, [command, *needed, "--print-config"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"# vsdkit {command}")
    config = tmp_path / "my.yaml"
    config.write_text(done.stdout)
    again = runner.invoke(app, [command, "--print-config", "--config", str(config), "--json"])
    origins = {entry["origin"] for entry in json.loads(again.stdout).values()}
    assert origins == {str(config)}


def test_settings_profile_and_file_come_from_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("seed: 4\nlora_rank: 4\n")
    environ = {"PROFILE": "tiny", "CONFIG": str(config), "LORA_RANK": "8", "IMAGES": "a,b"}
    variables = {f"VSDKIT_FINETUNE_{name}": value for name, value in environ.items()}
    arguments = ["finetune", "--print-config", "--json"]
    done = runner.invoke(app, arguments, env=variables)
    printed = json.loads(done.stdout)
    assert printed["base"] == {"value": "tiny", "origin": "profile tiny"}
    assert printed["seed"] == {"value": 4, "origin": str(config)}
    assert printed["images"]["value"] == ["a", "b"]
    variable = "environment VSDKIT_FINETUNE_LORA_RANK"
    assert printed["lora_rank"] == {"value": 8, "origin": variable}
    done = runner.invoke(app, [*arguments, "--profile", "paper", "--lora-rank", "2"], env=variables)
    printed = json.loads(done.stdout)
    assert printed["lora_rank"] == {"value": 2, "origin": "flag"}
    assert printed["epochs"]["origin"] == "profile paper"
    done = runner.invoke(app, ["score", "--print-config"], env={"VSDKIT_SCORE_SEDE": "1"})
    assert done.exit_code == 2
    assert "did you mean 'VSDKIT_SCORE_SEED'?" in done.stderr


def test_help_of_all_says_once_how_the_environment_gives_settings() -> None:
    shown = " ".join(runner.invoke(app, ["--help"]).stdout.split())
    assert shown.count("VSDKIT_COMMAND_SETTING") == 1
    for command in COMMANDS:
        assert "VSDKIT_" not in runner.invoke(app, [command, "--help"]).stdout


def test_help_of_all_shows_the_whole_line_of_each() -> None:
    done = runner.invoke(app, ["--help"], env={"COLUMNS": "80"})
    shown = " ".join(done.stdout.split())
    for command in COMMANDS.values():
        assert command.help.splitlines()[0] in shown


def test_help_loads_no_settings_and_a_command_only_its_own() -> None:
    code = (
        "import sys\nfrom vsdkit.cli.app import app\n"
        "try:\n    app({!r})\nexcept SystemExit:\n    pass\n"
        "print('\\nloaded', *(name for name in sorted(sys.modules) if name == 'pydantic' or "
        "name.startswith(('vsdkit.settings.', 'torch'))))"
    )
    loaded = {}
    for arguments in (["--help"], ["demo", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code.format(arguments)],
            capture_output=True,
            text=True,
            check=True,
        )
        loaded[arguments[0]] = done.stdout.splitlines()[-1].split()[1:]
    assert loaded["--help"] == ["vsdkit.settings.commands"]
    assert {"pydantic", "vsdkit.settings.demo"} <= set(loaded["demo"])
    assert "vsdkit.settings.finetune" not in loaded["demo"]


@pytest.mark.parametrize(
    "arguments", [["--debug", "score", "none.jsonl"], ["score", "none.jsonl", "--debug"]]
)
def test_debug_shows_the_traceback_before_and_after_the_command(
    arguments: list[str], tmp_path: object
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vsdkit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=str(tmp_path),
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "MissingInputError" in done.stderr


def test_ctrl_c_while_it_is_loaded_is_no_traceback() -> None:
    code = (
        "import sys, builtins\nreal = builtins.__import__\n"
        "def slow(name, *more):\n"
        "    if name == 'typer': raise KeyboardInterrupt\n"
        "    return real(name, *more)\n"
        "builtins.__import__ = slow\nfrom vsdkit.__main__ import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


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
