"""Fine-tuning: LoRA on the language model, started through the deepspeed launcher."""

from vsdkit.finetune.run import FinetuneReport, finetune

__all__ = ["FinetuneReport", "finetune"]
