"""The report of a dry run: what `vsdkit finetune --dry-run` prints, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.disk import free_bytes
from vsdkit.finetune.estimate import Change, Hours, Machine, Memory, MicroBatch
from vsdkit.finetune.estimate.disk import Space, find_short
from vsdkit.finetune.estimate.memory import RESERVE
from vsdkit.finetune.plan import Plan, ZeroStage
from vsdkit.finetune.shown_rows import TRAINED_MARKS, ShownRow
from vsdkit.model.precision import Precision
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.finetune.tokens import CountedRows

__all__ = ["DryRunReport", "MemoryReport", "TokenReport"]

_PARTS = {
    "weights": "base and LoRA weights",
    "window": "layers gathered for use",
    "bucket": "gradients between GPUs",
    "trained": "LoRA gradients, moments",
    "activations": "activations",
    "logits": "logits",
    "step": "optimizer step (later)",
    "overhead": "CUDA, NCCL, vision",
}


class TokenReport(NamedTuple):
    """Tokens of the rows."""

    median: int
    p95: int
    """95 of 100 rows have at most so many."""
    longest: int
    rows: int
    """Of all rows, an epoch."""
    pictures: int
    """Of these, the images'."""
    trained: int
    """Of these, what is learned."""
    computed: int
    """What goes through the language model in an epoch: a shared image once, padding too."""
    padding_share: float
    """Share of the computed positions that is padding."""
    assumptions: list[str]
    """Empty if the numbers are exact."""
    absent_images: int
    """Images that are not here."""

    @classmethod
    def of(
        cls,
        counted: CountedRows,
        batches: Sequence[MicroBatch],
        assumptions: list[str],
        *,
        absent_images: int,
    ) -> TokenReport:
        """Return the numbers of counted rows and their micro-batches."""
        lengths = sorted(counted.lengths())
        last = len(lengths) - 1
        computed = sum(batch.positions for batch in batches)
        return cls(
            median=lengths[round(0.5 * last)],
            p95=lengths[round(0.95 * last)],
            longest=lengths[last],
            rows=sum(lengths),
            pictures=sum(counted.image),
            trained=sum(counted.trained),
            computed=computed,
            padding_share=1 - sum(batch.tokens for batch in batches) / computed,
            assumptions=assumptions,
            absent_images=absent_images,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return self._asdict() | {"exact": not self.assumptions}


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Memory of each GPU, and whether it is enough."""

    of_stage: Mapping[int, Memory]
    """ZeRO stage to its memory: 2, 3, and the one that is taken."""
    stage: ZeroStage
    """The one that is taken."""
    usable_bytes: int | None
    """None if it is not known."""
    largest: int
    """Tokens of the largest micro-batch, padding included."""
    change: Change | None
    """With which it fits; None where it fits, or nothing helps."""

    @property
    def fits(self) -> bool | None:
        """Whether it is enough; None if the GPU's memory is not known."""
        return self._fits(self.stage.number)

    def _fits(self, stage: int) -> bool | None:
        usable = self.usable_bytes
        return None if usable is None else self.of_stage[stage].needed <= usable

    def verdict(self) -> str:
        """Return the stage that is taken and why, and what to do."""
        number, reason = self.stage
        said = f"ZeRO-{number}: {reason}."
        if self.fits is None:
            return f"{said} The GPU's memory is not known: name it with --gpu."
        if self.fits:
            said += " It fits."
            if number == 3 and self._fits(2):
                said += " ZeRO-2 fits too and sends less between GPUs: --zero-stage 2 is faster."
            return said
        if self.change is None:
            return f"{said} It does not fit, and no setting makes it fit: take larger GPUs."
        gigabytes = self.change.memory.needed / 1e9
        return f"{said} It does not fit; it does, in {gigabytes:.1f} GB, with: " + " ".join(
            self.change.flags
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        change = self.change
        return {
            "usable_bytes": self.usable_bytes,
            "reserve_share": RESERVE,
            "largest_micro_batch_tokens": self.largest,
            "of_zero_stage": {
                str(stage): memory.to_dict() | {"fits": self._fits(stage)}
                for stage, memory in self.of_stage.items()
            },
            "zero_stage": self.stage.number,
            "reason": self.stage.reason,
            "fits": self.fits,
            "change": None
            if change is None
            else {
                "flags": change.flags,
                **change.layout._asdict(),
                "with_reserve_bytes": round(change.memory.needed),
            },
            "verdict": self.verdict(),
        }


@dataclass(frozen=True, slots=True)
class DryRunReport(Report):
    """What a run will be and take."""

    plan: Plan
    """The numbers of the run."""
    command: str
    """The launcher's command line."""
    folder: Path
    """The run's folder."""
    settings: Mapping[str, tuple[Any, str]]
    """Each setting's value and where it came from."""
    machine: Machine
    """What each process has."""
    precision: Precision
    """Number format, and why."""
    tokens: TokenReport
    """Tokens of the rows."""
    memory: MemoryReport
    """Memory of each GPU."""
    disk: Sequence[Space]
    """What is written where."""
    flop: float
    """Floating-point operations of the run."""
    hours: Hours | None
    """None where the speed is not known."""
    rows: Sequence[ShownRow]
    """The first rows as the model sees them."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it; the unit stands in a key's name."""
        machine, hours = self.machine, self.hours
        return {
            "folder": str(self.folder),
            **self.plan.to_dict(),
            "tokens": self.tokens.to_dict(),
            "settings": {
                name: {"value": value, "origin": origin}
                for name, (value, origin) in self.settings.items()
            },
            "machine": {
                "device": machine.name,
                "memory_bytes": machine.memory_bytes,
                "peak_tflops": machine.tflops,
                "precision": self.precision.dtype_name,
                "precision_reason": self.precision.reason,
            },
            "memory": self.memory.to_dict(),
            "disk": [space.to_dict() for space in self.disk],
            "time": {
                "flop": self.flop,
                "hours_least": None if hours is None else round(hours.least, 2),
                "hours_most": None if hours is None else round(hours.most, 2),
                "peak_share_most": None if machine.used is None else machine.used[1],
                "peak_share_least": None if machine.used is None else machine.used[0],
            },
            "first_rows": [row.to_dict() for row in self.rows],
            "command": self.command,
        }

    def tables(self) -> list[Table]:
        """Return a table for each section."""
        changed = [
            (name, _text(value), origin)
            for name, (value, origin) in self.settings.items()
            if origin != "default"
        ]
        tables = [Table(("Setting", "value", "from"), changed)] if changed else []
        return [
            *tables,
            self._run(),
            self._token_table(),
            self._memory_table(),
            Table(("Does it fit?",), [(self.memory.verdict(),)]),
            self._disk_table(),
            Table(("Time",), [(self._time(),)]),
            Table(
                (f"First rows as the model sees them; {'...'.join(TRAINED_MARKS)} is trained",),
                [(f"{row.lines()}\n",) for row in self.rows],
            ),
            Table(("Command",), [(self.command,)]),
        ]

    def _run(self) -> Table:
        plan = self.plan
        return Table(
            ("Run", ""),
            [
                ("rows, images", f"{plan.rows:,} rows about {plan.pictures:,} images"),
                ("steps", f"{plan.steps:,}, {plan.warmup_steps:,} of them warm-up"),
                (
                    "global batch",
                    f"{plan.global_batch_size:,} rows = {plan.per_device_batch_size} a device x "
                    f"{plan.accumulation} accumulated x {plan.processes} processes",
                ),
                (
                    "LoRA",
                    f"{plan.lora_modules:,} modules, {plan.trainable_parameters:,} parameters",
                ),
                ("number format", self.precision.reason),
                (
                    "checkpointing",
                    "activations are computed again" if plan.gradient_checkpointing else "none",
                ),
                ("folder", str(self.folder)),
            ],
        )

    def _token_table(self) -> Table:
        tokens = self.tokens
        about = "~" if tokens.assumptions else ""
        rows = [
            ("median", f"{about}{tokens.median:,}"),
            ("95 of 100 have at most", f"{about}{tokens.p95:,}"),
            ("longest", f"{about}{tokens.longest:,}"),
            ("all rows, an epoch", f"{about}{tokens.rows:,}"),
            ("of these the images'", f"{about}{tokens.pictures:,}"),
            ("of these trained", f"{about}{tokens.trained:,}"),
            (
                "computed, an epoch",
                f"{about}{tokens.computed:,} ({100 * tokens.computed / tokens.rows:.0f} %)",
            ),
            ("of these padding", f"{about}{100 * tokens.padding_share:.1f} %"),
            *(("~ assumed", said) for said in tokens.assumptions),
        ]
        if tokens.absent_images:
            rows.append(("images not here", f"{tokens.absent_images:,} of {self.plan.pictures:,}"))
        return Table(("Tokens a row", ""), rows)

    def _memory_table(self) -> Table:
        memory = self.memory
        stages = list(memory.of_stage)

        def line(name: str, part: str) -> tuple[str, ...]:
            return name, *(f"{getattr(memory.of_stage[n], part) / 1e9:.1f}" for n in stages)

        rows = [line(name, part) for part, name in _PARTS.items()]
        rows.append(line(f"most at once + {100 * RESERVE:.0f} %", "needed"))
        usable = "n/a" if memory.usable_bytes is None else f"{memory.usable_bytes / 1e9:.1f}"
        rows.append((f"usable on {self.machine.name}", *(usable for _ in stages)))
        return Table(("GB a GPU", *(f"ZeRO-{stage}" for stage in stages)), rows)

    def _disk_table(self) -> Table:
        # The disks of a machine that is only named are not these.
        elsewhere = self.settings["gpu"][0] is not None
        short = [] if elsewhere else find_short(self.disk)
        rows = [
            (
                space.what,
                f"{space.needed_bytes / 1e9:.1f}",
                f"{free_bytes(space.folder) / 1e9:.1f}" + (" TOO LITTLE" if space in short else ""),
                str(space.folder),
            )
            for space in self.disk
        ]
        return Table(("Disk", "GB", "free here" if elsewhere else "free", "in"), rows)

    def _time(self) -> str:
        operations = f"{self.flop / 1e18:,.2f} x 10^18 operations"
        if self.hours is None or self.machine.used is None:
            return f"{operations}; hours are not known: no peak is known for {self.machine.name}"
        slowest, fastest = (100 * share for share in self.machine.used)
        hours = f"{_hours(self.hours.least)} to {_hours(self.hours.most)}"
        return (
            f"{hours}: {operations} at {fastest:.0f} to {slowest:.0f} % of the "
            f"{self.machine.tflops:,.0f} TFLOP/s of each of {self.plan.processes} GPUs; loading "
            "that keeps up is assumed"
        )


def _hours(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
