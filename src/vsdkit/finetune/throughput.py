"""How fast a run goes: tokens and rows a second, padding, memory, share of the GPUs' peak."""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from vsdkit.finetune.estimate.machine import peak_tflops
from vsdkit.finetune.plan import rows_until

if TYPE_CHECKING:
    from vsdkit.finetune.plan import Plan
    from vsdkit.model.checkpoint import Loaded

__all__ = ["MEASURED", "Throughput", "mfu", "of_model", "rows_of_step"]

MEASURED: Final = (
    "seconds",
    "tokens_per_second",
    "rows_per_second",
    "padding",
    "memory_gib",
    "mfu",
    "remaining_seconds",
)
"""What ``Throughput.measure`` gives for a step; ``mfu`` only on a GPU whose peak is known."""

# 2 forwards and 2 for the gradient of a layer's input: the frozen weights get no gradient of their
# own, which would be 2 more. Activations that are computed a second time do not count.
_OPERATIONS: Final = 4

_RECENT_STEPS: Final = 20
"""The remaining time is told by their mean: the first step is slow, and rows differ in length."""


class _Share(NamedTuple):
    """A process's part of a step."""

    tokens: float
    padding: float
    """Tokens that only pad."""
    memory_bytes: float


class Throughput:
    """Counts what a process trains, and measures each step over all processes.

    Args:
        plan: The run's.
        parameters: Of the language model, which each token passes through.
        peak: Operations a second of a process's GPU; None if not known.
    """

    def __init__(self, plan: Plan, *, parameters: int = 0, peak: float | None = None) -> None:
        self._plan = plan
        self._parameters = parameters
        self._peak = peak
        self._tokens = self._padding = 0
        self._last: float | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT_STEPS)

    def count(self, batch: Mapping[str, Any]) -> None:
        """Count a micro-batch, before it is taken to the GPU: there a count would wait for it.

        Args:
            batch: With ``input_ids`` and either ``attention_mask`` of the same shape, 0 where it
                pads, or ``segments`` ``[2, length]``, whose first row is negative where it pads.
        """
        if self._last is None:
            self._last = time.monotonic()
        trained = batch["segments"][0] >= 0 if "segments" in batch else batch["attention_mask"] != 0
        tokens = int(trained.sum())
        self._tokens += tokens
        self._padding += batch["input_ids"].numel() - tokens

    def measure(self, step: int) -> dict[str, float]:
        """Return a step's numbers and begin the next; every process must call it.

        Args:
            step: The one that is done, counted from 1.

        Returns:
            ``seconds`` since the last; ``tokens_per_second`` without padding and
            ``rows_per_second`` of all processes; ``padding``, its share of all tokens;
            ``memory_gib``, the most so far of the process that has most; ``mfu`` if known;
            ``remaining_seconds``.
        """
        now = time.monotonic()
        seconds = now - (self._last or now)
        self._last = now
        self._recent.append(seconds)
        shares = _gather(_Share(self._tokens, self._padding, most_memory()))
        self._tokens = self._padding = 0
        tokens = sum(share.tokens for share in shares)
        padding = sum(share.padding for share in shares)
        # Of a clock that has not moved nothing can be said.
        rate = tokens / seconds if seconds else 0.0
        rows = rows_of_step(self._plan, step)
        left = (self._plan.steps - step) * sum(self._recent) / len(self._recent)
        numbers = {
            "seconds": round(seconds, 4),
            "tokens_per_second": round(rate, 1),
            "rows_per_second": round(rows / seconds, 3) if seconds else 0.0,
            "padding": round(padding / max(tokens + padding, 1), 4),
            "memory_gib": round(max(share.memory_bytes for share in shares) / 2**30, 3),
            "remaining_seconds": round(left, 1),
        }
        if self._peak is not None:
            numbers["mfu"] = round(mfu(rate / len(shares), self._parameters, self._peak), 4)
        return numbers


def of_model(plan: Plan, loaded: Loaded) -> Throughput:
    """Return the measure for a base that is loaded.

    Args:
        plan: The run's.
        loaded: The base, as whole as ZeRO-3 leaves it.
    """
    # What ZeRO-3 has cut up keeps its whole number there.
    parameters = sum(
        getattr(weight, "ds_numel", weight.numel())
        for weight in loaded.model.get_decoder().parameters()
    )
    in_16_bits = loaded.precision.dtype_name in ("float16", "bfloat16")
    peak = None
    if plan.device == "cuda" and in_16_bits:
        tflops = peak_tflops(torch.cuda.get_device_name())
        peak = None if tflops is None else tflops * 1e12
    return Throughput(plan, parameters=parameters, peak=peak)


def mfu(tokens_per_second: float, parameters: int, peak: float) -> float:
    """Return the model FLOPs utilisation of LoRA on a frozen model: 4 x N x tokens over the peak.

    Args:
        tokens_per_second: Of one GPU, padding excluded.
        parameters: N, of the language model.
        peak: The GPU's, in operations a second.

    Source:
        PaLM (arXiv 2204.02311), appendix B, with 4 in place of 6 and without attention.

    >>> mfu(1000, 13_000_000_000, 125e12)
    0.416
    """
    return _OPERATIONS * parameters * tokens_per_second / peak


def rows_of_step(plan: Plan, step: int) -> int:
    """Return how many rows a step learns from: at the end of an epoch what is left.

    Args:
        plan: The run's.
        step: Counted from 1.
    """
    sizes = {"rows": plan.rows, "global_batch_size": plan.global_batch_size}
    return rows_until(step, **sizes) - rows_until(step - 1, **sizes)


def most_memory() -> int:
    """Return the most memory in bytes that this process has had: of its GPU, or of the machine."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In KiB, but on a Mac in bytes.
    return most if sys.platform == "darwin" else most * 1024


def _gather(own: _Share) -> list[_Share]:
    """Return the parts of all processes."""
    if not torch.distributed.is_initialized():
        return [own]
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    # float64 holds whole numbers up to 2^53.
    values = torch.tensor(own, dtype=torch.float64, device=device)
    shares = [torch.empty_like(values) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(shares, values)
    return [_Share(*share.tolist()) for share in shares]
