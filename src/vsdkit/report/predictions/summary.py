"""What a page of predictions shows first: systems, their numbers, and how these were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vsdkit.data.records import TASKS
from vsdkit.data.relations import RELATIONS, short_form
from vsdkit.report.page import readable
from vsdkit.report.predictions.answered import Answered, AnsweredSystem
from vsdkit.report.predictions.details import ENTRIES_A_PIECE
from vsdkit.report.predictions.entries import Sort
from vsdkit.report.predictions.made import questions_of, run_facts
from vsdkit.report.predictions.verdicts import VERDICTS
from vsdkit.score.numbers import all_declared, headline_of
from vsdkit.score.report import ScoreReport, SystemReport

__all__ = ["summary_of"]


def summary_of(answered: Answered, sorts: Sequence[Sort], *, entries: int) -> dict[str, Any]:
    """Return the piece of data ``summary``, but for what is said of pictures."""
    score = answered.score
    told: Sequence[SystemReport | None] = score.systems if score else [None] * len(answered.systems)
    return {
        "reading": score.reading if score else None,
        "scored": score is not None,
        "notes": list(answered.remarks),
        "tasks": [task for task in TASKS if any(row.task == task for row in answered.rows)],
        "relations": [{"label": label, "short": short_form(label)} for label in RELATIONS],
        "verdicts": VERDICTS,
        "systems": [
            {**_system(system), **(_scores(report) if report else {})}
            for system, report in zip(answered.systems, told, strict=True)
        ],
        "differences": [one.to_dict() for one in score.differences] if score else [],
        "numbers": _numbers(score) if score else [],
        "of_resamples": _of_resamples(score) if score else {},
        "sorts": [sort.to_dict() for sort in sorts],
        "tuples_note": _tuples_note(answered),
        "questions": _questions(answered),
        "entries": entries,
        "chunk": ENTRIES_A_PIECE,
    }


def _system(answered: AnsweredSystem) -> dict[str, Any]:
    system = answered.system
    return {
        "name": readable(system.name),
        # Its name alone: a page is handed on, and folders are nobody's business.
        "file": readable(", ".join(path.name for path in system.paths)),
        "rows": len(system.rows),
        "errors": sum(row.error is not None for row in system.rows),
        "seen_in_training": system.seen_in_training,
        "run": run_facts(answered.made),
    }


def _scores(report: SystemReport) -> dict[str, Any]:
    diagnosis = report.diagnosis
    assert diagnosis is not None
    return {
        "numbers": report.numbers,
        "intervals": {key: list(one) for key, one in report.intervals.items() if one is not None},
        "reasons": report.reasons,
        "confusion": diagnosis.confusion,
        "by_relation": [asdict(one) for one in diagnosis.relations],
        "unparsed": {
            str(task): {**counts._asdict(), "first": report.first_unparsed.get(task)}
            for task, counts in report.counts.items()
        },
    }


def _numbers(score: ScoreReport) -> list[dict[str, Any]]:
    headline = headline_of(score.reading)
    return [
        {
            "key": one.key,
            "label": one.label,
            "task": one.task,
            "better": one.better,
            "headline": one in headline,
            "signature": str(score.signatures[one.key]),
        }
        for one in all_declared()
        if one.key in score.signatures and one.task in (*score.in_gold, None)
    ]


def _of_resamples(score: ScoreReport) -> dict[str, str]:
    """Return the signatures of intervals and p."""
    return {
        name: str(score.signatures[name]) for name in ("interval", "p") if name in score.signatures
    }


def _tuples_note(answered: Answered) -> str | None:
    """Say why there are no tuples; None where there are, and where nothing was scored at all."""
    if answered.score is None:
        return None
    answers = (answer for system in answered.systems for answer in system.answers.values())
    if any("tuples" in answer.facts for answer in answers):
        return None
    reasons = (
        one.reasons.get(f"task{task}.spice") for one in answered.score.systems for task in (2, 3)
    )
    return next(filter(None, reasons), "no sentences were scored")


def _questions(answered: Answered) -> Mapping[str, str]:
    """Return what was asked, where all systems that say so were asked the same."""
    known = [asked for system in answered.systems if (asked := questions_of(system.made))]
    return known[0] if known and all(one == known[0] for one in known) else {}
