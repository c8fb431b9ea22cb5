"""``vsdkit infer --image``: one picture and one pair of objects, described for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.images import open_given
from vsdkit.data.items import parse_item
from vsdkit.data.jsonl import require_place
from vsdkit.data.records import Box
from vsdkit.infer.describe import Describer, Description, make_describer
from vsdkit.manifest import refuse_input
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from vsdkit.data.records import GoldRow
    from vsdkit.infer.drawing import Word
    from vsdkit.settings.infer import InferSettings

__all__ = [
    "ImageReport",
    "Pair",
    "answer_lines",
    "check_save",
    "describe_image",
    "describe_pair",
    "read_pair",
]


@dataclass(frozen=True, slots=True)
class ImageReport(Report):
    """What a model said of one pair of objects of one picture."""

    image: str
    """The picture's file."""
    description: Description
    """What was asked and answered."""
    saved: str | None
    """Where the picture with both boxes was saved."""
    base: str
    """The base model."""
    adapter: str | None
    """The adapter's folder."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        said = self.description
        boxes = {"subject_box": said.subject_box, "object_box": said.object_box}
        return {
            "image": self.image,
            "subject": said.subject,
            "object": said.object,
            **{name: None if box is None else list(box) for name, box in boxes.items()},
            **said.to_dict(),
            "saved": self.saved,
            "base": self.base,
            "adapter": self.adapter,
        }

    def tables(self) -> list[Table]:
        """Return relation, sentence and three sentences, as far as they were asked."""
        said = self.description
        return [Table((said.subject, f"and {said.object}"), list(answer_lines(said)))]

    def notes(self) -> list[str]:
        """Return the other relations, and what a person should know besides."""
        said = self.description
        others = list((said.probabilities or {}).items())[1:4]
        likely = ", ".join(f"{label} {value:.3f}" for label, value in others)
        return [
            *([f"next likely: {likely}"] if likely else []),
            *([f"{self.saved}: the picture with both boxes"] if self.saved else []),
        ]


def answer_lines(said: Description) -> Iterator[tuple[str, str]]:
    """Yield what was asked and what was answered, a line each."""
    if 1 in said.raw:
        chance = "" if said.probabilities is None else f" ({_share(said):.3f})"
        yield "relation", f"{said.relation}{chance}" if said.relation else _unread(said, 1)
    if 2 in said.raw:
        yield "sentence", (said.sentence or _unread(said, 2)) + _cut(said, 2)
    if 3 in said.raw:
        sentences = said.sentences or (_unread(said, 3),)
        for number, sentence in enumerate(sentences):
            last = number == len(sentences) - 1
            yield (
                f"sentence {number + 1} of {len(sentences)}",
                sentence + (_cut(said, 3) if last else ""),
            )


def _share(said: Description) -> float:
    assert said.probabilities is not None
    assert said.relation is not None
    return said.probabilities[said.relation]


def _unread(said: Description, task: int) -> str:
    return f"(not the answer that was asked for: {' '.join(said.raw[task].split())!r})"


def _cut(said: Description, task: int) -> str:
    return " (cut off)" if task in said.unfinished else ""


def describe_image(settings: InferSettings, *, listener: Listener = SILENT) -> ImageReport:
    """Return the description of ``settings.image``, having saved it with its boxes if asked.

    Raises:
        MissingInputError: If the picture or the model is not there.
        DataError: If the picture does not open, or words or boxes are wrong.
        ConfigError: If the picture cannot be saved under the name given, or a setting of the model
            is another than it was trained with.
    """
    # Before the model is loaded, which takes minutes: all that can be wrong without it.
    check_save(settings)
    pair = read_pair(settings)
    return describe_pair(make_describer(settings, listener), settings, *pair)


def check_save(settings: InferSettings) -> None:
    """Return if the picture can be saved where the settings say, if they do.

    Raises:
        ConfigError: If its suffix names no format, or it would replace the picture itself.
        VsdkitError: If the place cannot be written to.
    """
    from vsdkit.infer.drawing import require_suffix

    if settings.save is None or settings.image is None:
        return
    refuse_input(settings.save, {"image": settings.image}, option="--save")
    require_suffix(settings.save)
    require_place(settings.save)


class Pair(NamedTuple):
    """What the settings ask about."""

    image: Image.Image
    """Upright and in RGB."""
    item: list[GoldRow]
    """The rows of its subject and object, one a task."""


def read_pair(settings: InferSettings) -> Pair:
    """Return the picture, the subject and the object of the settings.

    Raises:
        MissingInputError: If the picture is not there.
        DataError: If it does not open, or words or boxes are wrong.
    """
    assert settings.image is not None
    boxes = {"subject_box": settings.subject_box, "object_box": settings.object_box}
    names = {"image": str(settings.image), "subject": settings.subject, "object": settings.object}
    item = parse_item({**names, **boxes}, tasks=settings.tasks)
    return Pair(open_given(settings.image), item)


def describe_pair(
    describer: Describer, settings: InferSettings, image: Image.Image, item: list[GoldRow]
) -> ImageReport:
    """Return what a loaded model says of one item of an image, saved with its boxes if asked."""
    (said,) = describer.describe_items(image, [item])
    if settings.save is not None:
        _save(image, said, settings.save)
    adapter = describer.choice.adapter
    return ImageReport(
        image=str(settings.image),
        description=said,
        saved=None if settings.save is None else str(settings.save),
        base=describer.choice.base,
        adapter=None if adapter is None else str(adapter),
    )


def _save(image: Image.Image, said: Description, path: Path) -> None:
    from vsdkit.infer.drawing import draw_described, save_image

    # The settings ask for both boxes beside --save.
    subject_box, object_box = said.subject_box, said.object_box
    assert isinstance(subject_box, Box)
    assert isinstance(object_box, Box)
    save_image(draw_described(image, subject_box, object_box, list(_caption(said))), path)


def _caption(said: Description) -> Iterator[Word]:
    """Yield the caption: both names in the colours of their boxes, and what was said between."""
    from vsdkit.infer.drawing import OBJECT_COLOUR, SUBJECT_COLOUR, TEXT_COLOUR, Word

    between = f"{said.relation}" if said.relation else "and"
    chance = "" if said.probabilities is None else f"({_share(said):.2f})"
    for text, colour in (
        (said.subject, SUBJECT_COLOUR),
        (between, TEXT_COLOUR),
        (said.object, OBJECT_COLOUR),
        (chance, TEXT_COLOUR),
    ):
        yield from (Word(word, colour) for word in text.split())
