"""What the sentences of tasks 2 and 3 say: are both objects named, and which relation is stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from vsdkit.data.records import GoldRow
from vsdkit.wording import find_mentions, find_relations, normalise

__all__ = ["Sentence", "StatementCounts", "count_statements", "read_sentence"]


@dataclass(frozen=True)
class Sentence:
    """What one sentence says about the two objects of its row, held against gold."""

    subject_named: bool = False
    """Whether it names the subject."""
    object_named: bool = False
    """Whether it names the object."""
    stated: tuple[str, ...] = ()
    """Every relation of the subject to the object that it may state, in the order of its words,
    the likeliest of a wording first."""
    phrase: bool = False
    """Whether it holds the words of a gold label, wherever they stand."""
    strict: bool = False
    """Whether it states a gold relation from the subject's side, and no wording leaves another one
    likelier: "the pole is in front of the man"."""
    agrees: bool = False
    """Whether it states a gold relation at all, from either side: "the man is behind the pole" as
    well."""


@dataclass(frozen=True)
class StatementCounts:
    """What a number of sentences say, counted."""

    sentences: int
    """All of them."""
    subject_named: int
    """Those that name the subject."""
    object_named: int
    """Those that name the object."""
    both_named: int
    """Those that name both; only these can state a relation."""
    stated: int
    """Those in which a relation of the two was found."""
    phrase: int
    """Those that hold the words of a gold label."""
    strict: int
    """Those that state a gold relation from the subject's side."""
    agrees: int
    """Those that state a gold relation from either side."""
    instead: Mapping[str, int] = field(default_factory=dict)
    """Of those that state other relations only, the likeliest one, counted."""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, and the agreement in percent of all sentences."""
        counts = asdict(self)
        shares = ("both_named", "stated", "phrase", "strict", "agrees")
        return counts | {f"{name}_percent": self.percent(name) for name in shares}

    def percent(self, name: str) -> float | None:
        """Return a count in percent of all sentences; None if there is none."""
        count: int = getattr(self, name)
        return 100 * count / self.sentences if self.sentences else None


def read_sentence(text: str, gold: GoldRow) -> Sentence:
    """Return what a sentence says about the two objects of a gold row.

    Args:
        text: The sentence; empty for an answer that is missing.
        gold: The row; without relations nothing can agree.
    """
    return _read(text, gold.subject, gold.object, gold.relations)


def count_statements(sentences: Iterable[Sentence]) -> StatementCounts:
    """Return what the sentences say, counted."""
    kept = list(sentences)
    return StatementCounts(
        sentences=len(kept),
        subject_named=sum(one.subject_named for one in kept),
        object_named=sum(one.object_named for one in kept),
        both_named=sum(one.subject_named and one.object_named for one in kept),
        stated=sum(bool(one.stated) for one in kept),
        phrase=sum(one.phrase for one in kept),
        strict=sum(one.strict for one in kept),
        agrees=sum(one.agrees for one in kept),
        instead=dict(Counter(_instead(kept)).most_common()),
    )


def _instead(sentences: Sequence[Sentence]) -> Iterator[str]:
    return (one.stated[0] for one in sentences if one.stated and not one.agrees)


# A reader of many files sees "T1 R T2." three times a row and the same baselines again and again.
@lru_cache(maxsize=65_536)
def _read(text: str, subject: str, object_: str, relations: tuple[str, ...]) -> Sentence:
    normal = normalise(text)
    found = find_relations(text, subject, object_)
    return Sentence(
        # A relation is only found between two that are named.
        subject_named=bool(found or find_mentions(normal, subject)),
        object_named=bool(found or find_mentions(normal, object_)),
        stated=tuple(dict.fromkeys(relation for one in found for relation in one.relations)),
        phrase=any(f" {relation} " in f" {normal} " for relation in relations),
        strict=any(not one.turned and one.relations[0] in relations for one in found),
        agrees=any(relation in one.relations for one in found for relation in relations),
    )
