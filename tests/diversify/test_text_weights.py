"""Batches in one process, and memory that runs out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from vsdkit.diversify.text_weights import Prompt, TextWeights
from vsdkit.errors import CheckpointError


class Tight(TextWeights):
    """Weights that leave room for so many rows only."""

    room = 3
    tried: list[int]

    def _answer(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        self.tried.append(len(prompts))
        if len(prompts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [[len(one.ids)] for one in prompts]


@pytest.fixture
def tight(text_model: Path) -> Tight:
    weights = Tight(str(text_model), rows=16, pad=0)
    weights.tried = []
    return weights


def prompts(count: int) -> list[Prompt]:
    return [Prompt(str(number), [1] * (number + 1), 32, None) for number in range(count)]


def test_where_memory_runs_out_half_as_many_go_at_once_from_then_on(tight: Tight) -> None:
    replies = tight.answer(prompts(10))
    assert replies.ids == [[number + 1] for number in range(10)]
    assert replies.rows_at_once == 2
    assert tight.tried == [10, 5, 2, 2, 2, 2, 2]
    tight.tried.clear()
    assert tight.answer(prompts(3)).ids == [[1], [2], [3]]
    assert tight.tried == [2, 1]


def test_memory_of_the_cpu_counts_too(tight: Tight, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = []

    def once(chunk: Sequence[Prompt]) -> list[list[int]]:
        if not failed:
            failed.append(len(chunk))
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 99 bytes."
            )
        return [[0]] * len(chunk)

    monkeypatch.setattr(tight, "_answer", once)
    assert len(tight.answer(prompts(4)).ids) == 4
    assert failed == [4]


def test_one_row_that_does_not_fit_is_an_error(tight: Tight) -> None:
    tight.room = 0
    with pytest.raises(CheckpointError, match="memory ran out at one sentence alone") as caught:
        tight.answer(prompts(4))
    assert "--engine openai" in caught.value.hint
    assert tight.tried == [4, 2, 1]


def test_another_error_of_torch_is_no_lack_of_memory(
    tight: Tight, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(tight, "_answer", fail)
    with pytest.raises(RuntimeError, match="shapes cannot"):
        tight.answer(prompts(4))


def test_on_a_gpu_every_batch_has_the_same_shape(
    text_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = TextWeights(str(text_model), rows=16, pad=0)
    shapes = []
    real = weights._model.generate

    def generate(**arguments: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(arguments["input_ids"].shape))
        return real(**arguments)

    monkeypatch.setattr(weights._model, "generate", generate)
    alone = weights.answer(prompts(1)).ids
    monkeypatch.setattr(weights, "_precision", weights._precision._replace(device="cuda"))
    assert weights.answer(prompts(1)).ids == alone
    assert len(weights.answer(prompts(5)).ids) == 5
    assert shapes == [(1, 32), (16, 32), (16, 32)]
