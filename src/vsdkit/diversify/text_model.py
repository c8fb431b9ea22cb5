"""The engine ``transformers``: a text model of the Hugging Face hub, or in a folder, run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from vsdkit.diversify.engine import MAX_NEW_TOKENS, TEMPERATURE, PromptedEngine
from vsdkit.errors import CheckpointError, TemplateError

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ModelEngine"]

# Prompts of about 100 tokens and replies of at most 64: small beside the weights of a 7B model.
_BATCH = 16

_GREEDY = {"do_sample": False}
# The cut of the tail is wider than Qwen2's own (0.8 and 20), since a later attempt is there to
# differ.
_SAMPLING = {"do_sample": True, "top_p": 0.95, "top_k": 50}


# Not slots: the model is loaded once, at the first sentence.
@dataclass(frozen=True)
class ModelEngine(PromptedEngine):
    """Runs a model that follows instructions, on the GPU where there is one."""

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> Self:
        """Make the engine; the model is not loaded before the first sentence."""
        return cls(settings.model, cls.load_prompt(settings), settings.seed, settings.attempts)

    @property
    def name(self) -> str:
        """What the report and run.json call it."""
        return f"transformers:{self.model}"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, reply), a batch at a time.

        Raises:
            CheckpointError: If the model cannot be loaded.
            TemplateError: If its tokenizer has no chat template.
        """
        # Sentences of one length stand together: less padding.
        ordered = sorted(asks, key=lambda ask: (len(ask.sentence), ask.id))
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            replies = self._generate([self.question(ask) for ask in batch], attempt)
            yield from zip((ask.id for ask in batch), replies, strict=True)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from vsdkit.model.checkpoint import forget_generation_defaults
        from vsdkit.model.precision import choose_precision

        precision = choose_precision()
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.model, padding_side="left", trust_remote_code=False
            )
            model = AutoModelForCausalLM.from_pretrained(
                self.model,
                dtype=precision.dtype,
                attn_implementation=precision.attention,
                use_safetensors=True,
                trust_remote_code=False,
            ).to(precision.device)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"the rewriting model cannot be loaded: {str(error).splitlines()[0]}",
                where=self.model,
                hint=f"fetch it: hf download {self.model}; or ask a server: --engine openai; "
                "or do without a model: --engine rules",
            ) from error
        if not tokenizer.chat_template:
            raise TemplateError(
                "the rewriting model's tokenizer has no chat template",
                where=self.model,
                hint="name a model that follows instructions, as Qwen/Qwen2-7B-Instruct",
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        forget_generation_defaults(model)
        return model.eval(), tokenizer

    def _generate(self, prompts: Sequence[str], attempt: int) -> list[str]:
        import torch

        model, tokenizer = self._loaded
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]
        # The chat template has written the special tokens already.
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        # Seeded for each batch: a reply does not depend on the batches before it.
        torch.manual_seed(self.seed + attempt)
        with torch.inference_mode():
            out = model.generate(
                **batch.to(model.device),
                max_new_tokens=MAX_NEW_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
                **(_SAMPLING | {"temperature": TEMPERATURE} if attempt else _GREEDY),
            )
        # Padded on the left, so every prompt ends where the replies begin.
        said = out[:, batch["input_ids"].shape[1] :]
        return [
            str(text).strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)
        ]
