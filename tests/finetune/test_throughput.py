"""What is counted in a batch, and the rates that follow."""

from __future__ import annotations

import math

import pytest
import torch

from vsdkit.finetune.plan import Plan, make_plan
from vsdkit.finetune.throughput import Throughput, mfu, of_model, rows_of_step
from vsdkit.model.bases import check_base
from vsdkit.model.checkpoint import load_base
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings


@pytest.fixture
def plan(settings: FinetuneSettings) -> Plan:
    return make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the time be what a list holds last."""
    times = [100.0]
    monkeypatch.setattr("vsdkit.finetune.throughput.time.monotonic", lambda: times[-1])
    return times


def batch(*lengths: int) -> dict[str, torch.Tensor]:
    longest = max(lengths)
    mask = torch.tensor([[1] * length + [0] * (longest - length) for length in lengths])
    return {"input_ids": torch.zeros_like(mask), "attention_mask": mask}


def test_a_step_is_all_its_micro_batches(plan: Plan, clock: list[float]) -> None:
    throughput = Throughput(plan, parameters=10, peak=1000.0)
    throughput.count(batch(5, 3))
    throughput.count(batch(2, 2))
    clock.append(104.0)
    found = throughput.measure(1)
    assert (found["seconds"], found["tokens_per_second"], found["padding"]) == (
        4.0,
        12 / 4,
        round(2 / 14, 4),
    )
    assert found["rows_per_second"] == 8 / 4
    # 4 x 10 x 3 of 1,000.
    assert found["mfu"] == 0.12
    assert found["remaining_seconds"] == 5 * 4.0
    # The next step begins at zero.
    throughput.count(batch(4))
    clock.append(106.0)
    found = throughput.measure(2)
    assert (found["seconds"], found["tokens_per_second"], found["padding"]) == (2.0, 2.0, 0.0)
    assert found["remaining_seconds"] == 4 * 3.0


def test_padding_of_a_packed_sequence_belongs_to_no_image(plan: Plan, clock: list[float]) -> None:
    throughput = Throughput(plan)
    segments = torch.tensor([[0, 0, 0, 1, 1, -1, -1, -1], [0, 1, 2, 0, 1, 0, 0, 0]])
    throughput.count({"input_ids": torch.zeros(1, 8), "segments": segments})
    clock.append(101.0)
    found = throughput.measure(1)
    assert (found["tokens_per_second"], found["padding"]) == (5.0, 0.375)
    assert "mfu" not in found


def test_a_clock_that_does_not_move_divides_nothing(plan: Plan, clock: list[float]) -> None:
    throughput = Throughput(plan)
    throughput.count(batch(3))
    assert throughput.measure(1)["tokens_per_second"] == 0.0


def test_rows_of_an_epochs_last_step(plan: Plan) -> None:
    # 20 rows, 8 a step, two epochs.
    assert [rows_of_step(plan, step) for step in range(1, 7)] == [8, 8, 4, 8, 8, 4]
    assert sum(rows_of_step(plan, step) for step in range(1, 4)) == plan.rows


def test_mfu_of_a_peak_that_is_reached() -> None:
    assert mfu(1e12 / (4 * 1000), 1000, 1e12) == pytest.approx(1.0)


def test_parameters_are_the_language_models(plan: Plan) -> None:
    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    throughput = of_model(plan, loaded)
    names = [name for name, _ in loaded.model.named_parameters() if "language_model" in name]
    shapes = dict(loaded.model.named_parameters())
    assert throughput._parameters == sum(math.prod(shapes[name].shape) for name in names)
    assert throughput._peak is None
