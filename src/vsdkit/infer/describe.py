"""``vsdkit.load``: a model that is loaded once and describes pairs of objects in any images."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from vsdkit.answers import read_prediction
from vsdkit.data.images import GivenImage, open_given
from vsdkit.data.images.opening import ImageSize
from vsdkit.data.items import parse_item
from vsdkit.data.pairs import ALL_PAIRS, choose_pairs
from vsdkit.data.records import TASKS, Box, Corners, GoldRow
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import DataError, VsdkitError
from vsdkit.formats.detections import check_box
from vsdkit.infer.local import load_answerer
from vsdkit.infer.model_choice import ModelChoice, choose_model
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.defaults import ImageMode, LoadIn, PrecisionChoice
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import resolve

if TYPE_CHECKING:
    from PIL import Image

    from vsdkit.model.answerer import Answerer
    from vsdkit.model.dialogue import Dialogue
    from vsdkit.model.families import PreparedImage
    from vsdkit.model.generation import Generated
    from vsdkit.model.shared_image import Answer, Question

__all__ = ["Describer", "Description", "GivenBox", "GivenDetections", "load", "make_describer"]

GivenBox = Sequence[float]
"""Four numbers ``[ymin, ymax, xmin, xmax]`` in pixels of the upright image."""


class GivenDetections(Protocol):
    """What is read of ``supervision.Detections``; any object that has it will do."""

    @property
    def xyxy(self) -> Any:
        """Boxes ``[n, 4]``: x_min, y_min, x_max, y_max in pixels of the upright image."""

    @property
    def data(self) -> Mapping[str, Any]:
        """``class_name``: what each object is, in words."""


_ROWS_AT_ONCE = 24
"""Questions about an image that are answered at a time, eight pairs of all three tasks: the keys
and values of hundreds of pairs would not fit."""
_UNNAMED = "picture"
"""Name of an image that has none, in rows that nobody sees."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a model said of one pair of objects; what was not asked is None."""

    subject: str
    """What is described."""
    object: str
    """What it is seen from."""
    subject_box: Box | None
    """As it was given: where the subject is."""
    object_box: Box | None
    """As it was given: where the object is."""
    relation: str | None
    """The likeliest of the nine labels (task 1)."""
    probabilities: Mapping[str, float] | None
    """Label to its probability among the nine, the likeliest first; None of a model that cannot
    weigh labels, which then says its label itself."""
    sentence: str | None
    """One sentence (task 2)."""
    sentences: tuple[str, str, str] | None
    """Three different sentences (task 3); None, too, where the answer has more or fewer."""
    raw: Mapping[int, str]
    """Task to what the model said, word for word."""
    unfinished: tuple[int, ...]
    """Tasks whose answer was cut off at its longest length."""

    def to_dict(self) -> dict[str, Any]:
        """Return what was asked and answered, as JSON has it."""
        answers: dict[str, Any] = {}
        if 1 in self.raw:
            answers["relation"] = self.relation
            answers["probabilities"] = self.probabilities and dict(self.probabilities)
        if 2 in self.raw:
            answers["sentence"] = self.sentence
        if 3 in self.raw:
            answers["sentences"] = self.sentences and list(self.sentences)
        answers["raw"] = {str(task): text for task, text in self.raw.items()}
        answers["unfinished"] = list(self.unfinished)
        return answers


class Describer:
    """A loaded model that describes what two objects of an image are to each other.

    Made by ``vsdkit.load``. It may be called from several threads: one call at a time goes through
    the model, the others wait.

    The paper's model sees the plain image and the two objects' names. Boxes are not shown to it:
    they are checked and handed on in the ``Description``. Of two dogs in one image the model
    cannot know which one is meant, unless the words say it ("the left dog").
    """

    def __init__(
        self, answerer: Answerer, choice: ModelChoice, *, tasks: Sequence[int] = TASKS
    ) -> None:
        self.tasks = tuple(tasks)
        """What is asked of each pair."""
        self.choice = choice
        """The model by name, and the form of its questions."""
        self._answerer = answerer
        self._at_once = _ROWS_AT_ONCE
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return what is loaded, and how."""
        choice, precision = self.choice, self._answerer.loaded.precision
        adapter = "" if choice.adapter is None else f", adapter={str(choice.adapter)!r}"
        return (
            f"Describer(base={choice.base!r}{adapter}, image_mode={choice.image_mode!r}, "
            f"tasks={self.tasks}, {precision.dtype_name} on {precision.device})"
        )

    def describe(
        self,
        image: GivenImage,
        subject: str,
        object: str,  # noqa: A002 - the word of the task
        subject_box: GivenBox | None = None,
        object_box: GivenBox | None = None,
    ) -> Description:
        """Return relation, sentence and sentences of one pair of objects.

        Args:
            image: A path, bytes of a file, a Pillow image, or an array ``[height, width, 3]`` of
                uint8 in RGB (``[height, width]`` is grey). Files are turned upright as their
                camera noted.
            subject: What is described, in words.
            object: What it is seen from, in words.
            subject_box: ``[ymin, ymax, xmin, xmax]`` in pixels. The model does not see it.
            object_box: As ``subject_box``.

        Raises:
            MissingInputError: If there is no such file.
            DataError: If the image does not open, words or boxes are wrong, or they are too long
                for the model.
            VsdkitError: If the memory does not hold the question.
            TypeError: If the image is none of those kinds.
        """
        item = self._item(subject, object, subject_box, object_box)
        return self.describe_items(open_given(image), [item])[0]

    def describe_many(
        self,
        image: GivenImage,
        boxes: Sequence[GivenBox] | None,
        labels: Sequence[str],
        *,
        pairs: Sequence[tuple[int, int]] | None = None,
    ) -> list[Description]:
        """Return descriptions of pairs of an image's objects; the image is read once for all.

        Args:
            image: As for ``describe``.
            boxes: One an object, ``[ymin, ymax, xmin, xmax]``; None if they are not known.
            labels: What each object is, in words.
            pairs: Numbers of subject and object, from 0; else all ordered pairs:
                ``n * (n - 1)`` of ``n`` objects.

        Returns:
            One a pair, in the order of ``pairs``, or of (0, 1), (0, 2), ..., (1, 0), ...

        Raises:
            ValueError: If there are not as many boxes as labels, or a pair names an object that is
                not there, or one object twice.
        """
        places: Sequence[GivenBox | None] = [None] * len(labels) if boxes is None else boxes
        if len(places) != len(labels):
            raise ValueError(f"{len(places)} boxes for {len(labels)} labels: one each is needed")
        numbers = range(len(labels))
        for pair in pairs or ():
            if len(set(pair)) != 2 or not set(pair) <= set(numbers):
                raise ValueError(
                    f"pair {tuple(pair)}: expected two different numbers of the {len(labels)} "
                    f"objects, 0 to {len(labels) - 1}"
                )
        asked = list(permutations(numbers, 2)) if pairs is None else pairs
        items = [self._item(labels[i], labels[j], places[i], places[j]) for i, j in asked]
        return self.describe_items(open_given(image), items) if items else []

    def describe_detections(
        self, image: GivenImage, detections: GivenDetections, *, pairs: str | int = ALL_PAIRS
    ) -> list[Description]:
        """Return descriptions of pairs of detected objects; the image is read once for all.

        Args:
            image: As for ``describe``.
            detections: ``supervision.Detections``, made by any of its ``from_...``, of this image.
            pairs: ``all`` in both orders, those ``near`` each other, or how many, the nearest;
                see ``vsdkit.data.pairs.choose_pairs``.

        Returns:
            One a pair; its boxes tell which of two dogs was the subject.

        Raises:
            DataError: If the detections have no labels, or a box is outside of the image or in
                another order than ``[x_min, y_min, x_max, y_max]``.
        """
        opened = open_given(image)
        labels = _labels(detections)
        size = ImageSize(opened.height, opened.width)
        boxes = []
        for number, corners in enumerate(_plain(detections.xyxy)):
            try:
                boxes.append(check_box(Corners(*corners), size))
            except DataError as error:
                raise error.at(f"detection {number} ({labels[number]!r})") from error
        chosen = choose_pairs(boxes, str(pairs))
        return self.describe_many(opened, boxes, labels, pairs=chosen) if chosen else []

    def describe_items(
        self, image: Image.Image, items: Sequence[Sequence[GoldRow]]
    ) -> list[Description]:
        """Return descriptions of items of one image, which is read once for all.

        Args:
            image: From ``open_given``.
            items: Of each item its rows, from ``parse_item``.

        Raises:
            DataError: If the words of an item hold what stands for something else or are too long,
                or nothing of a box lies in the image.
            VsdkitError: If the memory does not hold the question.
        """
        for item in items:
            self.check(image, item)
        prepared = self._answerer.loaded.preparer.prepare(image)
        rows = [row for item in items for row in item]
        with self._lock:
            said = iter(self._answer(prepared, rows))
        return [_describe([(row, next(said)) for row in item]) for item in items]

    def check(self, image: Image.Image, item: Sequence[GoldRow]) -> None:
        """Return if an item can be asked about an image.

        Raises:
            DataError: See ``describe_items``.
        """
        for name in ("subject_box", "object_box"):
            box: Box | None = getattr(item[0], name)
            if box is not None and not _overlaps(box, image):
                raise DataError(
                    f"nothing of the box {list(box)} lies in the picture, which is "
                    f"{image.height} high and {image.width} wide",
                    where=f"field {name!r}",
                    hint="give a box as [ymin, ymax, xmin, xmax], in pixels",
                )
        count = self._answerer.loaded.preparer.count_tokens((image.height, image.width))
        self._answerer.check(item, {item[0].image: count})

    def talk(self, image: GivenImage) -> Dialogue:
        """Return a conversation about an image, without a question yet.

        Raises:
            MissingInputError: If there is no such file.
            DataError: If the image does not open.
        """
        from vsdkit.model.dialogue import Dialogue

        loaded = self._answerer.loaded
        prepared = loaded.preparer.prepare(open_given(image))
        return Dialogue(loaded, self.choice.conversation, prepared)

    def ask(
        self,
        dialogue: Dialogue,
        question: str,
        *,
        tell: Callable[[str], None],
        is_stopped: Callable[[], bool],
    ) -> Generated:
        """Return the answer to a question of a conversation: see ``Dialogue.ask``.

        Raises:
            DataError: If the question cannot be asked, or the conversation is too long.
            VsdkitError: If the memory does not hold it.
        """
        from vsdkit.model.memory import try_in_memory

        with self._lock:
            said = try_in_memory(partial(dialogue.ask, question, tell=tell, is_stopped=is_stopped))
        if said is None:
            raise VsdkitError("the memory does not hold this conversation", hint="begin anew")
        return said

    def question(self, row: GoldRow) -> str:
        """Return what a row asks, by the template."""
        return self._answerer.question(row).text

    def _item(
        self, subject: str, object_: str, subject_box: GivenBox | None, object_box: GivenBox | None
    ) -> list[GoldRow]:
        fields = {
            "image": _UNNAMED,
            "subject": subject,
            "object": object_,
            "subject_box": _plain(subject_box),
            "object_box": _plain(object_box),
        }
        return parse_item(fields, tasks=self.tasks)

    def _answer(self, image: PreparedImage, rows: Sequence[GoldRow]) -> list[Answer]:
        """Return the answers to rows about an image, fewer at once where the memory asks for it."""
        from vsdkit.model.memory import try_in_memory

        asked = [self._question(row) for row in rows]
        while True:
            answers = try_in_memory(
                partial(self._answerer.answer_one_image, image, asked, at_once=self._at_once)
            )
            if answers is not None:
                return answers
            if self._at_once == 1:
                raise VsdkitError(
                    "the memory does not hold the picture and one question",
                    hint="load the model in fewer bits: load_in='4bit'",
                )
            self._at_once = min(self._at_once, len(rows)) // 2 or 1

    def _question(self, row: GoldRow) -> Question:
        weigh = row.task == 1 and self._answerer.loaded.family.shares_images
        return self._answerer.question(row)._replace(labels=RELATIONS if weigh else ())


def load(
    model: str | Path | None = None,
    *,
    base: str | None = None,
    template: str | None = None,
    conversation: str | None = None,
    image_mode: ImageMode | None = None,
    precision: PrecisionChoice = "auto",
    load_in: LoadIn | None = None,
    tasks: Sequence[int] = TASKS,
    listener: Listener = SILENT,
) -> Describer:
    """Load a model once, to describe image after image.

    Args:
        model: Run folder of ``vsdkit finetune``, folder of ``vsdkit merge``, or name of a base
            model; without it the newest complete run in ``runs/``.
        base: Stands in for the base that an adapter's run.json names, where that has moved.
        template: Of the questions; an adapter brings its own.
        conversation: Format of the conversation; an adapter brings its own.
        image_mode: ``single`` or ``anyres``; an adapter brings its own.
        precision: ``auto`` takes what the GPU has.
        load_in: ``4bit`` or ``8bit``, for GPUs that do not hold the model otherwise.
        tasks: What is asked of each pair: 1 the relation, 2 a sentence, 3 three sentences.
        listener: Hears what is loaded; without one nothing is said.

    Raises:
        CheckpointError: If there is no such model, or it cannot be loaded.
        ConfigError: If a setting is wrong, or another than the adapter was trained with.
    """
    given: dict[str, Any] = {
        "base": base,
        "template": template,
        "conversation": conversation,
        "image_mode": image_mode,
        "precision": precision,
        "load_in": load_in,
        "tasks": tuple(tasks),
    }
    if model is not None:
        is_run = base is not None or _names_a_run(Path(model))
        given["adapter" if is_run else "base"] = str(model)
    return make_describer(resolve(InferSettings, flags=given, origin="argument").settings, listener)


def _names_a_run(model: Path) -> bool:
    """Say whether a name is that of a run's folder, there or not, and not that of a base model."""
    if (model / "config.json").is_file():
        # A whole model, merged or not; a run folder has an adapter's configuration only.
        return False
    # Of a name that is nowhere: a hub's has an owner in front, which is no folder here.
    is_place = model.is_absolute() or (len(model.parts) > 1 and model.parent.is_dir())
    return model.is_dir() or is_place


def make_describer(settings: InferSettings, listener: Listener) -> Describer:
    """Return the model that settings name, loaded.

    Raises:
        CheckpointError: If there is no such model, or it cannot be loaded.
        ConfigError: If a setting is another than the adapter was trained with.
    """
    choice = choose_model(settings, listener=listener)
    answerer = load_answerer(choice, settings, listener=listener)
    return Describer(answerer, choice, tasks=settings.tasks)


def _describe(said: Sequence[tuple[GoldRow, Answer]]) -> Description:
    first = said[0][0]
    read = {row.task: read_prediction(row, answer.text).prediction for row, answer in said}
    weighed = next((one.probabilities for row, one in said if row.task == 1), None)
    return Description(
        subject=first.subject,
        object=first.object,
        subject_box=first.subject_box,
        object_box=first.object_box,
        relation=cast("str | None", read.get(1)),
        probabilities=None if weighed is None else _likeliest_first(weighed),
        sentence=cast("str | None", read.get(2)),
        sentences=cast("tuple[str, str, str] | None", read.get(3)),
        raw={row.task: answer.text for row, answer in said},
        unfinished=tuple(row.task for row, answer in said if not answer.finished),
    )


def _likeliest_first(probabilities: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted(probabilities.items(), key=lambda one: -one[1])
    # As exact as float32 is; what lies below differs with the questions that are asked together.
    return {label: round(value, 5) for label, value in ordered}


def _labels(detections: GivenDetections) -> list[str]:
    names = detections.data.get("class_name")
    if names is None and len(detections.xyxy):
        raise DataError(
            "detections without labels: data['class_name'] is not there",
            hint="detections.data['class_name'] = [names[n] for n in detections.class_id]",
        )
    return [str(name) for name in ([] if names is None else names)]


def _plain(box: Any) -> Any:
    """Return a box as a list of Python's numbers; detectors give arrays of their own."""
    whole: Any = box.tolist() if hasattr(box, "tolist") else box
    if not isinstance(whole, list | tuple):
        return whole
    return [edge.item() if hasattr(edge, "item") else edge for edge in whole]


def _overlaps(box: Box, image: Image.Image) -> bool:
    return box.y_max > 0 and box.x_max > 0 and box.y_min < image.height and box.x_min < image.width
