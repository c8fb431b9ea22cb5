"""The rows that cost a file of predictions most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vsdkit.reporting import Table
from vsdkit.score.numbers import TASK_TOTALS, task_parts

__all__ = ["worst_rows", "worst_table"]


def worst_rows(items: Iterable[Mapping[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return, of each task, the rows that cost most, the worst first.

    A row's ``value`` is what it adds to its task's total: 0 for a wrong label, z2 or z3 of the row
    for sentences. Right labels are not among them. Of rows with the same value the earlier one
    comes first.

    Args:
        items: Rows as ``--items`` writes them.
        count: How many of each task at most.
    """
    valued: dict[int, list[dict[str, Any]]] = {}
    for item in items:
        value = _row_value(item)
        if value is not None:
            valued.setdefault(item["task"], []).append({**item, "value": value})
    return [
        row
        for task in sorted(valued)
        for row in sorted(valued[task], key=lambda row: float(row["value"]))[:count]
    ]


def worst_table(items: Iterable[Mapping[str, Any]], count: int) -> Table:
    """Return ``worst_rows`` as a table: what was asked, what was answered, what was wanted."""
    return Table(
        ("task", "id", "value", "subject", "object", "gold", "answer", "states", "a reference"),
        [
            (
                str(row["task"]),
                row["id"],
                row["value"],
                row["subject"],
                row["object"],
                ", ".join(row["relations"]),
                _shown(row),
                _stated(row.get("stated", ())),
                next(iter(row.get("references", ())), ""),
            )
            for row in worst_rows(items, count)
        ],
        title=f"the {count:,} worst rows of each task",
    )


def _row_value(item: Mapping[str, Any]) -> float | None:
    """Return what a row adds to its task's total, in the paper's reading; None if it costs nothing.

    A part that is n/a counts as 0: without SPICE the rows can still be told apart by the other
    half. Without the first part they cannot.
    """
    (total,) = (total for total in TASK_TOTALS if total.task == item["task"])
    values = [item.get(part.value_of_row) for part in task_parts(total, "paper")]
    # A label is right or wrong: the right ones cost nothing.
    if values[0] is None or values[0] is True:
        return None
    return float(total.combine(*(float(value or 0) for value in values)))


def _shown(row: Mapping[str, Any]) -> str:
    prediction = row["prediction"]
    if prediction is None:
        if row.get("error"):
            return f"(error) {row['error']}"
        return f"(unparsed) {row['raw']}" if row.get("raw") else "(none)"
    return " | ".join(prediction) if isinstance(prediction, list | tuple) else str(prediction)


def _stated(stated: Sequence[Any]) -> str:
    """Return the relations that a row's sentences state, sentence by sentence for task 3."""
    if all(isinstance(one, str) for one in stated):
        return ", ".join(stated)
    return " | ".join(_stated(one) or "-" for one in stated)
