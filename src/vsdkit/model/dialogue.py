"""A conversation about an image: question after question, each answer shown as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache, StoppingCriteria, StoppingCriteriaList, TextStreamer

from vsdkit.errors import DataError, TemplateError
from vsdkit.model.generation import (
    Generated,
    Prompt,
    collate_prompts,
    decode,
    generate_ids,
    stop_id,
)
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    from vsdkit.conversation import Conversation
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage

__all__ = ["MAX_ANSWER", "Dialogue"]

MAX_ANSWER = 512
"""Longest answer in tokens; fewer where the model has no more positions."""
_SHORTEST = 16
"""Tokens that must be left for an answer: below, a question is refused."""


class Dialogue:
    """Questions and answers about an image, in a conversation format.

    Keys and values of what was said are kept for the next question. Its prompt is tokenised whole
    all the same, and what it has in common with the ids that are kept is not computed again: so an
    answer is the one that the whole prompt gets, though a text that is tokenised again may have
    other ids than those that were written.

    Args:
        loaded: A model in evaluation mode.
        conversation: What stands around questions and answers.
        image: From the model's image preparer.
    """

    def __init__(self, loaded: Loaded, conversation: Conversation, image: PreparedImage) -> None:
        self.turns: list[tuple[str, str]] = []
        """Questions and answers so far."""
        self._loaded = loaded
        self._conversation = conversation
        self._image = image
        self._stop = stop_id(loaded, conversation)
        self._kept: list[int] = []
        self._cache: DynamicCache | None = None

    def begin_anew(self) -> None:
        """Forget all that was said; the image stays, and what the model computed of it."""
        self.turns.clear()

    def ask(
        self,
        question: str,
        *,
        tell: Callable[[str], None] = lambda _: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Generated:
        """Return the answer to a question, and note both as a turn if anything was answered.

        Args:
            question: Without the image's mark.
            tell: Takes the answer in pieces of whole words, as they are written.
            is_stopped: Asked after each token; True ends the answer there.

        Raises:
            DataError: If the question holds a special token of the base, or conversation and
                answer do not fit into the model's positions.
            TemplateError: If it holds the image's mark or the stop token.
        """
        ids = self._encode(question)
        longest = min(MAX_ANSWER, self._loaded.positions - len(ids))
        if longest < _SHORTEST:
            raise DataError(
                f"the conversation has {len(ids):,} tokens with this question, the model has "
                f"positions for {self._loaded.positions:,}",
                hint="begin anew or ask a shorter one",
            )
        written = self._write(ids, longest, tell, is_stopped)
        answer = decode(self._loaded, written, self._stop)
        self.note(question, answer.text)
        return answer

    def note(self, question: str, answer: str) -> None:
        """Add a turn, as if it had been asked and answered, unless later prompts cannot hold it."""
        if not answer:
            return
        self.turns.append((question, answer))
        try:
            self._encode("")
        except (DataError, TemplateError):
            # A model may write the letters of a special token, which no prompt may hold.
            self.turns.pop()

    def _encode(self, question: str) -> list[int]:
        rendered = self._conversation.render(question, earlier=self.turns)
        return encode(
            self._loaded.tokenizer,
            rendered.text,
            image_id=self._loaded.image_id,
            image_tokens=self._image.n_tokens,
            content=rendered.content,
        ).ids

    def _write(
        self,
        ids: list[int],
        longest: int,
        tell: Callable[[str], None],
        is_stopped: Callable[[], bool],
    ) -> list[int]:
        """Return the ids that the model writes behind a prompt."""
        batch = collate_prompts(self._loaded, [Prompt(ids, self._image)], pad=self._stop)
        same = self._reuse(ids)
        if same:
            # The image is among what is kept; given again, the model would look for its tokens.
            batch = {name: batch[name] for name in ("input_ids", "attention_mask")}
        cache, self._cache = self._cache, None
        out = generate_ids(
            self._loaded,
            batch,
            stop=self._stop,
            max_new_tokens=longest,
            past_key_values=cache,
            streamer=_Pieces(self._loaded.tokenizer, tell),
            stopping_criteria=StoppingCriteriaList([_Stopped(is_stopped)]),
        )
        whole: list[int] = out[0].tolist()
        # Now, and not before: after an error nobody knows what the cache holds.
        self._cache, self._kept = cache, whole
        return whole[len(ids) :]

    def _reuse(self, ids: list[int]) -> int:
        """Cut what is kept back to what a prompt has in common with it, and return how much."""
        if self._cache is None:
            self._cache, self._kept = DynamicCache(config=self._loaded.model.config), []
        there = self._cache.get_seq_length()
        # The last token is always computed: what the model says behind it is asked.
        longest = min(there, len(self._kept), len(ids) - 1)
        same = next((n for n in range(longest) if self._kept[n] != ids[n]), longest)
        last_of_image = len(ids) - 1 - ids[::-1].index(self._loaded.image_id)
        # Where positions are no plain count, what a model remembers of them is not in the cache.
        if same <= last_of_image or not self._loaded.family.shares_images:
            self._cache = DynamicCache(config=self._loaded.model.config)
            return 0
        self._cache.crop(same - there)
        return same


class _Pieces(TextStreamer):  # type: ignore[misc]
    """Hands the answer on in pieces of whole words."""

    def __init__(self, tokenizer: Any, tell: Callable[[str], None]) -> None:
        super().__init__(
            tokenizer,
            skip_prompt=True,
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        self._tell = tell

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Take the next piece."""
        del stream_end
        if text:
            self._tell(text)


class _Stopped(StoppingCriteria):  # type: ignore[misc]
    """Ends an answer when somebody says so."""

    def __init__(self, is_stopped: Callable[[], bool]) -> None:
        self._is_stopped = is_stopped

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
        """Return for each row of the batch whether it ends here."""
        del scores, more
        return torch.full((len(input_ids),), self._is_stopped(), device=input_ids.device)
