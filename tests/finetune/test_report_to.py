"""Which packages must be there, and what the Trainer and its integrations are told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.finetune import finetune
from vsdkit.finetune.report_to import finish_reports, report_arguments, require_reporters
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import resolve

READ = ("TENSORBOARD_LOGGING_DIR", "WANDB_PROJECT", "WANDB_DIR")


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in READ:
        # Set first, so that it is put back as it was.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_what_is_not_installed_is_named_before_anything_is_read(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.finetune.report_to.find_spec", lambda name: None)
    asked = settings.model_copy(
        update={"report_to": ("tensorboard", "wandb"), "instructions": Path("nowhere.jsonl")}
    )
    with pytest.raises(MissingInputError, match="not installed: tensorboard, wandb") as caught:
        finetune(asked)
    assert caught.value.hint == "pip install tensorboard wandb"


def test_nobody_hears_of_a_run_unless_asked(nothing_set: None) -> None:
    require_reporters(())
    given = report_arguments((), Path("runs/one"))
    assert given["report_to"] == []
    assert given["trackio_static_space_id"] is False


def test_logs_are_kept_in_the_run_folder(
    nothing_set: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = report_arguments(("tensorboard", "wandb"), Path("/runs/one"))
    assert (given["run_name"], given["project"]) == ("one", "vsdkit")
    assert [os.environ[name] for name in READ] == ["/runs/one/tensorboard", "vsdkit", "/runs/one"]


def test_what_the_user_has_set_stays(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    report_arguments(("wandb",), Path("/runs/one"))
    assert os.environ["WANDB_PROJECT"] == "mine"


def test_what_waits_for_pythons_end_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    finish_reports()
    finished: list[bool] = []
    loaded = SimpleNamespace(finish=lambda: finished.append(True))
    monkeypatch.setitem(sys.modules, "wandb", loaded)
    finish_reports()
    assert finished == [True]


@pytest.mark.parametrize("given", ["tensorboard,wandb", ["tensorboard", "wandb"]])
def test_several_may_be_named(given: object) -> None:
    found = resolve(FinetuneSettings, flags={"report_to": given})
    assert found.settings.report_to == ("tensorboard", "wandb")
    with pytest.raises(ConfigError, match="report_to"):
        resolve(FinetuneSettings, flags={"report_to": "paper"})
