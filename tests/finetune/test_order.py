"""Which rows each process takes in each micro-batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.finetune.order import (
    Bundle,
    Division,
    ImageBatches,
    RowTokens,
    StepBatches,
    make_batches,
)


def _make(
    images: Sequence[int],
    *,
    steps: int,
    batching: str = "rows",
    processes: int = 1,
    per_device: int = 8,
    accumulation: int = 1,
    seed: int = 0,
) -> list[StepBatches]:
    """Return the batches of each process; a row has 20 tokens, an image 100."""
    division = Division(steps, per_device, accumulation, processes)
    tokens = [RowTokens(130, 100, 110)] * len(images)
    return [
        make_batches(batching, division, image_of_row=images, tokens=tokens, rank=rank, seed=seed)
        for rank in range(processes)
    ]


def _steps(batches: list[StepBatches], accumulation: int = 1) -> list[list[Bundle]]:
    """Return each step's bundles, those of all processes."""
    shares = [list(one) for one in batches]
    assert {len(share) for share in shares} == {len(batches[0])}
    steps = len(batches[0]) // accumulation
    return [
        [
            bundle
            for micro in range(accumulation)
            for share in shares
            for bundle in share[step * accumulation + micro]
        ]
        for step in range(steps)
    ]


def _rows(step: list[Bundle]) -> list[int]:
    return [row for bundle in step if bundle.trained for row in bundle.rows]


@pytest.mark.parametrize("batching", ["rows", "pictures"])
def test_rows_of_a_step_do_not_depend_on_the_number_of_processes(batching: str) -> None:
    images = [number % 7 for number in range(20)]
    found = [
        [
            sorted(_rows(step))
            for step in _steps(
                _make(
                    images,
                    steps=6,
                    batching=batching,
                    processes=processes,
                    per_device=per_device,
                    accumulation=accumulation,
                    seed=seed,
                ),
                accumulation,
            )
        ]
        for processes, per_device, accumulation, seed in (
            (1, 8, 1, 0),
            (2, 2, 2, 0),
            (4, 2, 1, 0),
            (1, 8, 1, 1),
        )
    ]
    assert found[0] == found[1] == found[2]
    assert found[0] != found[3]


ORDERS = st.tuples(
    st.lists(st.integers(0, 6), min_size=1, max_size=40),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["rows", "pictures"]),
)


@given(ORDERS)
def test_each_epoch_takes_every_row_once_in_steps_of_the_global_batch(
    order: tuple[list[int], int, int, int, str],
) -> None:
    images, processes, per_device, accumulation, batching = order
    size = processes * per_device * accumulation
    steps = -(-len(images) // size)
    batches = _make(
        images,
        steps=2 * steps,
        batching=batching,
        processes=processes,
        per_device=per_device,
        accumulation=accumulation,
    )
    # What Trainer and ZeRO-3 need: as many micro-batches in each process, and none empty.
    assert [len(one) for one in batches] == [2 * steps * accumulation] * processes
    assert all(micro for one in batches for micro in one)
    found = _steps(batches, accumulation)
    for epoch in (found[:steps], found[steps:]):
        assert sorted(row for step in epoch for row in _rows(step)) == list(range(len(images)))
        assert [len(_rows(step)) for step in epoch[:-1]] == [size] * (steps - 1)
    for number, step in enumerate(found, start=1):
        assert sorted(batches[0].rows_of_step(number)) == sorted(_rows(step))
        for bundle in step:
            assert len({images[row] for row in bundle.rows}) == 1
            assert 1 <= len(bundle.rows) <= (1 if batching == "rows" else per_device)


def test_a_step_of_rows_is_padded_to_its_micro_batches() -> None:
    (last,) = _steps(_make([0, 1, 2], steps=1, processes=2, per_device=2))
    assert [bundle.trained for bundle in last] == [True, True, True, False]


def test_an_image_of_more_rows_than_a_micro_batch_is_cut() -> None:
    (step,) = _steps(_make([0] * 10, steps=1, batching="pictures", per_device=4, accumulation=3), 3)
    assert sorted(len(bundle.rows) for bundle in step) == [2, 4, 4]


def test_few_images_are_halved_until_each_micro_batch_has_one() -> None:
    batches = _make([0] * 6 + [1], steps=1, batching="pictures", processes=4, per_device=8)
    (step,) = _steps(batches)
    assert sorted(len(bundle.rows) for bundle in step) == [1, 1, 2, 3]
    (step,) = _steps(_make([0, 1], steps=1, batching="pictures", processes=4, per_device=8))
    assert [bundle.trained for bundle in step] == [True, True, False, False]


def test_images_are_spread_so_that_the_longest_micro_batch_is_short() -> None:
    images = [0] * 4 + [1] * 4 + [2] * 2 + [3] * 2 + [4] * 2 + [5] * 2
    batches = _make(images, steps=1, batching="pictures", processes=2, per_device=8)
    shared = batches[0]
    assert isinstance(shared, ImageBatches)
    # 110 of the image and 20 of each row.
    assert shared.count(Bundle((0, 1, 2, 3))) == 190
    lengths = [sum(map(shared.count, micro)) for one in batches for micro in one]
    assert lengths == [190 + 2 * 150, 190 + 2 * 150]
