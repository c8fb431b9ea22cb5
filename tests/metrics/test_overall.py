from __future__ import annotations

import pytest

from vsdkit.metrics import overall, z2, z3


def test_the_papers_own_parts_give_the_papers_total() -> None:
    # Parts: Table 2 of the LLaVA-VSD paper; total: the challenge's leaderboard, team DMCV.
    total = overall(78.8728, z2(51.9585, 75.6158), z3(0.6916, 45.809))
    assert round(total, 4) == 59.3998


def test_table_4_row_without_rewriting_does_not() -> None:
    total = overall(78.8728, z2(51.9585, 75.6158), z3(7.0931, 46.0628))
    assert round(total, 4) == 57.8628


def test_best_possible_total() -> None:
    assert overall(100, z2(100, 100), z3(0, 100)) == pytest.approx(87.5)
