"""What papers print, against the challenge's own arithmetic."""

from __future__ import annotations

import pytest

from vsdkit.metrics import overall
from vsdkit.metrics.published import (
    CHALLENGE,
    EARLIER,
    LLAVA_VSD,
    LLAVA_VSD_WITHOUT_REWRITING,
    Published,
)

EVERY = (LLAVA_VSD, LLAVA_VSD_WITHOUT_REWRITING, *EARLIER, *CHALLENGE)


def test_the_papers_total_follows_from_its_parts() -> None:
    computed = LLAVA_VSD._replace(total=None).overall
    assert computed is not None
    assert round(computed, 4) == LLAVA_VSD.overall == 59.3998


def test_the_other_row_of_table_4_in_its_place_gives_another_total() -> None:
    assert LLAVA_VSD.z1 is not None
    assert LLAVA_VSD.z2 is not None
    assert LLAVA_VSD_WITHOUT_REWRITING.z3 is not None
    swapped = overall(LLAVA_VSD.z1, LLAVA_VSD.z2, LLAVA_VSD_WITHOUT_REWRITING.z3)
    # 0.5 of what is lost in z3: (7.0931 - 0.6916) / 2 - (46.0628 - 45.809) / 2, halved.
    assert swapped == pytest.approx(59.3998 - 0.5 * (3.20075 - 0.1269), abs=1e-4)


def test_a_row_has_no_total_of_parts_that_are_not_published() -> None:
    assert LLAVA_VSD_WITHOUT_REWRITING.overall is None
    assert all(row.z1 is None and row.z3 is None and row.overall is None for row in EARLIER)
    assert Published("a", "b", bleu4=1.0).z2 is None
    assert Published("a", "b", mbleu4=1.0).z3 is None


def test_the_leaderboard_falls_and_ends_with_the_papers_total() -> None:
    totals = [row.overall for row in CHALLENGE]
    assert totals == sorted(totals, key=lambda total: -(total or 0))
    assert totals[-1] == LLAVA_VSD.overall


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.system)
def test_every_row_has_a_source_and_numbers_from_0_to_100(row: Published) -> None:
    numbers = [row.f1, row.bleu4, row.spice2, row.mbleu4, row.spice3, row.total]
    known = [number for number in numbers if number is not None]
    assert row.source
    assert known
    assert all(0 < number < 100 for number in known)
