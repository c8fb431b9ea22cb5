"""The list of the commands: each can be loaded, and the list itself loads nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vsdkit.settings.commands import COMMANDS, Command
from vsdkit.settings.resolve import Settings


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_settings_and_verb_are_where_the_list_says(command: Command) -> None:
    assert issubclass(command.load_settings(), Settings)
    assert command.load_verb().__name__ == command.verb
    assert COMMANDS[command.name] is command


def test_the_list_loads_neither_pydantic_nor_a_command() -> None:
    code = (
        "import sys, vsdkit.settings.commands; print(sorted(name for name in sys.modules "
        "if name.startswith(('vsdkit.', 'pydantic', 'yaml'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['vsdkit.settings', 'vsdkit.settings.commands']"
