"""Memory by part: the formulas against tensors that were measured, and against docs/planning.md."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vsdkit.finetune.estimate import Layout, MicroBatch, Shape, Task, peak_memory
from vsdkit.finetune.estimate.memory import layer_bytes_a_token
from vsdkit.model.bases import DEFAULT_BASE, check_base

# Of the model that conftest.py makes.
HIDDEN, VOCABULARY = 256, 512
TOKENS = 400
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
DOCS = Path(__file__).parents[3] / "docs" / "planning.md"


class _PeakBytes(TorchDispatchMode):
    """Counts the bytes of tensors made inside of it: those alive, and the most at one time."""

    def __init__(self, *before: torch.Tensor) -> None:
        super().__init__()
        self.alive = self.most = 0
        # Views of these are no new bytes.
        self._seen = {one.untyped_storage()._cdata for one in before}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else (out,):
            if isinstance(one, torch.Tensor):
                self._add(one.untyped_storage())
        return out

    def _add(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        size = storage.nbytes()
        self.alive += size
        self.most = max(self.most, self.alive)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size


def _bytes_kept(model: Any, ids: torch.Tensor) -> int:
    """Return what the backward pass of all layers would find, weights left out."""
    own = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    kept: dict[int, tuple[int, torch.Tensor]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            # Held, so that no other tensor takes its place.
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(input_ids=ids, logits_to_keep=torch.tensor([5]))
    return sum(size for size, _ in kept.values())


def _inputs_kept(model: Any, ids: torch.Tensor) -> int:
    """Return the bytes of the layers' inputs that gradient checkpointing holds."""
    out = model(input_ids=ids, logits_to_keep=torch.tensor([5]))
    shape = (*ids.shape, HIDDEN)
    found = {
        one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
        for one in gc.get_objects()
        if type(one) is torch.Tensor and one.shape == shape
    }
    del out
    return sum(found.values())


def _ids() -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (1, TOKENS), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dropout", [0.05, 0.0])
@pytest.mark.parametrize(("dtype", "size"), [(torch.bfloat16, 2), (torch.float32, 4)])
def test_what_a_layer_keeps_is_at_most_12_percent_below_the_formula(
    make_model: Callable[..., Any],
    make_task: Callable[..., Task],
    dtype: torch.dtype,
    size: int,
    dropout: float,
) -> None:
    """Never above: what is left holds the gradients on their way, which are not kept."""
    one, two = (
        _bytes_kept(make_model(layers, dtype=dtype, dropout=dropout), _ids()) for layers in (1, 2)
    )
    task = make_task(
        make_model(1, dtype=dtype, dropout=dropout), layers=1, dtype_bytes=size, dropout=dropout
    )
    measured = (two - one) / TOKENS
    formula = layer_bytes_a_token(task)
    assert 0.88 * formula < measured <= formula


def test_with_checkpointing_each_layer_keeps_its_input(
    make_model: Callable[..., Any],
) -> None:
    kept = {}
    for layers in (1, 3):
        model = make_model(layers, dtype=torch.bfloat16, dropout=0.05)
        model.activation_checkpointing_enable({"use_reentrant": False})
        gc.collect()
        kept[layers] = _inputs_kept(model, _ids())
    assert kept[3] - kept[1] == 2 * 2 * HIDDEN * TOKENS


@pytest.mark.parametrize(("checkpointing", "layers"), [(True, 40), (False, 8)])
def test_the_peak_of_a_forward_and_a_backward_pass_is_within_10_percent(
    make_model: Callable[..., Any],
    make_task: Callable[..., Task],
    checkpointing: bool,
    layers: int,
) -> None:
    """Of so many layers as 13B has: what the rest of the model takes counts less then."""
    model = make_model(layers, dtype=torch.bfloat16, dropout=0.05)
    model.config.use_cache = False
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    keep = torch.arange(0, 20)
    with _PeakBytes(*model.parameters(), *model.buffers()) as peak:
        out = model(
            input_ids=_ids(), logits_to_keep=keep, labels=_ids(), shift_labels=_ids()[:, keep]
        )
        out.loss.backward()
    task = make_task(model, layers=layers, dtype_bytes=2, dropout=0.05)
    layout = Layout(1, 1, 2, checkpointing, "single")
    memory = peak_memory(task, layout, [MicroBatch(1, TOKENS, TOKENS, 0, len(keep))])
    assert peak.most == pytest.approx(memory.activations + memory.logits, rel=0.1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_logit_takes_at_most_16_bytes(dtype: torch.dtype) -> None:
    from transformers.loss.loss_utils import ForCausalLMLoss

    rows = 300
    hidden = torch.randn(1, rows, 8, dtype=dtype, requires_grad=True)
    head = torch.randn(VOCABULARY, 8, dtype=dtype)
    labels = torch.randint(0, VOCABULARY, (1, rows))
    with _PeakBytes() as peak:
        logits = hidden @ head.T
        ForCausalLMLoss(logits, labels, VOCABULARY, shift_labels=labels).backward()
    assert 12 <= round(peak.most / (rows * VOCABULARY)) <= 16


_TRAIN = """
import gc, torch, deepspeed
from vsdkit.finetune.deepspeed_config import deepspeed_config
from vsdkit.finetune.plan import Plan

def count():
    gc.collect()
    found = {}
    for one in gc.get_objects():
        if isinstance(one, torch.Tensor) and one.dtype == torch.float32 and one.numel() > 1000:
            found[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
    return sum(found.values()) / 1_000_000

deepspeed.init_distributed("gloo", rank=0, world_size=1)
engines = []
for stage in (2, 3):
    before = count()
    plan = Plan(rows=1, pictures=1, device="cpu", processes=1, processes_a_machine=1,
        global_batch_size=2, per_device_batch_size=1, accumulation=2, steps=9, warmup_steps=0,
        save_steps=9, zero_stage=stage, gradient_checkpointing=False, loader_workers=0,
        lora_modules=1, trainable_parameters=1)
    config = deepspeed_config(plan, dtype_name="bfloat16", gradient_clipping=0.0)
    config["zero_optimization"]["reduce_bucket_size"] = 1000
    layers = (torch.nn.Linear(500, 500, bias=False) for _ in range(4))
    model = torch.nn.Sequential(*layers).bfloat16()
    engine, *_ = deepspeed.initialize(model=model, config=config,
        optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3))
    for step in range(3):
        engine.backward(engine(torch.ones(1, 500, dtype=torch.bfloat16)).float().sum())
        if step < 2:
            engine.step()
    engines.append(engine)
    print("bytes", count() - before)
"""


@pytest.mark.slow
def test_deepspeed_holds_16_bytes_for_a_number_that_trains() -> None:
    """The sum of gradients, the copy, two moments: 32 bits each; the 16-bit gradient goes."""
    environment = {
        **os.environ,
        "DS_ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _TRAIN], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    measured = [float(number) for number in re.findall(r"bytes ([\d.]+)", done.stdout)]
    # At ZeRO-2 and at ZeRO-3.
    assert measured == pytest.approx([16, 16], rel=0.05)


@pytest.fixture(scope="module")
def vicuna_13b() -> Task:
    shape = Shape.of(check_base(DEFAULT_BASE, only_plans=True))
    return Task(shape, 500_695_040, dtype_bytes=2, has_dropout=True, on_gpu=True)


def test_shape_of_the_default_base(vicuna_13b: Task) -> None:
    shape = vicuna_13b.shape
    assert (shape.layers, shape.hidden, shape.intermediate) == (40, 5120, 13824)
    # 40 x (4 x 5120^2 + 3 x 5120 x 13824 + 2 x 5120) + 5120, counted by hand.
    assert shape.in_layers == 40 * (4 * 5120**2 + 3 * 5120 * 13824 + 2 * 5120) + 5120
    assert 13.3e9 < shape.parameters < 13.4e9
    assert layer_bytes_a_token(vicuna_13b) == 44 * 5120 + 10 * 13824 == 363_520


# Columns of the table in docs/planning.md: layout, micro-batch.
EXAMPLES = [
    (Layout(8, 16, 3, True, "single"), MicroBatch(16, 720, 11_520, 16 * 577, 80)),
    (Layout(8, 16, 3, True, "anyres"), MicroBatch(1, 8_096, 8_085, 3 * 2_340, 240)),
    (Layout(1, 16, 2, True, "anyres"), MicroBatch(1, 8_096, 8_085, 3 * 2_340, 240)),
    (Layout(1, 4, 2, True, "anyres"), MicroBatch(4, 3_050, 12_200, 4 * 2_928, 50)),
]
PARTS = {
    "weights": "weights",
    "ZeRO-3 window": "window",
    "gradients between GPUs": "bucket",
    "what trains": "trained",
    "activations": "activations",
    "logits": "logits",
    "CUDA, NCCL, vision": "overhead",
    "sum": "total",
    "sum + 10 %": "needed",
}


def test_the_worked_example_of_the_docs_is_what_the_code_gives(vicuna_13b: Task) -> None:
    lines = re.findall(r"^\| ([^|]+?) \|((?: [\d.]+ \|){4})$", DOCS.read_text(), re.MULTILINE)
    told = {name: [float(cell) for cell in cells.split("|")[:-1]] for name, cells in lines}
    assert list(told) == list(PARTS)
    for number, (layout, batch) in enumerate(EXAMPLES):
        memory = peak_memory(vicuna_13b, layout, [batch])
        for name, part in PARTS.items():
            assert told[name][number] == round(getattr(memory, part) / 1e9, 1), (name, number)


def test_the_worked_example_is_the_arithmetic_of_its_formulas(vicuna_13b: Task) -> None:
    """Written out once more, for eight V100 with one tile."""
    base, lora, tokens = vicuna_13b.shape.parameters, 500_695_040, 11_520
    memory = peak_memory(vicuna_13b, EXAMPLES[0][0], [EXAMPLES[0][1]])
    assert memory.weights == pytest.approx(2 * (base + lora) / 8)
    assert memory.window == 2 * (1_000_000_000 + 50_000_000)
    assert memory.bucket == (2 + 4) * 50_000_000
    assert memory.trained == pytest.approx(18 * lora / 8)
    assert memory.activations == tokens * (40 * 2 * 5_120 + 44 * 5_120 + 10 * 13_824)
    assert memory.logits == 16 * 16 * 80 * 32_064


@pytest.mark.parametrize(
    ("stage", "expected"), [(0, 18.0), (1, 6 + 12 / 8), (2, 18 / 8), (3, 18 / 8)]
)
def test_what_each_stage_cuts_up(vicuna_13b: Task, stage: int, expected: float) -> None:
    layout = Layout(8, 1, stage, True, "single")
    memory = peak_memory(vicuna_13b, layout, [MicroBatch(1, 10, 10, 5, 2)])
    assert memory.trained / vicuna_13b.trainable_parameters == pytest.approx(expected)
    whole = memory.weights > 20e9
    assert whole == (stage < 3)
    assert bool(memory.window) == (stage == 3)


def test_a_quantised_base_and_the_optimizers_step(vicuna_13b: Task) -> None:
    layout = Layout(1, 1, 2, True, "single", "4bit")
    memory = peak_memory(vicuna_13b, layout, [MicroBatch(1, 10, 10, 5, 2)])
    # 12.7e9 numbers in the layers at 4.127 bits, the rest and LoRA in 16.
    assert memory.weights / 1e9 == pytest.approx(12.69 * 4.127 / 8 + 2 * (0.67 + 0.5), rel=0.02)
    # So few tokens that the step takes more than they do.
    assert memory.step > memory.activations + memory.logits
    parts = memory.weights + memory.bucket + memory.trained + memory.overhead
    assert memory.total == parts + memory.step
    assert memory.to_dict()["with_reserve_bytes"] == round(1.1 * memory.total)
