"""Fine-tuning: LoRA on the language model, started through the deepspeed launcher."""

from __future__ import annotations

from vsdkit.finetune.dry_run_report import DryRunReport
from vsdkit.finetune.report import FinetuneReport
from vsdkit.finetune.run import finetune as run_finetune
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.verb import verb

__all__ = ["DryRunReport", "FinetuneReport", "finetune"]

finetune = verb(FinetuneSettings)(run_finetune)
