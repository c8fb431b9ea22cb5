"""The engine ``transformers``: a text model of the Hugging Face hub, or in a folder, run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

from vsdkit.diversify.engine import NoReply, PromptedEngine
from vsdkit.diversify.sampling import seed_of_row
from vsdkit.diversify.text_processes import TextProcesses
from vsdkit.diversify.text_weights import Prompt, Replies, TextWeights, cannot_be_loaded
from vsdkit.errors import ConfigError, TemplateError

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ModelEngine"]

# Prompts are padded to multiples of it: few widths, so that most batches are full, and little
# padding beside prompts of about 100 tokens.
_WIDTH_STEP = 32


@dataclass
class _Held:
    """What is made at the first sentence and given back at the end."""

    rows_at_once: int | None = None
    """Rows that fitted into memory, where a whole batch did not."""
    weights: TextWeights | None = None
    """Of this process, where it answers alone."""
    processes: TextProcesses | None = None
    """Those that answer, where there are several."""


# Not slots: the tokenizer is loaded once, at the first sentence.
@dataclass(frozen=True)
class ModelEngine(PromptedEngine):
    """Runs a model that follows instructions: on every GPU, or else on the CPU."""

    gpus: int | None = None
    """Processes, one a GPU; None is one on every visible GPU, or one on the CPU."""
    batch_size: int = 16
    """Sentences that go through the model at once."""
    _held: _Held = field(default_factory=_Held, repr=False, compare=False)

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> Self:
        """Make the engine; the model is not loaded before the first sentence."""
        return cls(
            settings.model,
            cls.load_prompt(settings),
            settings.seed,
            settings.attempts,
            settings.gpus,
            settings.batch_size,
        )

    @property
    def name(self) -> str:
        """What the report and run.json call it."""
        return f"transformers:{self.model}"

    @property
    def note(self) -> str:
        """That memory ran out, if it did."""
        fitted = self._held.rows_at_once
        if fitted is None:
            return ""
        return f"memory ran out: {fitted} sentences at once in place of {self.batch_size}"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str | NoReply]]:
        """Yield (id, reply), a batch at a time, in the order in which batches are answered.

        Raises:
            CheckpointError: If the model cannot be loaded, or does not fit into memory.
            TemplateError: If its tokenizer has no chat template.
            ConfigError: If more GPUs are asked for than there are.
            ChildFailedError: If one of several processes dies.
        """
        if not asks:
            return
        prompts = [self._prompt(ask, attempt) for ask in asks]
        for batch, replies in self._answer(self._batches(prompts)):
            if replies.rows_at_once is not None:
                known = self._held.rows_at_once or self.batch_size
                self._held.rows_at_once = min(known, replies.rows_at_once)
            said = self._tokenizer.batch_decode(replies.ids, skip_special_tokens=True)
            for prompt, text in zip(batch, said, strict=True):
                yield prompt.id, str(text).strip()

    def close(self) -> None:
        """Free the weights, and end the processes that hold them."""
        if self._held.processes is not None:
            self._held.processes.close()
        self._held.processes = self._held.weights = None

    def _prompt(self, ask: Ask, attempt: int) -> Prompt:
        question = self.question(ask)
        text = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        # The chat template has written the special tokens already.
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        width = -(-len(ids) // _WIDTH_STEP) * _WIDTH_STEP
        seed = seed_of_row(self.seed, attempt, question) if attempt else None
        return Prompt(ask.id, ids, width, seed)

    def _batches(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        batches = []
        ordered = sorted(prompts, key=lambda one: (one.width, one.id))
        for _, of_width in groupby(ordered, key=lambda one: one.width):
            rows = list(of_width)
            batches += [
                rows[start : start + self.batch_size]
                for start in range(0, len(rows), self.batch_size)
            ]
        return batches

    def _answer(
        self, batches: Sequence[list[Prompt]]
    ) -> Iterator[tuple[Sequence[Prompt], Replies]]:
        held, made_with = self._held, {"rows": self.batch_size, "pad": self._pad}
        processes = self._count_processes()
        if processes > 1:
            if held.processes is None:
                held.processes = TextProcesses(self.model, processes=processes, **made_with)
            yield from held.processes.answer(batches)
            return
        if held.weights is None:
            held.weights = TextWeights(self.model, **made_with)
        for batch in batches:
            yield batch, held.weights.answer(batch)

    def _count_processes(self) -> int:
        import torch

        visible = torch.cuda.device_count()
        if visible and self.gpus is not None and self.gpus > visible:
            raise ConfigError(
                f"{self.gpus} GPUs asked for, {visible} visible",
                where="--gpus",
                hint=f"--gpus {visible}, or leave it out; see nvidia-smi and CUDA_VISIBLE_DEVICES",
            )
        return self.gpus or visible or 1

    @property
    def _pad(self) -> int:
        tokenizer = self._tokenizer
        # A model without one is padded with what ends a reply: it is masked out.
        padding = tokenizer.pad_token_id
        return int(tokenizer.eos_token_id if padding is None else padding)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise cannot_be_loaded(self.model, error) from error
        if not tokenizer.chat_template:
            raise TemplateError(
                "the rewriting model's tokenizer has no chat template",
                where=self.model,
                hint="name a model that follows instructions, as Qwen/Qwen2-7B-Instruct",
            )
        return tokenizer
