"""The demo runs commands as processes: they print where the demo's own listener prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import vsdkit.demo
from vsdkit.cli.app import app
from vsdkit.settings.demo import DemoSettings


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Take the place of the pipeline and remember what it is given."""
    calls: list[dict[str, Any]] = []

    def take(settings: DemoSettings, *, listener: object, quiet: bool) -> vsdkit.demo.DemoReport:
        calls.append({"settings": settings, "quiet": quiet})
        scores = {"task1": {"f1_micro": 90.0}}
        blank = {"task1": {"f1_micro": 10.0}}
        rows = {"fine-tuned": scores, "fine-tuned, shown blank pictures": blank}
        return vsdkit.demo.DemoReport(rows, {}, settings.folder)

    monkeypatch.setattr("vsdkit.demo.run_demo", take)
    return calls


@pytest.mark.parametrize(("flags", "quiet"), [([], False), (["--quiet"], True), (["--json"], True)])
def test_commands_are_heard_unless_the_result_is_all_that_is_wanted(
    called: list[dict[str, Any]], flags: list[str], quiet: bool
) -> None:
    done = CliRunner().invoke(app, ["demo", "--folder", "x", "--steps", "5", *flags])
    assert done.exit_code == 0, done.output
    assert called[0]["quiet"] is quiet
    assert called[0]["settings"] == DemoSettings(folder=Path("x"), steps=5)


def test_the_library_hears_nothing(
    called: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    vsdkit.demo.demo(folder="x")
    assert called[0]["quiet"] is True
    assert capfd.readouterr() == ("", "")
