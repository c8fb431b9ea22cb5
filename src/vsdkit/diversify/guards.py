"""Guards: whether a rewritten sentence may take the place of the original, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vsdkit.wording import find_mentions, find_relations, normalise

__all__ = ["Ask", "Refusal", "refuse", "shared_pairs", "stated_relations"]

Refusal = Literal["no sentence", "lost object", "lost relation", "kept words"]
"""Why a reply is not taken."""

_ARTICLES = ("a", "an", "the")


@dataclass(frozen=True, slots=True)
class Ask:
    """A sentence to rewrite."""

    id: str
    """The item's id."""
    sentence: str
    """The original."""
    subject: str
    """Tag of the subject."""
    object: str
    """Tag of the object."""
    relations: frozenset[str]
    """What the original, or else a sentence beside it, says the subject may be to the object."""
    others: tuple[str, ...]
    """The two sentences it stands beside, in their order."""


def stated_relations(sentences: Iterable[str], subject: str, object_: str) -> frozenset[str]:
    """Return what the first sentence that states a relation says; empty if none does.

    Args:
        sentences: The sentence to rewrite first, then those that stand beside it.
        subject: Tag of the subject.
        object_: Tag of the object.
    """
    for sentence in sentences:
        found = find_relations(sentence, subject, object_)
        if found:
            return frozenset(relation for one in found for relation in one.relations)
    return frozenset()


def refuse(ask: Ask, reply: str) -> Refusal | None:
    """Return why a reply may not take the original's place, or None if it may.

    It must name both objects by their tags' nouns, state a relation that the original states, from
    either side, and share no two consecutive words with it but those that are exempt.
    """
    text = normalise(reply)
    if not text:
        return "no sentence"
    if not find_mentions(text, ask.subject) or not find_mentions(text, ask.object):
        return "lost object"
    if not ask.relations & stated_relations([reply], ask.subject, ask.object):
        return "lost relation"
    return "kept words" if shared_pairs(ask, reply) else None


def shared_pairs(ask: Ask, reply: str) -> set[tuple[str, str]]:
    """Return the pairs of consecutive words that a reply shares with the original.

    Pairs inside a tag, of a tag and its article, and inside the wording of the relation are
    exempt: without them the objects and the relation could hardly be named again.
    """
    shared = set(_pairs(normalise(ask.sentence))) & set(_pairs(normalise(reply)))
    # What is exempt takes far longer to find, and most replies share nothing.
    if not shared:
        return shared
    return shared - _exempt(ask.sentence, ask) - _exempt(reply, ask)


def _exempt(sentence: str, ask: Ask) -> set[tuple[str, str]]:
    """Return the pairs without which a sentence could not name its objects and relation."""
    text = normalise(sentence)
    exempt: set[tuple[str, str]] = set()
    for tag in (ask.subject, ask.object):
        for start, end in find_mentions(text, tag):
            before = text[:start].split()[-1:]
            article = [word for word in before if word in _ARTICLES]
            exempt.update(_pairs(" ".join([*article, text[start:end]])))
    for one in find_relations(sentence, ask.subject, ask.object):
        exempt.update(_pairs(text[one.wording.start : one.wording.end]))
    return exempt


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    found = text.split()
    return pairwise(found)
