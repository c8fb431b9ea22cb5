"""The engine ``boxes+vlm``: the mean of what a model of boxes and one on this machine say."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsdkit.data.items import read_items
from vsdkit.data.relations import RELATIONS
from vsdkit.data.row_files import read_prediction_rows
from vsdkit.errors import DataError
from vsdkit.infer.boxes import BoxesEngine, FittedBoxes, choose_boxes, pairs_of
from vsdkit.infer.kept import Said
from vsdkit.infer.model_choice import ModelChoice, choose_model
from vsdkit.infer.processes import ProcessesEngine, make_processes
from vsdkit.manifest import hash_file
from vsdkit.model.run_folder import count_seen
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from pathlib import Path

    from vsdkit.boxes.features import Pair
    from vsdkit.data.records import RowKey
    from vsdkit.infer.engine import PutDown, Work
    from vsdkit.settings.infer import InferSettings

__all__ = [
    "MixedModels",
    "MixtureEngine",
    "Weight",
    "choose_mixed",
    "choose_weight",
    "make_mixture",
]

Probabilities = Mapping[str, float]
"""Label to its probability."""
Infer = Callable[..., object]
"""``infer.run.infer``, which stands above this module."""

_STEPS: Final = 100
"""Weights that are tried are hundredths: the likelihood is flat around its top."""
_LEAST: Final = 1e-5
"""A probability that is kept as 0: five digits are kept, and 0 has no logarithm."""
_DIGITS: Final = 5
"""Of a probability, as many as the local model's has."""


@dataclass(frozen=True, slots=True)
class Weight:
    """How much of an answer's probabilities is the boxes' model's, and how that was chosen."""

    boxes_weight: float
    """0 is the local model alone, 1 the model of boxes alone."""
    weight_on: str | None = None
    """The gold rows that it was chosen on; None if it was given."""
    pairs: int | None = None
    """How many of their items have boxes, a relation and an answer."""
    boxes_accuracy: float | None = None
    """Of the model of boxes on these, in percent."""
    vlm_accuracy: float | None = None
    """Of the local model on these, in percent."""

    def note(self) -> str:
        """Return it in a sentence."""
        told = f"boxes have the weight {self.boxes_weight:.2f} in task 1"
        if self.weight_on is None:
            return told
        return (
            f"{told}, chosen on {self.pairs:,} pairs of {self.weight_on}: boxes alone are right on "
            f"{self.boxes_accuracy:.1f} % of them, the local model on {self.vlm_accuracy:.1f} %"
        )


@dataclass(frozen=True, slots=True)
class MixedModels:
    """A model of boxes, one on this machine, and the weight between them."""

    boxes: FittedBoxes
    """Sees boxes and tags."""
    vlm: ModelChoice
    """Sees the image."""
    weight: Weight
    """Of the first."""
    weighed_on: frozenset[str] = frozenset()
    """Names of the images that the weight was chosen on."""

    @property
    def base(self) -> str:
        """What the report calls them."""
        return f"{self.vlm.base} and {self.boxes.base}"

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder."""
        return self.vlm.adapter

    @property
    def training_images(self) -> frozenset[str]:
        """Names of the images that either model was fitted on, or the weight."""
        trained = self.vlm.training_images or frozenset()
        return trained | self.boxes.training_images | self.weighed_on

    @property
    def form(self) -> dict[str, str | None]:
        """How the local model is asked, as run.json keeps it."""
        return self.vlm.form


class _Known(NamedTuple):
    """An item whose label is known, and what both models say of it."""

    boxes: Probabilities
    vlm: Probabilities
    gold: Collection[str]


def choose_mixed(
    settings: InferSettings, *, infer: Infer, listener: Listener = SILENT
) -> MixedModels:
    """Return both models, and the weight that is given or likeliest on held-out rows.

    The local model's answers to those rows are kept beside the output, in
    ``<output>.weight.jsonl``: the same command again asks none of them twice.

    Args:
        settings: Which models, and which weight or rows.
        infer: Answers a file of items.
        listener: Who is told.

    Raises:
        MissingInputError: If a file, image, base model or adapter is not there.
        DataError: If a row is wrong, a model was fitted on images of the held-out rows, or none of
            these rows can be used.
        ConfigError: As ``choose_model`` and ``infer`` raise it.
    """
    boxes = choose_boxes(settings, listener=listener)
    vlm = choose_model(settings, listener=listener)
    if settings.weight_on is None:
        assert settings.boxes_weight is not None
        return MixedModels(boxes, vlm, Weight(settings.boxes_weight))
    path = settings.weight_on
    gold = [row for row in read_items(path, tasks=(1,)) if row.relations]
    pairs, _ = pairs_of(gold)
    rows = [row for row in gold if row.key in pairs]
    if not rows:
        raise DataError(
            "no row of task 1 has a relation and both boxes: no weight can be chosen on it",
            where=str(path),
            hint="name gold rows with boxes, or the weight itself: --boxes-weight 0.5",
        )
    images = frozenset(row.image for row in rows)
    _refuse_seen(path, images, boxes.training_images, "the model of boxes")
    _refuse_seen(path, images, vlm.training_images, "the adapter")
    output = settings.output.with_name(f"{settings.output.name}.weight.jsonl")
    listener.message(f"the weight of boxes is chosen on {path}: {output} keeps the answers")
    held_out = _of_the_vlm(settings).model_copy(
        update={
            # The newest run of now: another training may end meanwhile.
            "adapter": vlm.adapter,
            "items": path,
            "output": output,
            "tasks": (1,),
            "limit": None,
        }
    )
    infer(held_out, listener=listener)
    said = {row.key: row.probabilities for row in read_prediction_rows(output)}
    of_boxes = _probabilities(boxes, pairs)
    known = [
        _Known(of_boxes[row.key], own, row.relations) for row in rows if (own := said.get(row.key))
    ]
    if not known:
        raise DataError(
            "the local model answered none of these rows: no weight can be chosen on them",
            where=str(path),
            hint=f"{output} has the error of each row",
        )
    weight = Weight(
        choose_weight(*zip(*known, strict=True)),
        str(path),
        len(known),
        _accuracy([(one.boxes, one.gold) for one in known]),
        _accuracy([(one.vlm, one.gold) for one in known]),
    )
    listener.message(weight.note())
    return MixedModels(boxes, vlm, weight, images)


def choose_weight(
    boxes: Sequence[Probabilities],
    vlm: Sequence[Probabilities],
    gold: Sequence[Collection[str]],
) -> float:
    """Return the weight of boxes that makes the gold labels likeliest, in hundredths.

    Args:
        boxes: What the model of boxes says of each item.
        vlm: What the local model says of each.
        gold: The labels of each that count as right; their probabilities are added.
    """
    pairs = [
        (sum(one.get(label, 0) for label in {*right}), sum(two.get(label, 0) for label in {*right}))
        for one, two, right in zip(boxes, vlm, gold, strict=True)
    ]

    def log_likelihood(step: int) -> float:
        weight = step / _STEPS
        return math.fsum(
            math.log(max(weight * one + (1 - weight) * two, _LEAST)) for one, two in pairs
        )

    return max(range(_STEPS + 1), key=log_likelihood) / _STEPS


def make_mixture(
    settings: InferSettings, choice: MixedModels, *, listener: Listener = SILENT
) -> MixtureEngine:
    """Return the engine that asks both; see ``make_processes`` for what it raises."""
    vlm = make_processes(_of_the_vlm(settings), choice.vlm, listener=listener)
    return MixtureEngine(choice, vlm, settings)


@dataclass(frozen=True, slots=True)
class MixtureEngine:
    """Has the local model answer, and mixes the boxes' probabilities into its labels."""

    choice: MixedModels
    """Both models, and the weight."""
    vlm: ProcessesEngine
    """Asks the local model."""
    settings: InferSettings
    """Which files the model of boxes and the weight are from."""

    @property
    def opens_images(self) -> bool:
        """Whether the images are looked at."""
        return True

    @property
    def identity(self) -> Mapping[str, Any]:
        """That of both models, the weight, and what it was chosen on."""
        path = self.settings.weight_on
        return {
            **self.vlm.identity,
            **BoxesEngine(self.choice.boxes, self.settings).identity,
            "weight_on": None if path is None else hash_file(path),
            "boxes_weight": self.choice.weight.boxes_weight,
        }

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Answer all that is left; a row of task 1 without a box gets an error.

        Raises:
            VsdkitError: As ``ProcessesEngine.answer`` raises it.
        """
        asked, failed = pairs_of(row for row in work.rows if row.task == 1 and row.key in work.left)
        put_down(failed)
        of_boxes = _probabilities(self.choice.boxes, asked)

        def put_down_mixed(answers: Mapping[RowKey, Said], *, tokens: int = 0) -> None:
            put_down(
                {
                    key: self._mix(said, asked[key], of_boxes[key]) if key in asked else said
                    for key, said in answers.items()
                },
                tokens=tokens,
            )

        self.vlm.answer(work._replace(left=work.left - failed.keys()), put_down_mixed)

    def _mix(self, said: Said, pair: Pair, of_boxes: Probabilities) -> Said:
        from vsdkit.boxes.reasons import say_why

        if said.error is not None:
            # The boxes' word alone would pass for that of both.
            return said
        assert said.probabilities is not None
        mixed = _mean(of_boxes, said.probabilities, self.choice.weight.boxes_weight)
        label = max(mixed, key=mixed.__getitem__)
        return said._replace(raw=label, probabilities=mixed, because=say_why(pair, label))


def _mean(boxes: Probabilities, vlm: Probabilities, weight: float) -> dict[str, float]:
    return {
        label: round(weight * boxes.get(label, 0) + (1 - weight) * vlm.get(label, 0), _DIGITS)
        for label in RELATIONS
    }


def _probabilities(
    fitted: FittedBoxes, pairs: Mapping[RowKey, Pair]
) -> dict[RowKey, dict[str, float]]:
    """Return what the model of boxes says of the pair of each row."""
    if not pairs:
        return {}
    relation = fitted.model.relation
    found = relation.probabilities(list(pairs.values())).tolist()
    return {
        key: dict(zip(relation.labels, own, strict=True))
        for key, own in zip(pairs, found, strict=True)
    }


def _accuracy(answers: Sequence[tuple[Probabilities, Collection[str]]]) -> float:
    """Return how often the likeliest label is right, in percent."""
    return round(100 * fmean(max(own, key=own.__getitem__) in gold for own, gold in answers), 2)


def _of_the_vlm(settings: InferSettings) -> InferSettings:
    """Return the settings of the local model alone, as it is asked for the mixture."""
    return settings.model_copy(
        update={
            "engine": "transformers",
            "label": "likelihood",
            **dict.fromkeys(("fit", "boxes_model", "weight_on", "boxes_weight")),
            # Of the items that are asked about, and not of how the model is asked.
            **dict.fromkeys(("pairs", "box_units", "graph", "least", "rejects")),
        }
    )


def _refuse_seen(
    path: Path, images: Collection[str], trained: Collection[str] | None, who: str
) -> None:
    """Refuse rows on which one of the models would look better than it is.

    Raises:
        DataError: If it was fitted on an image of theirs.
    """
    seen = 0 if trained is None else count_seen(images, frozenset(trained))["seen"]
    if seen:
        raise DataError(
            f"{who} was fitted on {seen:,} of the {len(images):,} pictures of these rows: a weight "
            "chosen on them would trust it too much",
            where=str(path),
            hint="name gold rows of pictures that neither model has seen",
        )
