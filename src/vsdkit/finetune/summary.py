"""A finished run in words: the paragraph that a paper's appendix can take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.finetune.rows import is_hub_id
from vsdkit.model.base_files import is_hub_commit

if TYPE_CHECKING:
    from vsdkit.finetune.job import Job

__all__ = ["FinishedRun", "duration", "summarise"]

_IMAGES = {
    "single": "each padded to one square tile",
    "anyres": "each cut into tiles of high resolution",
}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What there is to say of a run whose steps are done."""

    job: Job
    """What it was told."""
    precision: str
    """Number format."""
    gpu_names: tuple[str, ...]
    """Of the first machine; none on the CPU."""
    versions: Mapping[str, str]
    """Package to version."""
    targets: tuple[str, ...]
    """Names of the layers with LoRA weights, as ``q_proj``."""
    first_loss: float | None
    """The first finite one."""
    last_loss: float | None
    """The last finite one."""
    seconds: float
    """Of all steps."""

    @property
    def name(self) -> str:
        """The run's, which is its folder's."""
        return Path(self.job.folder).name

    @property
    def rows_digest(self) -> str:
        """Hash of the instruction rows' content."""
        return str(self.job.identity["instructions"])

    @property
    def base(self) -> str:
        """The base's name, without the folders of this machine."""
        base: str = self.job.settings["base"]
        return base if self.is_of_hub else Path(base).name

    @property
    def is_of_hub(self) -> bool:
        """Whether the base can be had from the hub under its name."""
        name = self.job.settings["base"]
        return is_hub_commit(self.commit) and not Path(name).is_dir() and name.count("/") == 1

    @property
    def commit(self) -> str:
        """Of the base's files."""
        return str(self.job.identity["base_commit"])

    @property
    def data_set(self) -> str | None:
        """The rows' id on the hub, if they are from there."""
        path = Path(self.job.settings["instructions"])
        return str(path) if is_hub_id(path) else None

    @property
    def instructions(self) -> str:
        """The name of the rows, without the folders of this machine."""
        return self.data_set or Path(self.job.settings["instructions"]).name


def summarise(run: FinishedRun) -> str:
    """Return a paragraph of plain text that a paper's appendix can take."""
    settings, plan = run.job.settings, run.job.plan
    of_hub = f"commit {run.commit}" if run.is_of_hub else f"files {run.commit[:12]}"
    projector = ", and the projector" if settings["train_projector"] else ""
    clipping = settings["gradient_clipping"]
    devices = f"{plan['processes']} CPU process(es)"
    if run.gpu_names:
        devices = f"{plan['processes']} x {run.gpu_names[0]}"
    checkpointing = ", gradient checkpointing" if plan["gradient_checkpointing"] else ""
    loss = "" if run.last_loss is None else f" The loss of the last step was {run.last_loss:.4f}."
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return (
        f"{run.base} ({of_hub}) was fine-tuned with LoRA (rank {settings['lora_rank']}, alpha "
        f"{settings['lora_alpha']}, dropout {settings['lora_dropout']:g}) on "
        f"{plan['lora_modules']} layers of the language model ({', '.join(run.targets)}){projector}"
        f": {plan['trainable_parameters']:,} trainable parameters. It was trained on "
        f"{plan['rows']:,} instruction rows about {plan['pictures']:,} images, "
        f"{_IMAGES[settings['image_mode']]}, for {plan['steps']:,} steps of "
        f"{plan['global_batch_size']:,} rows ({_passes(plan)}), {plan['warmup_steps']:,} of them "
        f"of warm-up, with AdamW, learning rate {settings['learning_rate']:g}, schedule "
        f"{settings['schedule']}, weight decay {settings['weight_decay']:g}, "
        f"{f'gradients clipped at {clipping:g}' if clipping else 'no gradient clipping'}, seed "
        f"{settings['seed']}. It ran in {run.precision} with DeepSpeed ZeRO stage "
        f"{plan['zero_stage']}{checkpointing} on {devices} and took "
        f"{duration(run.seconds)}.{loss} Software: {versions}."
    )


def _passes(plan: Mapping[str, Any]) -> str:
    """Return how often the rows were passed over; the last step of each pass may be shorter."""
    passes = plan["steps"] / math.ceil(plan["rows"] / plan["global_batch_size"])
    return "one pass over the rows" if passes == 1 else f"{passes:.3g} passes over the rows"


def duration(seconds: float) -> str:
    """Return a time in words, in the unit that fits it."""
    # From where it is no "1 minutes".
    if seconds < 90:
        return f"{seconds:.1f} seconds"
    if seconds < 3600:
        return f"{math.floor(seconds / 60 + 0.5)} minutes"
    return f"{seconds / 3600:.1f} hours"
