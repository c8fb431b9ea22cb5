"""The change that makes a run fit: the smallest one, told as flags."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vsdkit.finetune.estimate import Layout, Memory, find_change

BEFORE = Layout(1, 16, 2, False, "anyres")


def _memory(gigabytes: float) -> Memory:
    return Memory(gigabytes * 1e9 / 1.1, 0, 0, 0, 0, 0, 0, 0)


def _find(
    size: Callable[[Layout], float], usable: float, *, before: Layout = BEFORE, more: bool = True
) -> list[str] | None:
    change = find_change(
        before,
        global_batch=128,
        usable_bytes=usable * 1e9 + 1,
        more_gpus=more,
        peak=lambda layout: _memory(size(layout)),
    )
    return None if change is None else change.flags


def _size(layout: Layout) -> float:
    """20 for the weights; a row takes 8, with checkpointing 2, with one tile half of that."""
    weights = 20 / (layout.processes if layout.zero_stage == 3 else 1)
    row = (2 if layout.gradient_checkpointing else 8) * (
        0.5 if layout.image_mode == "single" else 1
    )
    return (weights * (0.25 if layout.load_in else 1)) + row * layout.per_device


@pytest.mark.parametrize(
    ("usable", "flags"),
    [
        (90, ["--per-device-batch-size 8"]),
        (28, ["--per-device-batch-size 1"]),
        (24, ["--per-device-batch-size 2", "--gradient-checkpointing"]),
        (21, ["--per-device-batch-size 1", "--gradient-checkpointing", "--image-mode single"]),
    ],
)
def test_the_smallest_change_that_fits(usable: float, flags: list[str]) -> None:
    assert _find(_size, usable) == flags


def test_a_quantised_base_comes_before_more_gpus_and_they_come_last() -> None:
    assert _find(_size, 13) == ["--per-device-batch-size 1", "--load-in 4bit"]

    def whole(layout: Layout) -> float:
        return _size(layout._replace(load_in=None))

    flags = ["--per-device-batch-size 1", "--zero-stage 3", "--gradient-checkpointing"]
    assert _find(whole, 13) == ["--gpus 2", *flags]
    assert _find(whole, 13, more=False) is None


def test_zero_3_on_several_gpus_keeps_the_rows() -> None:
    before = Layout(8, 1, 2, True, "single")
    assert _find(_size, 10, before=before) == ["--zero-stage 3"]


def test_nothing_helps() -> None:
    assert _find(lambda _: 99.0, 50) is None
