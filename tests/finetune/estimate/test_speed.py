"""Operations of a run against torch's own counter, and the hours that come of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vsdkit.finetune.estimate import (
    Layout,
    Machine,
    MicroBatch,
    Shape,
    Task,
    count_flop,
    hours_of,
    named_machine,
)
from vsdkit.model.bases import DEFAULT_BASE, check_base

LAYERS, TOKENS, KEPT = 3, 300, 40


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.parametrize("checkpointing", [True, False])
def test_operations_are_within_5_percent_of_those_that_torch_counts(
    make_model: Callable[..., Any], make_task: Callable[..., Task], checkpointing: bool
) -> None:
    model = make_model(LAYERS, dtype=torch.float32, dropout=0.05)
    model.config.use_cache = False
    # Products that torch counts; its own attention on the CPU it does not.
    model.base_model.model.set_attn_implementation("eager")
    # As training does it: the gradient of the embeddings' output is not computed.
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.disable_input_require_grads()
    ids, keep = torch.randint(0, 512, (1, TOKENS)), torch.arange(KEPT)
    counter = FlopCounterMode(display=False)
    with counter:
        out = model(input_ids=ids, logits_to_keep=keep, labels=ids, shift_labels=ids[:, keep])
        out.loss.backward()
    task = make_task(model, layers=LAYERS, dtype_bytes=4, dropout=0.05)
    layout = Layout(1, 1, 2, checkpointing, "single")
    expected = count_flop(task, layout, [MicroBatch(1, TOKENS, TOKENS, 0, KEPT)])
    # A little less is computed in the first layer, whose input has no gradient.
    assert 0.95 * expected < counter.get_total_flops() < expected


@pytest.fixture(scope="module")
def paper() -> float:
    """The operations of an epoch of the paper: 121,339 rows of 656 tokens."""
    shape = Shape.of(check_base(DEFAULT_BASE, only_plans=True))
    task = Task(shape, 500_695_040, dtype_bytes=2, has_dropout=True, on_gpu=True)
    row = MicroBatch(1, 656, 656, 577, 20)
    return 121_339 * count_flop(task, Layout(8, 16, 3, True, "single"), [row])


def test_hours_of_the_papers_epoch(paper: float) -> None:
    # 6 x 12.7e9 x 656 x 121,339 and what LoRA and attention add.
    assert paper == pytest.approx(6.06e18 * 1.09, rel=0.03)
    eight_v100 = hours_of(paper, named_machine("v100-32gb"), 8)
    assert eight_v100 is not None
    # The paper's 4 hours would take the most that is assumed.
    assert 4 < eight_v100.least < 4.5
    assert 19 < eight_v100.most < 22
    h200 = hours_of(paper, named_machine("h200"), 1)
    assert h200 is not None
    assert 3.5 < h200.least < 4
    assert h200.most / h200.least == pytest.approx(0.5 / 0.3)


def test_hours_of_a_machine_of_unknown_speed() -> None:
    assert hours_of(1e18, Machine("GPU", None), 8) is None
