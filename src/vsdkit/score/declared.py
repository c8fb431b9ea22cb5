"""What a declaration of a number says: ``Number``, the ``Metric`` it comes of, and ``Total``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vsdkit.score.measure import Measure

__all__ = ["NEEDS", "Better", "Declared", "Metric", "Needs", "Number", "Total"]

Needs = Literal["labels", "tokens", "spice", "meteor"]
NEEDS: tuple[Needs, ...] = ("labels", "tokens", "spice", "meteor")
"""What a metric is measured on, in the order in which it is at hand: labels alone; tokens, which
take Java; SPICE, which takes its files, too; METEOR, which takes a process of its own."""

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """What gives numbers of one kind, in one pass over the rows of a task."""

    measure: Measure
    """The pass."""
    needs: Needs
    """What must be at hand for it."""
    shared: str
    """The part of the signature that its numbers share, with the fields of
    ``vsdkit.score.signatures`` in braces."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of one task."""

    name: str
    """Its name in ``--json``, below its task."""
    task: int
    """1, 2 or 3."""
    title: str
    """What people call it."""
    metric: Metric
    """What it comes of."""
    own: str
    """Its own part of the signature, with the same fields."""
    row: str = ""
    """Name of a row's own value in ``--items``; else the number's name."""
    corpus: str = ""
    """Name in ``Measured.corpus``; else the number is the mean of the rows' own values, which are
    then its sufficient statistics."""
    better: Better = "higher"
    """Which of two values is the better one."""
    column: str = ""
    """Its column where results stand in one row each (demo, ablations); none without."""
    readings: tuple[str, ...] = ()
    """The readings in which it is a part of its task's total: paper, coco."""
    captions: bool = False
    """Whether it is of the row that caption papers print: asked for by ``--coco-metrics``, below
    ``coco_metrics`` in ``--json``."""
    sub_score: bool = False
    """Whether it is SPICE of one kind of tuple: measured where every number or row is asked for."""
    repeats: bool = False
    """Whether it stands under its task as well, so that tables of all numbers leave it out."""

    @property
    def under(self) -> str:
        """What it stands below in ``--json``."""
        return "coco_metrics" if self.captions else f"task{self.task}"

    @property
    def place(self) -> tuple[str, ...]:
        """Where it stands in ``--json``."""
        return (self.under, self.name)

    @property
    def key(self) -> str:
        """Its name among all numbers: ``task2.bleu4``."""
        return ".".join(self.place)

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"{self.task} {self.title}"

    @property
    def value_of_row(self) -> str:
        """Name of a row's own value in ``--items``."""
        return self.row or self.name

    @property
    def value(self) -> str:
        """Name of its value in what its metric measures, and of its sufficient statistics."""
        return self.corpus or self.value_of_row


@dataclass(frozen=True, kw_only=True)
class Total:
    """A number made of others."""

    key: str
    """Its name, everywhere."""
    combine: Callable[..., Any]
    """Takes the parts' values in their order: numbers, or arrays of them."""
    formula: str
    """Its own part of the signature, a pair of braces for each part's title."""
    task: int | None = None
    """The task whose numbers are its parts; None where its parts are the tasks' totals."""
    told: Mapping[str, str]
    """By reading, what the parts are; empty where its parts are the tasks' totals."""

    @property
    def place(self) -> tuple[str, ...]:
        """Where it stands in ``--json``."""
        return (self.key,)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.key

    @property
    def label(self) -> str:
        """Its name in tables."""
        return self.key

    @property
    def column(self) -> str:
        """Its column where results stand in one row each."""
        return self.key

    @property
    def better(self) -> Better:
        """Which of two values is the better one."""
        return "higher"


Declared = Number | Total
