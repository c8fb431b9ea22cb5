"""What a page shows of one item when it is looked at: references, answers, tuples, sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vsdkit.data.records import TASKS, PredictionRow, RowKey
from vsdkit.report.predictions.answered import Answer, Answered, AnsweredSystem
from vsdkit.report.predictions.entries import Entry

__all__ = ["ENTRIES_A_PIECE", "detail_pieces"]

ENTRIES_A_PIECE = 200
"""Of a piece that is loaded when one of them is wanted: some 20 kB."""

_MATCHED, _MADE_UP = "m", "x"
_DIGITS = 2
_LEAST_PROBABILITY = 0.0005
"""What rounds to nothing in three digits is left out."""


def detail_pieces(
    entries: Sequence[Entry], answered: Answered
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield name and content of the pieces ``details-000``, ``details-001`` and so on."""
    for number, start in enumerate(range(0, len(entries), ENTRIES_A_PIECE)):
        piece = entries[start : start + ENTRIES_A_PIECE]
        yield f"details-{number:03}", [_details(entry, answered) for entry in piece]


def _details(entry: Entry, answered: Answered) -> dict[str, Any]:
    rows = entry.rows
    reading = answered.score.reading if answered.score else None
    found: dict[str, Any] = {
        "systems": [_of_system(entry, system, reading) for system in answered.systems]
    }
    references = {str(task): row.references for task, row in rows.items() if row.references}
    if references:
        found["references"] = references
    agree = next(
        (
            answer.facts["boxes_agree"]
            for system in answered.systems
            for task in TASKS
            if (answer := system.answers.get(RowKey(entry.first.id, task)))
            and "boxes_agree" in answer.facts
        ),
        None,
    )
    return found if agree is None else {**found, "boxes_agree": agree}


def _of_system(entry: Entry, system: AnsweredSystem, reading: str | None) -> dict[str, Any]:
    found = {}
    for task in TASKS:
        answer = system.answers.get(RowKey(entry.first.id, task))
        if answer is not None and answer.row.prediction is not None:
            found[str(task)] = _of_answer(answer, answer.row.prediction, reading)
    return found


def _of_answer(answer: Answer, prediction: PredictionRow, reading: str | None) -> dict[str, Any]:
    facts = answer.facts
    found: dict[str, Any] = {"answer": prediction.prediction}
    if prediction.raw is not None and not _says_the_same(prediction):
        found["raw"] = prediction.raw
    if prediction.error is not None:
        found["error"] = prediction.error
    if prediction.because is not None:
        found["because"] = prediction.because
    if prediction.probabilities:
        found["probabilities"] = _probabilities(prediction.probabilities)
    if any(facts.get("stated", ())):
        found["stated"] = facts["stated"]
    if "tuples" in facts:
        found |= _tuples(facts, several=prediction.task == 3)
    if "mbleu4_by_pair" in facts:
        pairs = facts["mbleu4_by_pair"].items()
        found["mbleu4_by_pair"] = {name: round(value, _DIGITS) for name, value in pairs}
    # Each with its best reference: where all are merged into one, it is not what counts.
    if "spice_by_sentence" in facts and reading == "paper":
        found["by_sentence"] = [round(value, _DIGITS) for value in facts["spice_by_sentence"]]
    return found


def _says_the_same(prediction: PredictionRow) -> bool:
    """Say whether a model's words are the answer, whatever stands between its parts."""
    said = prediction.prediction
    parts = said if isinstance(said, tuple) else (said or "",)
    return "".join((prediction.raw or "").split()) == "".join("".join(parts).split())


def _probabilities(weighed: Mapping[str, Any]) -> dict[str, float]:
    # Another program's field of this name may hold anything.
    return {
        str(label): round(value, 3)
        for label, value in weighed.items()
        if isinstance(value, int | float) and math.isfinite(value) and value >= _LEAST_PROBABILITY
    }


def _tuples(facts: Mapping[str, Any], *, several: bool) -> dict[str, Any]:
    cases = facts["tuples"]
    said = [_in_order(case["said"]) for case in cases]
    marked = [
        [[words, _MATCHED if matched else _MADE_UP] for words, matched in one] for one in said
    ]
    missing = [
        [words for words, matched in _in_order(case["known"]) if not matched] for case in cases
    ]
    best = [case["reference"] for case in cases]
    found = {
        "tuples": marked if several else marked[0],
        "missing": missing if several else missing[0],
    }
    # Of one reference, or of all merged, there is nothing to tell.
    return {**found, "best": best if several else best[0]} if any(best) else found


def _in_order(
    tuples: Sequence[tuple[list[str], bool]],
) -> Sequence[tuple[list[str], bool]]:
    """Return objects, then attributes, then relations."""
    return sorted(tuples, key=lambda one: (len(one[0]), one[0]))
