"""Decide what the inputs of ``vsdkit report`` are: predictions, instruction rows, or runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.formats import submission_files
from vsdkit.launch.heartbeat import HEARTBEAT
from vsdkit.model.run_folder import JOB, RUN
from vsdkit.progress import Listener
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings

__all__ = ["WritePage", "decide_kind"]

_BEGINNING = 65_536
"""Bytes that are looked at: instruction rows name their conversations in the first row."""


class WritePage(Protocol):
    """Writes the page of one kind of inputs."""

    def __call__(
        self, settings: ReportSettings, *, listener: Listener, origins: Mapping[str, str] | None
    ) -> WrittenReport:
        """Read the inputs, write the folder, return what was written."""


def decide_kind(inputs: Sequence[Path]) -> WritePage:
    """Return what writes the page of these inputs.

    Raises:
        MissingInputError: If one is not there.
        ConfigError: If they are of several kinds.
    """
    kinds = {path: _kind_of(path) for path in inputs}
    if len(set(kinds.values())) > 1:
        raise ConfigError(
            "a page is about one kind of inputs, and these are of several",
            where=", ".join(f"{path} ({kind})" for path, kind in kinds.items()),
            hint="write a report of each kind, into folders of their own: --output FOLDER",
        )
    return _WRITERS[kinds[inputs[0]]]()


def _kind_of(path: Path) -> str:
    if not path.exists():
        raise MissingInputError(
            "no such file or folder",
            where=str(path),
            hint="name predictions, instruction rows, or folders of runs",
        )
    if path.is_dir():
        return _kind_of_folder(path)
    if not path.is_file():
        # A pipe can be read once; whoever reads predictions says so.
        return "predictions"
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    return "instructions" if b'"conversations"' in beginning else "predictions"


def _kind_of_folder(folder: Path) -> str:
    if _is_run(folder):
        return "runs"
    if any(file.is_file() for file in submission_files(folder)):
        return "predictions"
    runs = sorted(path for path in folder.iterdir() if path.is_dir() and _is_run(path))
    raise MissingInputError(
        "neither a run nor a submission in this folder",
        where=str(folder),
        hint=f"name the runs in it: vsdkit report {' '.join(map(str, runs))}"
        if runs
        else "name predictions, instruction rows, or folders of runs",
    )


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in (JOB, RUN, HEARTBEAT))


def _predictions() -> WritePage:
    from vsdkit.report.predictions import write_predictions

    return write_predictions


def _instructions() -> WritePage:
    from vsdkit.report.instructions import write_instructions

    return write_instructions


def _runs() -> WritePage:
    from vsdkit.report.runs import write_runs

    return write_runs


_WRITERS: Mapping[str, Callable[[], WritePage]] = {
    "predictions": _predictions,
    "instructions": _instructions,
    "runs": _runs,
}
