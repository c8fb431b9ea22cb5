"""Count the tokens of every row, no image opened, and what each micro-batch comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.conversation import Conversation
from vsdkit.data.images.file import ImageFile
from vsdkit.data.records import IMAGE_MARK, InstructionRow
from vsdkit.finetune.estimate import MicroBatch
from vsdkit.finetune.examples import IGNORED, EncodedRow, RowEncoder
from vsdkit.finetune.order import Bundle, Division, RowTokens, count_tokens, make_batches
from vsdkit.finetune.packing import PADDED_TO
from vsdkit.finetune.rows import InstructionTable
from vsdkit.model.bases import DEFAULT_BASE, family_of, source_to_plan
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.progress import Listener
from vsdkit.settings.defaults import Batching
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from vsdkit.model.families import ImagePreparer

__all__ = ["ASSUMED_SIZE", "CountedRows", "RowCounter"]

ASSUMED_SIZE = (480, 640)
"""Height and width of an image that is not here: 4:3, the commonest shape of Visual Genome's. At
high resolution it takes 2,340 tokens."""
_SHOWN_AT_ONCE = 100
"""Rows."""
_CHARACTERS_A_TOKEN = 3.9
"""Of a row of VSD in Vicuna's vocabulary: 378 characters and 97 tokens in the mean, with the
paper's template and ``vicuna_v1``. For the default base where its tokenizer is not here."""


@dataclass(frozen=True, slots=True)
class CountedRows:
    """Tokens of each row, in the order of the rows."""

    text: Sequence[int]
    """Without the image's."""
    trained: Sequence[int]
    """Of these, at the end, what is learned."""
    image: Sequence[int]
    """The image's."""

    prefix: Sequence[int]
    """Of the text, what stands before the image: with it what the rows of an image share."""
    image_of_row: Sequence[int]
    """The image of each row, as its number."""

    def lengths(self) -> list[int]:
        """Return all tokens of each row."""
        return [text + image for text, image in zip(self.text, self.image, strict=True)]

    def micro_batches(
        self, division: Division, *, batching: Batching, seed: int
    ) -> list[MicroBatch]:
        """Return the micro-batches of the first epoch, of all processes, as training takes them.

        Args:
            division: How a step is shared out; its number of steps is not looked at.
            batching: ``rows`` or ``pictures``.
            seed: Gives the order.
        """
        tokens = [
            RowTokens(text + image, image, prefix + image)
            for text, image, prefix in zip(self.text, self.image, self.prefix, strict=True)
        ]
        batches = make_batches(
            batching,
            replace(division, steps=-(-len(tokens) // division.rows)),
            image_of_row=self.image_of_row,
            tokens=tokens,
            rank=0,
            seed=seed,
        )
        count = self._packed if batching == "pictures" else self._padded
        return [count(micro, tokens) for step in batches.micro_batches_of_steps() for micro in step]

    def _padded(self, bundles: Sequence[Bundle], tokens: Sequence[RowTokens]) -> MicroBatch:
        rows = [(bundle.rows[0], bundle.trained) for bundle in bundles]
        # Each token of an answer is predicted by the position before it.
        learned = sorted(
            (tokens[row].row - self.trained[row] - 1, tokens[row].row - 1)
            for row, trained in rows
            if trained
        )
        kept = end = 0
        for start, stop in learned:
            kept += max(0, stop - max(start, end))
            end = max(end, stop)
        return MicroBatch(
            sequences=len(rows),
            longest=max(tokens[row].row for row, _ in rows),
            tokens=sum(tokens[row].row for row, _ in rows),
            image_tokens=sum(self.image[row] for row, _ in rows),
            # A batch that only pads keeps one position.
            kept=max(kept, 1),
        )

    def _packed(self, bundles: Sequence[Bundle], tokens: Sequence[RowTokens]) -> MicroBatch:
        length = sum(count_tokens(bundle, tokens) for bundle in bundles)
        kept = sum(self.trained[row] for bundle in bundles if bundle.trained for row in bundle.rows)
        return MicroBatch(
            sequences=1,
            longest=-(-length // PADDED_TO) * PADDED_TO,
            tokens=length,
            image_tokens=sum(self.image[bundle.rows[0]] for bundle in bundles),
            kept=max(kept, 1),
        )


class RowCounter:
    """Counts the tokens of rows as training encodes them, or nearly where something is not here.

    Args:
        settings: Name base and rows.
        rows: The rows that train.
        files: Image name to its file; an image may be absent.
        conversation: The conversation format.
        config: The base's configuration, for the image mode of the settings.

    Raises:
        CheckpointError: If a base other than the default one lacks tokenizer or preprocessor.
    """

    def __init__(
        self,
        settings: FinetuneSettings,
        rows: InstructionTable,
        *,
        files: Mapping[str, ImageFile],
        conversation: Conversation,
        config: PretrainedConfig,
    ) -> None:
        self._settings = settings
        self._rows = rows
        self._files = files
        self._conversation = conversation
        self._config = config
        self.image_id = int(config.image_token_id)
        self.tokenizer = _tokenizer_if_here(settings.base, config)
        self._encoder = None
        if self.tokenizer is not None:
            self._encoder = RowEncoder(
                tokenizer=self.tokenizer,
                conversation=conversation,
                image_id=self.image_id,
                longest=config.get_text_config().max_position_embeddings,
                source=settings.instructions,
            )

    @property
    def absent_images(self) -> int:
        """How many images are not here."""
        return sum(image not in self._files for image in self._rows.images)

    @property
    def assumptions(self) -> list[str]:
        """What is assumed where something is not here; empty if the counts are exact."""
        said = []
        if self._encoder is None:
            said.append(
                f"{_CHARACTERS_A_TOKEN} characters a token, as rows of VSD have: the tokenizer is "
                f"not here (hf download {DEFAULT_BASE} --include '*.json')"
            )
        if self.absent_images and self._size_matters:
            height, width = ASSUMED_SIZE
            said.append(f"{height} x {width} pixels for each image that is not here")
        return said

    def count(self, *, listener: Listener) -> CountedRows:
        """Return the tokens of every row.

        Raises:
            DataError: If a row cannot be trained; its id is named.
        """
        text: list[int] = []
        trained: list[int] = []
        prefix: list[int] = []
        image = self.image_tokens_of_rows()
        with listener.track("counting tokens", total=len(self._rows)) as tracker:
            for row, in_image in zip(self._rows, image, strict=True):
                length, learned, before = self._of_text(row, in_image)
                text.append(length)
                trained.append(learned)
                prefix.append(before)
                # A bar that moves with each of them would take half of the time.
                if len(text) % _SHOWN_AT_ONCE == 0:
                    tracker.advance(_SHOWN_AT_ONCE)
            tracker.advance(len(text) % _SHOWN_AT_ONCE)
        names = self._rows.image_of_rows
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return CountedRows(text, trained, image, prefix, [numbers[name] for name in names])

    def image_tokens_of_rows(self) -> list[int]:
        """Return the tokens of each row's image, in the image mode of the settings."""
        return self.image_tokens(self._config, self._settings.image_mode)

    def image_tokens(self, config: PretrainedConfig, image_mode: str) -> list[int]:
        """Return the tokens of each row's image.

        Args:
            config: The base's configuration for the image mode.
            image_mode: ``single`` or ``anyres``.
        """
        # Thousands of images have a few hundred sizes.
        count = cache(self._preparer(config, image_mode).count_tokens)
        sizes = {name: (file.height, file.width) for name, file in self._files.items()}
        of_image = {name: count(sizes.get(name, ASSUMED_SIZE)) for name in self._rows.images}
        return [of_image[name] for name in self._rows.image_of_rows]

    @property
    def _size_matters(self) -> bool:
        """Whether images of another size take another number of tokens; one tile does not."""
        count = self._preparer(self._config, self._settings.image_mode).count_tokens
        height, width = ASSUMED_SIZE
        return (
            len({count(size) for size in ((height, width), (width, height), (height, height))}) > 1
        )

    def _preparer(self, config: PretrainedConfig, image_mode: str) -> ImagePreparer:
        source = source_to_plan(self._settings.base)
        return family_of(config).load_preparer(source, config, image_mode=image_mode)

    def encode(self, row: InstructionRow, image_tokens: int) -> EncodedRow | None:
        """Return a row's ids and labels; None without a tokenizer."""
        return (
            None if self._encoder is None else self._encoder.encode(row, image_tokens=image_tokens)
        )

    def _of_text(self, row: InstructionRow, in_image: int) -> tuple[int, int, int]:
        """Return a row's tokens without its image's: all, what is learned, before the image."""
        if self._encoder is None:
            rendered = self._conversation.render(row.question, row.answer)
            learned = sum(span.end - span.start for span in rendered.trained)
            characters = len(rendered.text) - len(IMAGE_MARK)
            return (
                max(1, round(characters / _CHARACTERS_A_TOKEN)),
                max(1, round(learned / _CHARACTERS_A_TOKEN)),
                round(rendered.text.index(IMAGE_MARK) / _CHARACTERS_A_TOKEN),
            )
        _, labels, prefix = self._encoder.encode_short(row, image_tokens=in_image)
        return len(labels) - 1, len(labels) - labels.count(IGNORED), prefix - 1


def _tokenizer_if_here(base: str, config: PretrainedConfig) -> PreTrainedTokenizerBase | None:
    source = source_to_plan(base)
    # Of the default base it is known how long a token is.
    if base == DEFAULT_BASE and not (Path(source) / "tokenizer.json").is_file():
        return None
    return load_tokenizer(source, config)
