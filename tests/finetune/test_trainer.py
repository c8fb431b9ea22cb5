"""The loss of a step: each trained token by the weight of its image."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from vsdkit.finetune.examples import IGNORED
from vsdkit.finetune.trainer import AdapterTrainer
from vsdkit.settings.finetune import FinetuneSettings


def _trainer(weight: str, processes: int = 1) -> Any:
    """Return what the loss reads of a trainer; gathering sees the same of every process."""
    trainer = SimpleNamespace(
        _settings=FinetuneSettings(picture_weight=weight),
        args=SimpleNamespace(world_size=processes),
        accelerator=SimpleNamespace(gather=lambda own: own.repeat(processes)),
    )
    trainer._weights = partial(AdapterTrainer._weights, trainer)
    return trainer


def _batch() -> dict[str, torch.Tensor]:
    """Two rows: of an image with four rows, and of one with a single row; a position is padding."""
    return {
        "shift_labels": torch.tensor([[3, 1, IGNORED], [2, 0, 4]]),
        "rows_of_image": torch.tensor([[4, 4, 4], [1, 1, 1]]),
    }


@pytest.mark.parametrize(("weight", "of_four"), [("sum", 1.0), ("sqrt", 0.5), ("mean", 0.25)])
@pytest.mark.parametrize("processes", [1, 2])
def test_loss_is_a_mean_over_tokens_by_the_weight_of_their_image(
    weight: str, of_four: float, processes: int
) -> None:
    trainer = _trainer(weight, processes)
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    batch = _batch()
    total = AdapterTrainer._get_num_items_in_batch(trainer, [batch], torch.device("cpu"))
    assert total == processes * (2 * of_four + 3)
    loss = AdapterTrainer.compute_loss(
        trainer,
        lambda **_: SimpleNamespace(logits=logits),
        dict(batch),
        num_items_in_batch=total,
    )
    each = cross_entropy(
        logits.flatten(0, 1),
        batch["shift_labels"].flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    weights = torch.tensor([of_four, of_four, 0, 1, 1, 1])
    # DeepSpeed takes the mean over processes, all of which have this part.
    torch.testing.assert_close(loss, (each * weights).sum() / weights.sum())


def test_weights_are_numbers_of_32_bits_whatever_the_model_has() -> None:
    weights = _trainer("sqrt")._weights(
        labels=torch.tensor([[1]]), rows_of_image=torch.tensor([[3]])
    )
    assert weights.dtype == torch.float32
    assert weights.item() == pytest.approx(3**-0.5, rel=1e-6)
