"""Tables of numbers: of one system, of several side by side, and of the choices behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.reporting import Table
from vsdkit.score.declared import Declared
from vsdkit.score.signatures import Signature

if TYPE_CHECKING:
    from vsdkit.metrics.intervals import Interval, Paired

__all__ = ["Column", "comparison_table", "numbers_table", "side_by_side", "signature_tables"]


class Column(NamedTuple):
    """What a table shows of one system."""

    name: str
    """The system's."""
    numbers: Mapping[str, float | None]
    """By key; None where a metric has no value."""
    differences: Mapping[str, Paired] | None = None
    """To the first system; None of the first itself."""


def numbers_table(
    shown: Mapping[str, Declared],
    numbers: Mapping[str, float | None],
    intervals: Mapping[str, Interval | None],
) -> Table:
    """Return the numbers with these labels of one system, a row each, with intervals if any."""
    with_intervals = any(intervals.values())
    rows = [
        (
            label,
            numbers[one.key],
            *([_range(intervals.get(one.key))] if with_intervals else []),
        )
        for label, one in shown.items()
        if one.key in numbers
    ]
    return Table(("number", "value", *(["95 %"] if with_intervals else [])), rows)


def comparison_table(
    shown: Mapping[str, Declared], systems: Sequence[Column], *, resampled: bool
) -> Table:
    """Return several systems side by side, then each but the first less the first.

    A number that none of them has is left out.

    Args:
        shown: The numbers by label, a row each.
        systems: The systems, two or more.
        resampled: Whether differences have intervals and p.
    """
    first, *others = systems
    columns = ["number", *(system.name for system in systems)]
    for other in others:
        # Two long names would make the table wider than a terminal; of two systems there is one.
        name = f"{other.name} - {first.name}"
        columns.append(name if len(others) > 1 else "difference")
        columns += ("95 %", "p") if resampled else ()
    rows: list[tuple[object, ...]] = []
    for label, one in shown.items():
        values = [system.numbers.get(one.key) for system in systems]
        if all(value is None for value in values):
            continue
        cells: list[object] = [label, *values]
        for other in others:
            paired = (other.differences or {}).get(one.key)
            cells.append("" if paired is None else f"{paired.difference:+.4f}")
            if resampled:
                cells += _range_and_p(paired)
        rows.append(tuple(cells))
    title = f"difference: {others[0].name} - {first.name}" if len(others) == 1 else ""
    return Table(tuple(columns), rows, title)


def side_by_side(title: str, shown: Mapping[str, Declared], systems: Iterable[Column]) -> Table:
    """Return the numbers with these labels, a row each and a column for each system."""
    columns = list(systems)
    rows: list[tuple[object, ...]] = [
        (label, *(column.numbers.get(one.key) for column in columns))
        for label, one in shown.items()
    ]
    return Table(("number", *(column.name for column in columns)), rows, title)


def signature_tables(
    shown: Mapping[str, Declared], signatures: Mapping[str, Signature], *, compared: bool
) -> list[Table]:
    """Return what each number's signature has of its own, and what several share.

    Args:
        shown: The numbers that are printed, by label.
        signatures: By key; those of intervals and p as well.
        compared: Whether there are differences, which have a p.
    """
    known = {label: signatures[one.key] for label, one in shown.items() if one.key in signatures}
    own: list[tuple[object, ...]] = [(label, signed.own) for label, signed in known.items()]
    # By the text itself: numbers are kin where their choices are the same, whatever measured them.
    kin: dict[str, list[str]] = {}
    for label, signed in known.items():
        kin.setdefault(signed.shared, []).append(label)
    shared: list[tuple[object, ...]] = [
        (", ".join(labels), choices) for choices, labels in kin.items()
    ]
    of_resamples = {"interval": "95 %"} | ({"p": "p"} if compared else {})
    shared += [
        (label, str(signatures[name])) for name, label in of_resamples.items() if name in signatures
    ]
    return [
        Table(("number", "signature, own part"), own),
        Table(("numbers", "signature, what they share"), shared),
    ]


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}"


def _range_and_p(paired: Paired | None) -> tuple[str, str]:
    if paired is None:
        return "", ""
    return _range(paired.interval), "" if paired.p is None else f"{paired.p:.4f}"
