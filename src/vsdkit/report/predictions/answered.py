"""Read what a page of predictions is about: items, each system's answers, and their scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from vsdkit.data.records import GoldRow, RowKey
from vsdkit.errors import MissingInputError
from vsdkit.formats import find_files
from vsdkit.formats.align import AlignedRow, align
from vsdkit.formats.content import names_key, read_content
from vsdkit.infer.asked import read_asked
from vsdkit.manifest import read_output_facts
from vsdkit.progress import Listener
from vsdkit.score.diagnosis.statements import read_sentence
from vsdkit.score.inputs import System, read_gold, read_systems
from vsdkit.score.report import ScoreReport
from vsdkit.score.run import score_systems
from vsdkit.settings.defaults import GOLD, IMAGES
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.report import ReportSettings
from vsdkit.settings.score import ScoreSettings
from vsdkit.settings.scoring import ScoringSettings

__all__ = ["Answer", "Answered", "AnsweredSystem", "read_answered"]

_NOT_SCORED = "nothing was scored: {} has no relations and no references"

_BEGINNING = 65_536
# A relation or a reference in one of the first rows; an item of one's own may have empty lists.
_KNOWN = re.compile(rb'"(?:relations|references|captions)"\s*:\s*\[\s*"')


class Answer(NamedTuple):
    """What a system answered to one row."""

    row: AlignedRow
    """The row of gold beside the prediction."""
    facts: Mapping[str, Any]
    """What is known of it, as ``score --items`` writes it; without gold what its sentences state
    alone."""


@dataclass(frozen=True)
class AnsweredSystem:
    """A system's answers."""

    system: System
    """Its file and predictions."""
    answers: Mapping[RowKey, Answer]
    """By key, of every row that it was asked; a task that it has no answer of is none."""
    made: Mapping[str, Any]
    """The run.json beside its file; empty if there is none."""


@dataclass(frozen=True)
class Answered:
    """What a page of predictions is about."""

    rows: Sequence[GoldRow]
    """The rows of gold, or of the items that were asked about."""
    systems: Sequence[AnsweredSystem]
    """One or several, in the order in which they were named."""
    score: ScoreReport | None
    """The scores; None where nothing is known of the answers."""
    files: Sequence[Path]
    """Every file that was read."""
    remarks: Sequence[str] = ()
    """What a reader must know of all that."""


def read_answered(settings: ReportSettings, listener: Listener) -> Answered:
    """Return items, answers and scores.

    Raises:
        MissingInputError: If a file is not there, or nothing tells what was asked.
        DataError: If a row is wrong.
        AlignmentError: If a row is missing, or answers none of the items.
    """
    shared = {name: getattr(settings, name) for name in ScoringSettings.model_fields}
    scoring = ScoreSettings(preds=settings.inputs, diagnosis=True, **shared)
    asked = _asked(settings)
    if asked is not None:
        found = None if _tells_answers(asked.items) else read_asked(asked, listener)
        if found is not None and not any(row.relations or row.references for row in found.rows):
            listener.message(f"items: {asked.items.name}: {len(found.rows):,} rows")
            return _read_unscored(found.rows, found.files, scoring, listener)
        scoring = scoring.model_copy(update={"gold": (asked.items,)})
    return _read_scored(scoring, listener)


def _read_scored(scoring: ScoreSettings, listener: Listener) -> Answered:
    gold = read_gold(scoring, listener)
    systems = read_systems(scoring, tuple(gold.values()), listener)
    score = score_systems(systems, gold, scoring, listener=listener, with_tuples=True)
    return Answered(
        rows=tuple(gold.values()),
        systems=[
            AnsweredSystem(
                system,
                {
                    key: Answer(AlignedRow(gold[key], predicted.get(key)), facts)
                    for facts in told.items
                    if (key := RowKey(facts["id"], facts["task"]))
                },
                read_output_facts(system.paths[0]),
            )
            for system, told in zip(systems, score.systems, strict=True)
            for predicted in (system.by_key,)
        ],
        score=score,
        files=[*_files_of(systems), *scoring.gold],
    )


def _asked(settings: ReportSettings) -> InferSettings | None:
    """Return what was asked, as ``infer`` reads it; None where gold is VSD's two files.

    Where no gold was named, the run.json beside the predictions may name the items; else it is
    the gold in its usual place.
    """
    if "gold" not in settings.model_fields_set:
        found = _asked_by_infer(settings.inputs[0])
        if found is not None and (found.items.exists() or not GOLD.exists()):
            return found
        if not GOLD.exists():
            raise MissingInputError(
                f"what these predictions answer is not known: there is no {GOLD}, and no run.json "
                "beside them names the items",
                where=str(settings.inputs[0]),
                hint="name gold, or the items that were asked: --gold FILE",
            )
    if len(settings.gold) > 1:
        return None
    return InferSettings(items=settings.gold[0], images=settings.images or (IMAGES,))


def _asked_by_infer(predictions: Path) -> InferSettings | None:
    """Return what the run.json beside predictions says of the items; None if it says nothing."""
    made = read_output_facts(predictions)
    given = made.get("settings")
    if made.get("command") == "diversify" and isinstance(given, dict):
        # It reads gold for the tags of what it rewrites.
        given = {"items": given.get("gold")}
    try:
        return InferSettings.model_validate(given) if given else None
    except ValidationError:
        # Not made by infer, or by one whose settings had other names.
        return None


def _tells_answers(path: Path) -> bool:
    """Say whether the first rows of a file have relations, references or captions.

    Answers that were named for gold count as well: whoever reads gold says what is wrong.
    """
    if not path.is_file():
        return False
    content = read_content(path)
    return bool(_KNOWN.search(content[:_BEGINNING])) or names_key(content, "prediction")


def _read_unscored(
    rows: Sequence[GoldRow], files: Sequence[Path], scoring: ScoreSettings, listener: Listener
) -> Answered:
    by_key = {row.key: row for row in rows}
    systems = read_systems(scoring, rows, listener)
    answered = []
    for system in systems:
        # What was left unanswered is wrong to nobody: it is shown as missing.
        aligned = align(
            by_key,
            system.by_key,
            allow_missing=True,
            gold_path=files[0],
            preds_path=system.paths[0],
        )
        tasks = {row.task for row in system.rows}
        answers = {
            row.gold.key: Answer(row, _facts(row))
            for task, of_task in aligned.rows.items()
            for row in of_task
            if task in tasks
        }
        answered.append(AnsweredSystem(system, answers, read_output_facts(system.paths[0])))
    return Answered(
        rows=rows,
        systems=answered,
        score=None,
        files=[*_files_of(systems), *files],
        remarks=[_NOT_SCORED.format(", ".join(path.name for path in files[:1]))],
    )


def _facts(row: AlignedRow) -> dict[str, Any]:
    if row.gold.task == 1:
        return {}
    stated = [list(read_sentence(text, row.gold).stated) for text in row.answers]
    if not stated:
        return {}
    return {"stated": stated if row.gold.task == 3 else stated[0]}


def _files_of(systems: Sequence[System]) -> list[Path]:
    return [path for system in systems for path in find_files(system.paths)]
