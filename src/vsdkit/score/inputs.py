"""Read the predictions of one system or several, and gold; decide which file is what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.formats import find_files, read_predictions, submission_files
from vsdkit.formats import read_gold as read_gold_files
from vsdkit.formats.align import check_gold
from vsdkit.formats.content import names_key, read_content
from vsdkit.formats.kinds import decide_format
from vsdkit.manifest import manifest_path, read_manifest, refuse_input
from vsdkit.progress import Listener
from vsdkit.settings.score import ScoreSettings

__all__ = ["System", "read_gold", "read_systems", "refuse_outputs", "shortest_names"]

_GOLD_HINT = (
    "{} was taken for gold, but holds predictions; name gold by its option: --gold gold.jsonl"
)


@dataclass(frozen=True)
class System:
    """The predictions of one system."""

    name: str
    """What tells it from the others, short."""
    paths: tuple[Path, ...]
    """Its file, its folder, or the two files of its submission."""
    rows: tuple[PredictionRow, ...]
    """Its predictions."""
    seen_in_training: Mapping[str, int] | None = None
    """How many of the pictures its adapter was trained on, if known."""

    @property
    def by_key(self) -> dict[RowKey, PredictionRow]:
        """Return the predictions by key."""
        return {row.key: row for row in self.rows}


def read_gold(settings: ScoreSettings, listener: Listener) -> dict[RowKey, GoldRow]:
    """Return the gold rows by key, and say what the files were taken for.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row is wrong, or has nothing to be scored against.
    """
    where = ", ".join(map(str, settings.gold))
    try:
        found = read_gold_files(settings.gold)
    except MissingInputError as error:
        hint = error.hint or "name gold: --gold FILE, or make it: vsdkit build-instructions"
        raise type(error)(error.message, where=error.where, hint=hint) from error
    except DataError as error:
        hint = error.hint
        if not hint and names_key(read_content(settings.gold[0]), "prediction"):
            hint = _GOLD_HINT.format(settings.gold[0])
        raise type(error)(error.message, where=error.where, hint=hint) from error
    listener.message(f"gold: {found.description}")
    if settings.export_questions is not None:
        return {row.key: row for row in found.rows}
    return check_gold(found.rows, where=where)


def read_systems(
    settings: ScoreSettings, gold: Sequence[GoldRow], listener: Listener
) -> list[System]:
    """Return the predictions of each system, and say what the files were taken for.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row is wrong or repeated.
        ConfigError: If a file is named twice.
    """
    groups = _group(settings.preds, settings.kind)
    systems = []
    for name, paths in zip(shortest_names(groups), groups, strict=True):
        try:
            found = read_predictions(paths, gold, kind=settings.kind, task=settings.task)
        except MissingInputError as error:
            hint = error.hint or "name predictions: vsdkit score FILE, or make them: vsdkit infer"
            raise type(error)(error.message, where=error.where, hint=hint) from error
        listener.message(f"predictions: {found.description}")
        systems.append(System(name, paths, found.rows, _seen_in_training(paths)))
    return systems


def refuse_outputs(settings: ScoreSettings) -> None:
    """Refuse to write over predictions or gold.

    Raises:
        ConfigError: If an output is one of the files that are read.
    """
    read = {f"predictions ({path})": path for path in settings.preds}
    read |= {f"gold ({path})": path for path in settings.gold}
    for folder in (path for path in settings.preds if path.is_dir()):
        read |= {f"predictions ({path})": path for path in find_files([folder])}
    outputs = {
        "--items": [settings.items] if settings.items else [],
        "--export-questions": [settings.export_questions] if settings.export_questions else [],
        "--submission": submission_files(settings.submission) if settings.submission else [],
    }
    for option, paths in outputs.items():
        for path in paths:
            refuse_input(path, read, option=option)


def _group(paths: Sequence[Path], kind: str | None) -> list[tuple[Path, ...]]:
    """Return the paths of each system: a submission's two files in one folder are one."""
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is named twice", hint="name each system once")
    groups: list[tuple[Path, ...]] = []
    parts = [_part(path, kind) if len(paths) > 1 else None for path in paths]
    before: str | None = None
    for path, part in zip(paths, parts, strict=True):
        # One after the other and in one folder: of files that are further apart nobody could tell
        # which two are one system's.
        if {before, part} == {"task 1 and 2", "task 3"} and groups[-1][-1].parent == path.parent:
            groups[-1] = (*groups[-1], path)
            before = None
        else:
            groups.append((path,))
            before = part
    _refuse_half_pairs(groups, dict(zip(paths, parts, strict=True)))
    return groups


def _refuse_half_pairs(groups: Sequence[Sequence[Path]], parts: Mapping[Path, str | None]) -> None:
    """Refuse pairs and single files of submissions in one folder: which belong together?"""
    folders = {group[0].parent for group in groups if len(group) > 1}
    for group in groups:
        if len(group) == 1 and parts[group[0]] and group[0].parent in folders:
            raise ConfigError(
                "several files of submissions, and which two are one system's is not clear",
                where=", ".join(map(str, parts)),
                hint="name the two files of a system one after the other, or give each a folder",
            )


def _part(path: Path, kind: str | None) -> str | None:
    """Return which part of a submission a file is, None if it is none."""
    if path.is_dir():
        return None
    content = read_content(path)
    if (kind or decide_format(content, path).name) != "submission":
        return None
    return "task 1 and 2" if b'"triple_list"' in content else "task 3"


def shortest_names(groups: Sequence[Sequence[Path]]) -> list[str]:
    """Return for each system the shortest name that no other has."""
    wholes = [group[0].parent if len(group) > 1 else group[0] for group in groups]
    for shorten in (_stem, _stem_in_folder, str):
        names = [shorten(path) for path in wholes]
        if len(set(names)) == len(names):
            return names
    return [" + ".join(str(path.resolve()) for path in group) for group in groups]


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() or not path.stem else path.stem


def _stem_in_folder(path: Path) -> str:
    return f"{path.resolve().parent.name}/{_stem(path)}"


def _seen_in_training(paths: Sequence[Path]) -> dict[str, int] | None:
    try:
        seen: Any = read_manifest(manifest_path(paths[0])).get("seen_in_training")
    except MissingInputError:
        return None
    if isinstance(seen, dict) and all(
        isinstance(seen.get(key), int) for key in ("pictures", "seen")
    ):
        return {"pictures": seen["pictures"], "seen": seen["seen"]}
    return None
