"""The defaults that ``--help`` shows are those of the settings."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from vsdkit.cli.app import app
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.demo import DemoSettings
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.doctor import DoctorSettings
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import Settings, profile_names
from vsdkit.settings.score import ScoreSettings

SETTINGS: dict[str, type[Settings]] = {
    "ablate": AblateSettings,
    "build-instructions": BuildInstructionsSettings,
    "demo": DemoSettings,
    "diversify": DiversifySettings,
    "doctor": DoctorSettings,
    "finetune": FinetuneSettings,
    "infer": InferSettings,
    "score": ScoreSettings,
}


def _parameters() -> list[Any]:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return [
        pytest.param(command, parameter, id=f"{command}-{parameter.name}")
        for command in SETTINGS
        for parameter in commands[command].params
        if isinstance(parameter.show_default, str)
    ]


@pytest.mark.parametrize(("command", "parameter"), _parameters())
def test_shown_default_is_the_setting(command: str, parameter: Any) -> None:
    if parameter.name == "profile":
        assert parameter.show_default in profile_names()
        return
    field = SETTINGS[command].model_fields[parameter.name]
    default = field.default
    if isinstance(default, tuple | list):
        default = ",".join(map(str, default))
    try:
        assert float(parameter.show_default) == float(default)
    except ValueError:
        assert parameter.show_default == str(default)
