"""A model of boxes and tags: fitted on gold rows, kept in one file, asked for answers."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import sklearn

from vsdkit.boxes.features import Pair, pair_of
from vsdkit.boxes.grammar import Caption, Grammar
from vsdkit.boxes.reasons import say_why
from vsdkit.boxes.relation import INPUTS, RelationModel
from vsdkit.data.jsonl import require_place
from vsdkit.data.records import GoldRow
from vsdkit.errors import DataError, MissingInputError

__all__ = ["LEAST_PAIRS", "BoxesModel", "Described", "FitRows"]

LEAST_PAIRS: Final = 50
"""Pairs below which nothing is fitted: five folds of ten, and nine labels among them."""

_FORMAT: Final = "vsdkit boxes 1"
_PLAIN: Final = "vsdkit.json"
"""Member of the zip that holds all but the estimators."""
# What skops does not know by itself of what ``RelationModel`` is made of. Nothing else is loaded:
# a file is somebody's, and what it names would be run.
_TRUSTED: Final = frozenset({"sklearn.tree._tree.Tree"})


class FitRows(NamedTuple):
    """Gold rows as a model learns from them."""

    pairs: tuple[Pair, ...]
    """Pairs with both boxes and a label."""
    labels: tuple[str, ...]
    """The first label of each."""
    captions: tuple[tuple[Caption, ...], tuple[Caption, ...]]
    """Of tasks 2 and 3: the captions of items that have some."""
    images: tuple[str, ...]
    """Names of the images."""
    left_out: int
    """Items without a box, or without a label."""

    @classmethod
    def of(cls, rows: Sequence[GoldRow], *, where: str) -> FitRows:
        """Return what gold rows teach.

        Args:
            rows: Of any tasks.
            where: Their file, for errors.

        Raises:
            DataError: If too few items have boxes and a label, or all have one label.
        """
        first: dict[str, GoldRow] = {}
        for row in rows:
            first.setdefault(row.id, row)
        known = {
            name: row
            for name, row in first.items()
            if row.relations and row.subject_box is not None and row.object_box is not None
        }
        if len(known) < LEAST_PAIRS:
            raise DataError(
                f"{len(known):,} items with two boxes and a relation; {LEAST_PAIRS} is the least",
                where=where,
                hint="fit on gold.jsonl of more items: vsdkit build-instructions",
            )
        labels = tuple(row.relations[0] for row in known.values())
        if len(set(labels)) < 2:
            raise DataError(
                f"all items have the relation {labels[0]!r}: there is nothing to tell apart",
                where=where,
                hint="fit on items of several relations",
            )
        of_tasks: dict[int, list[Caption]] = {2: [], 3: []}
        for row in rows:
            if row.task in of_tasks and row.references and row.relations:
                of_tasks[row.task].append(
                    Caption(row.subject, row.object, row.relations[0], row.references)
                )
        return cls(
            pairs=tuple(map(pair_of, known.values())),
            labels=labels,
            captions=(tuple(of_tasks[2]), tuple(of_tasks[3])),
            images=tuple(sorted({row.image for row in known.values()})),
            left_out=len(first) - len(known),
        )


class Described(NamedTuple):
    """What is said of a pair."""

    relation: str
    """The likeliest label: the answer to task 1."""
    probabilities: dict[str, float]
    """Label to its probability."""
    because: str
    """The geometry that speaks for the label."""
    sentence: str
    """The answer to task 2."""
    sentences: tuple[str, ...]
    """The answer to task 3."""


@dataclass(frozen=True, slots=True)
class BoxesModel:
    """The relation of two boxes, and the grammar that says it."""

    relation: RelationModel
    """Boxes and tags to probabilities."""
    grammar: Grammar
    """Tags and relation to sentences."""
    images: tuple[str, ...] = ()
    """Names of the images of the fit rows."""

    @classmethod
    def fit(cls, rows: FitRows, *, inputs: Collection[str] = INPUTS, seed: int = 0) -> BoxesModel:
        """Return the model of rows whose answers are known.

        Args:
            rows: What to learn from.
            inputs: Those of ``INPUTS`` that it may see.
            seed: Of everything random.
        """
        relation = RelationModel.fit(rows.pairs, rows.labels, inputs=inputs, seed=seed)
        return cls(relation, Grammar.learn(*rows.captions, seed=seed), rows.images)

    def describe(self, pairs: Sequence[Pair]) -> list[Described]:
        """Return what is said of each pair."""
        answers = []
        for pair, row in zip(pairs, self.relation.probabilities(pairs), strict=True):
            label = self.relation.labels[int(row.argmax())]
            sure = float(row.max())
            answers.append(
                Described(
                    label,
                    {
                        name: round(float(value), 6)
                        for name, value in zip(self.relation.labels, row, strict=True)
                    },
                    say_why(pair, label),
                    self.grammar.sentence(pair.subject, pair.object, label, sure),
                    self.grammar.sentences(pair.subject, pair.object, label, sure),
                )
            )
        return answers

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the model as one file of skops, atomically.

        Args:
            path: Where.
            facts: What it was fitted on, as JSON; the file keeps it.
        """
        relation = self.relation
        # As JSON: skops would make a node of every number.
        plain = {
            "format": _FORMAT,
            "sklearn": sklearn.__version__,
            "facts": dict(facts),
            "labels": relation.labels,
            "inputs": relation.inputs,
            "frequencies": relation.frequencies,
            "temperature": relation.temperature,
            "held_out": relation.held_out,
            "grammar": self.grammar.to_dict(),
            "images": self.images,
        }
        packed = io.BytesIO(
            _skops().dumps(dict(relation.parts), compression=zipfile.ZIP_DEFLATED, compresslevel=6)
        )
        # A member of its own: it is read, and may refuse the file, before anything is loaded.
        with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_PLAIN, json.dumps(plain))
        require_place(path)
        made = path.with_name(f".{path.name}.part")
        made.write_bytes(packed.getvalue())
        os.replace(made, path)

    @classmethod
    def read(cls, path: Path) -> BoxesModel:
        """Return the model of a file.

        Raises:
            MissingInputError: If it is not there.
            DataError: If it is no such file, was fitted with another scikit-learn, or holds types
                that such a model is not made of.
        """
        if not path.exists():
            raise MissingInputError(
                "no such model of boxes",
                where=str(path),
                hint=f"make it: vsdkit fit-boxes gold_train.jsonl --output {path}",
            )
        try:
            content = path.read_bytes()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                plain = json.loads(archive.read(_PLAIN))
            _refuse_other_version(plain, path)
            parts = _load(content, path)
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a model of vsdkit fit-boxes: {error}",
                where=str(path),
                hint="make it anew: vsdkit fit-boxes gold_train.jsonl",
            ) from error
        relation = RelationModel(
            tuple(plain["labels"]),
            tuple(plain["inputs"]),
            parts,
            plain["frequencies"],
            plain["temperature"],
            plain["held_out"],
        )
        return cls(relation, Grammar.from_dict(plain["grammar"]), tuple(plain["images"]))


def _load(content: bytes, path: Path) -> Mapping[str, Any]:
    """Return the estimators of a file.

    Raises:
        DataError: If it holds types that such a model is not made of; none of it is loaded.
    """
    skops_io = _skops()
    strange = set(skops_io.get_untrusted_types(data=content)) - _TRUSTED
    if strange:
        raise DataError(
            f"holds types that no model of boxes is made of: {', '.join(sorted(strange))}",
            where=str(path),
            hint="it was not loaded; use a file of vsdkit fit-boxes",
        )
    parts: Mapping[str, Any] = skops_io.loads(content, trusted=sorted(_TRUSTED))
    return parts


def _skops() -> Any:
    """Import and return ``skops.io``, without torch.

    It asks scikit-learn for the names of all estimators, which imports every module that
    scikit-learn has, among them one that imports torch for its own sake. For as long as that takes
    the module is said not to be there; such modules are passed over.
    """
    bridge = "sklearn.externals.array_api_compat.torch"
    if "torch" in sys.modules or "skops.io" in sys.modules:
        return importlib.import_module("skops.io")
    sys.modules[bridge] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("skops.io")
    finally:
        del sys.modules[bridge]


def _refuse_other_version(plain: Mapping[str, Any], path: Path) -> None:
    """Refuse a file whose numbers another program may read as something else.

    Raises:
        DataError: If its form or its scikit-learn is not the one here.
    """
    versions = (plain["sklearn"].split(".")[:2], sklearn.__version__.split(".")[:2])
    if plain["format"] != _FORMAT or versions[0] != versions[1]:
        raise DataError(
            f"fitted as {plain['format']!r} with scikit-learn {plain['sklearn']}; here it is "
            f"{_FORMAT!r} with {sklearn.__version__}",
            where=str(path),
            hint="fit it again, which takes seconds: vsdkit fit-boxes gold_train.jsonl",
        )
