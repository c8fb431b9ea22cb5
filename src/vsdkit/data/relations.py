"""The nine spatial relations: one table of labels, short forms, wordings and converses.

What else knows a relation derives from this table: labels in answers (``vsdkit.answers``), what a
sentence states (``vsdkit.wording``), the confusion of task 1, the rules that rewrite, and the
demo's scenes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vsdkit.errors import DataError

__all__ = ["BY_LABEL", "RELATIONS", "Relation", "find_relation", "parse_relation", "short_form"]


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a subject to an object, with all that is known of it alone."""

    label: str
    """Long form, which names the relation everywhere: the data use it."""
    wordings: tuple[str, ...]
    """What says the same of any two things, the plainest first. A sentence may state the relation
    in more ways: a window on a house is not on top of it, so "on top of" is read as ``on``
    (``vsdkit.wording``) but never written for it."""
    converses: tuple[str, ...] = ()
    """Labels that the object may have to the subject, the likeliest first."""
    short: str = ""
    """Short form that the challenge page writes; empty where it writes the label."""
    side: Literal["left", "right"] | None = None
    """Side of the object on which the subject lies, where the relation is about sides."""

    @property
    def forms(self) -> tuple[str, ...]:
        """The label and, if it has one, its short form."""
        return (self.label, self.short) if self.short else (self.label,)


# The order is that of the paper's question (LLaVA-VSD, Table 1); the short forms are those of the
# challenge's page (LLLogen/vsd-challenge.github.io). What is on something has that thing under it,
# and what is under something may be touched by it or not, so "under" has two converses. "in" has
# none among the nine; verbs such as "contains" state it.
_NINE = (
    Relation("on", ("on", "upon"), converses=("under",)),
    Relation("in", ("in", "inside", "within")),
    Relation(
        "next to", ("next to", "beside", "near", "close to"), converses=("next to",), short="next"
    ),
    Relation("under", ("under", "beneath", "below", "underneath"), converses=("above", "on")),
    Relation("above", ("above", "over"), converses=("under",)),
    Relation("behind", ("behind",), converses=("in front of",)),
    Relation("in front of", ("in front of",), converses=("behind",)),
    Relation(
        "to the left of",
        ("to the left of", "on the left side of"),
        converses=("to the right of",),
        short="left",
        side="left",
    ),
    Relation(
        "to the right of",
        ("to the right of", "on the right side of"),
        converses=("to the left of",),
        short="right",
        side="right",
    ),
)

BY_LABEL: Mapping[str, Relation] = {relation.label: relation for relation in _NINE}
"""Label to its relation."""

RELATIONS: tuple[str, ...] = tuple(BY_LABEL)
"""The labels."""

_LABELS = {form: relation.label for relation in _NINE for form in relation.forms}


def find_relation(text: str) -> str | None:
    """Return the label of a relation written long or short, in any case; None if it is none.

    >>> find_relation("Left"), find_relation("onto")
    ('to the left of', None)
    """
    return _LABELS.get(" ".join(text.lower().split()))


def parse_relation(text: str) -> str:
    """Return the label of a relation written long or short, in any case.

    Args:
        text: A form such as ``"left"`` or ``"to the left of"``; blanks around it are ignored.

    Raises:
        DataError: If it is none of the nine.

    >>> parse_relation("Left")
    'to the left of'
    """
    label = find_relation(text)
    if label is None:
        known = ", ".join(RELATIONS)
        raise DataError(f"unknown relation {text!r}; known: {known}")
    return label


def short_form(label: str) -> str:
    """Return the short form of a label, as the challenge's submission files write it.

    Any other text, as a table's "none", is returned as it is.

    >>> short_form("next to"), short_form("behind")
    ('next', 'behind')
    """
    relation = BY_LABEL.get(label)
    return relation.short if relation and relation.short else label
