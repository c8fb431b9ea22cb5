"""A text model's weights in one process: batches of prompts in, the ids of replies out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.diversify.engine import MAX_NEW_TOKENS, TEMPERATURE
from vsdkit.diversify.sampling import RowSampler, sampling_processors
from vsdkit.errors import CheckpointError
from vsdkit.progress import SILENT

if TYPE_CHECKING:
    from vsdkit.model.precision import Precision

__all__ = ["Prompt", "Replies", "TextWeights", "cannot_be_loaded"]


class Prompt(NamedTuple):
    """One row to answer, as it travels to the process that answers it."""

    id: str
    """Of the row."""
    ids: list[int]
    """Token ids, the chat template around them."""
    width: int
    """Columns it is padded to: of its own length, never of that of the rows beside it."""
    seed: int | None
    """Of its random numbers; None is answered greedily."""


class Replies(NamedTuple):
    """The replies to a batch."""

    ids: list[list[int]]
    """Of each row the ids it wrote, padding behind them."""
    rows_at_once: int | None
    """Rows that fitted into memory, where a whole batch did not."""


def cannot_be_loaded(model: str, error: Exception) -> CheckpointError:
    """Return the error for a rewriting model whose tokenizer or weights are not to be had."""
    return CheckpointError(
        f"the rewriting model cannot be loaded: {str(error).splitlines()[0]}",
        where=model,
        hint=f"fetch it: hf download {model}; or ask a server: --engine openai; "
        "or do without a model: --engine rules",
    )


class TextWeights:
    """A causal language model on one device.

    Args:
        model: Name on the hub, or folder.
        rows: Rows of a whole batch. On a GPU every batch is padded to as many: a product of other
            shape rounds otherwise, and a row's reply would depend on how many stand beside it.
        pad: Id that pads.

    Raises:
        CheckpointError: If it cannot be loaded.
    """

    def __init__(self, model: str, *, rows: int, pad: int) -> None:
        from transformers import AutoModelForCausalLM

        from vsdkit.model.bars import bars_for
        from vsdkit.model.checkpoint import forget_generation_defaults
        from vsdkit.model.precision import choose_precision

        self._precision: Precision = choose_precision()
        try:
            # Hidden: bars of several processes would write over each other.
            with bars_for(SILENT):
                loaded: Any = AutoModelForCausalLM.from_pretrained(
                    model,
                    dtype=self._precision.dtype,
                    attn_implementation=self._precision.attention,
                    use_safetensors=True,
                    trust_remote_code=False,
                )
            loaded = loaded.to(self._precision.device)
        except (OSError, ValueError) as error:
            raise cannot_be_loaded(model, error) from error
        forget_generation_defaults(loaded)
        self._name = model
        self._model = loaded.eval()
        self._rows = rows
        self._pad = pad
        self._rows_at_once: int | None = None

    def answer(self, prompts: Sequence[Prompt]) -> Replies:
        """Return the replies to prompts of one width, in their order.

        Where memory runs out, half as many rows are tried at once, now and from then on.

        Raises:
            CheckpointError: If one row alone does not fit into memory.
        """
        from vsdkit.model.memory import try_in_memory

        said: list[list[int]] = []
        while len(said) < len(prompts):
            size = self._rows_at_once or len(prompts)
            chunk = prompts[len(said) : len(said) + size]
            answered = try_in_memory(partial(self._answer, chunk))
            if answered is None:
                if len(chunk) == 1:
                    raise CheckpointError(
                        "memory ran out at one sentence alone",
                        where=self._name,
                        hint="free memory on the device (nvidia-smi), name a smaller model, or ask "
                        "a server: --engine openai",
                    )
                self._rows_at_once = len(chunk) // 2
            else:
                said += answered
        return Replies(said, self._rows_at_once)

    def _answer(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        import torch

        rows = list(prompts)
        if self._precision.device == "cuda":
            rows += [rows[-1]] * ((self._rows_at_once or self._rows) - len(rows))
        # On the left, so that every prompt ends where the replies begin.
        padded = [[self._pad] * (row.width - len(row.ids)) + row.ids for row in rows]
        mask = [[0] * (row.width - len(row.ids)) + [1] * len(row.ids) for row in rows]
        seeds = [row.seed for row in rows if row.seed is not None]
        processors = None
        if seeds:
            sampler = RowSampler(seeds, tokens=MAX_NEW_TOKENS, prompt_width=rows[0].width)
            processors = sampling_processors(sampler, temperature=TEMPERATURE)
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=torch.tensor(padded, device=self._model.device),
                attention_mask=torch.tensor(mask, device=self._model.device),
                max_new_tokens=MAX_NEW_TOKENS,
                pad_token_id=self._pad,
                do_sample=False,
                logits_processor=processors,
            )
        written: list[list[int]] = out[: len(prompts), rows[0].width :].tolist()
        return written
