"""Show rows as the model sees them: the text behind their ids, with the trained part marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.conversation import Conversation
from vsdkit.data.records import IMAGE_MARK, InstructionRow

if TYPE_CHECKING:
    from vsdkit.finetune.tokens import RowCounter

__all__ = ["TRAINED_MARKS", "ShownRow", "show_row"]

TRAINED_MARKS = (">>>", "<<<")
"""What stands around the part that is learned."""


class ShownRow(NamedTuple):
    """A row as the model sees it."""

    id: str
    task: int
    read: str
    """The text that is read; the image's tokens are one mark, as ``<image> x 577``."""
    trained: str
    """The text that is learned, the stop token included."""
    tokens: int | None
    """All ids; None without a tokenizer."""
    trained_tokens: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return self._asdict()

    def lines(self) -> str:
        """Return it as a person reads it."""
        counts = (
            ""
            if self.tokens is None
            else f", {self.tokens:,} tokens, {self.trained_tokens:,} of them trained"
        )
        begin, end = TRAINED_MARKS
        return f"[{self.id}, task {self.task}{counts}]\n{self.read} {begin}{self.trained}{end}"


def show_row(
    row: InstructionRow, *, counter: RowCounter, conversation: Conversation, image_tokens: int
) -> ShownRow:
    """Return a row as the model sees it, told by its ids and labels.

    Without a tokenizer it is told by the conversation format alone.

    Args:
        row: The row.
        counter: Encodes it as training does.
        conversation: The conversation format.
        image_tokens: Tokens of its image.
    """
    # Here, since it loads torch, and the report of a dry run is loaded with every command.
    from vsdkit.finetune.examples import IGNORED

    image = f"{IMAGE_MARK} x {image_tokens:,}"
    encoded = counter.encode(row, image_tokens)
    if encoded is None or counter.tokenizer is None:
        rendered = conversation.render(row.question, row.answer)
        span = rendered.trained[0]
        read = rendered.text[: span.start].replace(IMAGE_MARK, image)
        return ShownRow(row.id, row.task, read, rendered.text[span.start : span.end], None, None)
    ids, labels, _ = encoded
    learned = len(labels) - labels.count(IGNORED)
    # The answer stands at the end.
    first, at = len(ids) - learned, ids.index(counter.image_id)
    decode = counter.tokenizer.decode
    before, behind = decode(ids[:at]), decode(ids[at + image_tokens : first])
    return ShownRow(
        row.id, row.task, f"{before}{image}{behind}", decode(ids[first:]), len(ids), learned
    )
