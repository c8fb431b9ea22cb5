"""Rows that are chosen to be shown."""

from __future__ import annotations

from vsdkit.report.instructions.samples import SHOWN_ROWS, choose_places


def test_the_seed_alone_decides_which_rows_are_shown() -> None:
    one = choose_places(1000, seed=3)
    assert one == choose_places(1000, seed=3)
    assert one != choose_places(1000, seed=4)
    assert len(set(one)) == SHOWN_ROWS
    assert one == sorted(one)
