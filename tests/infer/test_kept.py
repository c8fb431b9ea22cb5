"""The end of a run: between the output and its run.json lies a moment, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.infer import InferReport
from vsdkit.infer.kept import KeptAnswers

Ask = Callable[..., InferReport]


class _Killed(BaseException):
    """Stands for the end of the command."""


def _killed(*_: object, **__: object) -> None:
    raise _Killed


def test_output_without_its_run_json_is_the_runs_own(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(KeptAnswers, "close", _killed)
        with pytest.raises(_Killed):
            ask()
    content = (tmp_path / "preds.jsonl").read_bytes()
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", None)
    ask()
    assert (tmp_path / "preds.jsonl").read_bytes() == content
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"preds.jsonl", "preds.jsonl.run.json"}


def test_somebody_elses_output_stays_refused_after_a_run_that_was_killed(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "preds.jsonl").write_text("{}\n")
    with monkeypatch.context() as patch:
        patch.setattr(KeptAnswers, "append", _killed)
        with pytest.raises(_Killed):
            ask(overwrite=True)
    with pytest.raises(ConfigError, match="how it was made is not known"):
        ask()
    assert (tmp_path / "preds.jsonl").read_text() == "{}\n"
