"""What score and report have in common stands once, and means the same."""

from __future__ import annotations

from vsdkit.settings.report import ReportSettings
from vsdkit.settings.score import ScoreSettings
from vsdkit.settings.scoring import ScoringSettings


def test_both_commands_have_the_same_settings_of_scoring() -> None:
    for name, field in ScoringSettings.model_fields.items():
        for settings in (ScoreSettings, ReportSettings):
            assert settings.model_fields[name].default == field.default
            assert settings.model_fields[name].description == field.description
    assert issubclass(ScoreSettings, ScoringSettings)
    assert issubclass(ReportSettings, ScoringSettings)
