"""Rewriting without a model: the same two objects and relation in another build of sentence.

A rule system and nothing more. It keeps the two objects, the words that describe their look, and
the relation, from either side; whatever else the sentence says (what a man is doing, a third
thing) is left out. It knows no grammar beyond articles and plurals.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from vsdkit.data.relations import BY_LABEL
from vsdkit.data.spans import Span
from vsdkit.diversify.guards import Ask, refuse, shared_pairs
from vsdkit.diversify.synonyms import Synonyms, load_synonyms
from vsdkit.wording import (
    find_mentions,
    find_relations,
    is_plural,
    normalise,
)

__all__ = ["RuleEngine"]

_FRAMES = (
    "there {be} {figure} {wording} {ground}.",
    "{figure} {be} {wording} {ground}.",
    "{wording} {ground} {be} {figure}.",
    "{figure} can be seen {wording} {ground}.",
    "{wording} {ground}, you can see {figure}.",
    "the picture shows {figure} {wording} {ground}.",
)
_QUANTITIES = {
    "some": "a few",
    "many": "numerous",
    "several": "some",
    "two": "a pair of",
    "various": "several",
}
_DETERMINERS = ("a", "an", "the", "this", "that", "these", "those", "his", "her", "its", "their")
_DESCRIBING = frozenset(
    """
    white black brown grey gray red blue green yellow orange pink purple tan dark bright silver
    golden large big small little tiny huge tall short long wide thin thick old young new wooden
    round square empty open closed clear cloudy shiny colorful colourful striped dirty clean wet
    dry bare stuffed parked
    """.split()  # noqa: SIM905
)
_MOST_DESCRIBING = 3


class _Candidate(NamedTuple):
    """A possible rewrite and how far it is from the plainest one; smaller is better."""

    cost: tuple[int, int, float]
    text: str


class _Noun(NamedTuple):
    """How the original names an object."""

    text: str
    determiner: str
    describing: tuple[str, ...]
    plural: bool


@dataclass(frozen=True, slots=True)
class RuleEngine:
    """Rewrites by rules; the same seed gives the same sentences."""

    seed: int = 0

    @property
    def name(self) -> str:
        """What run.json calls it."""
        return "rules"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, rewrite); the rewrite is empty where no rule gives one that the guards take.

        Args:
            asks: What to rewrite.
            attempt: Makes no difference: the rules try everything they know at once.
        """
        del attempt
        synonyms = load_synonyms()
        for ask in asks:
            yield ask.id, self._best(ask, synonyms)

    def _best(self, ask: Ask, synonyms: Synonyms) -> str:
        draw = random.Random(f"{self.seed} {ask.id} {ask.sentence}")
        candidates = sorted(_candidates(ask, synonyms, draw))
        for candidate in candidates:
            if not shared_pairs(ask, candidate.text) and refuse(ask, candidate.text) is None:
                return candidate.text
        return ""


def _candidates(ask: Ask, synonyms: Synonyms, draw: random.Random) -> Iterator[_Candidate]:
    text = normalise(ask.sentence)
    stated = find_relations(ask.sentence, ask.subject, ask.object)
    mentions = _two_mentions(text, ask)
    if not stated or mentions is None:
        return
    nouns = [_read_noun(text, span) for span in mentions]
    relation = BY_LABEL[stated[0].relations[0]]
    triples = [_Trigrams.of(other) for other in ask.others]
    sides = [(nouns[0], nouns[1], relation.wordings, 0)]
    if relation.converses:
        converse = BY_LABEL[relation.converses[0]]
        sides.append((nouns[1], nouns[0], converse.wordings, 1))
    for figure, ground, wordings, turned in sides:
        for (number, wording), frame in product(enumerate(wordings), _FRAMES):
            for (strange, one), (strange_too, other) in product(
                _phrases(figure, synonyms), _phrases(ground, synonyms)
            ):
                sentence = frame.format(
                    be="are" if figure.plural else "is",
                    figure=one,
                    ground=other,
                    wording=wording,
                )
                alike = sum(len(_Trigrams.of(sentence) & triple) for triple in triples)
                strangeness = strange + strange_too + 2 * turned + number
                yield _Candidate((alike, strangeness, draw.random()), sentence)


class _Trigrams(frozenset[tuple[str, str, str]]):
    """Three words in a row, as they stand in a sentence."""

    @classmethod
    def of(cls, sentence: str) -> _Trigrams:
        found = normalise(sentence).split()
        return cls(zip(found, found[1:], found[2:], strict=False))


def _two_mentions(text: str, ask: Ask) -> tuple[Span, Span] | None:
    """Return where the subject and the object are named, at two different places."""
    for subject, other in product(
        find_mentions(text, ask.subject), find_mentions(text, ask.object)
    ):
        if subject.end <= other.start or other.end <= subject.start:
            return subject, other
    return None


def _read_noun(text: str, span: Span) -> _Noun:
    before = text[: span.start].split()
    describing: list[str] = []
    while before and before[-1] in _DESCRIBING and len(describing) < _MOST_DESCRIBING:
        describing.insert(0, before.pop())
    last = before[-1] if before else ""
    determiner = last if last in _DETERMINERS or last in _QUANTITIES else ""
    noun = text[span.start : span.end]
    return _Noun(noun, determiner, tuple(describing), is_plural(noun))


def _phrases(noun: _Noun, synonyms: Synonyms) -> Iterator[tuple[int, str]]:
    """Yield (strangeness, phrase): describing words replaced, told behind the noun, or lost."""
    replaced = [synonyms.replacements(word)[:1] for word in noun.describing]
    told = [(4 * len(noun.describing), noun.text)]
    if noun.describing:
        be = "are" if noun.plural else "is"
        told.append((1, f"{noun.text} that {be} {' and '.join(noun.describing)}"))
        if all(replaced):
            told.append((0, " ".join([*(word[0] for word in replaced), noun.text])))
    for (strange, phrase), (number, determiner) in product(told, enumerate(_determiners(noun))):
        yield strange + number, _with_article(determiner, phrase)


def _determiners(noun: _Noun) -> tuple[str, ...]:
    """Return what may stand before a noun, the original's own first."""
    if noun.determiner in ("a", "an"):
        return ("a", "the")
    if noun.plural:
        quantity = _QUANTITIES.get(noun.determiner)
        return (quantity,) if quantity else ("the", "those")
    return ("the", "that") if noun.determiner else ("the",)


def _with_article(determiner: str, phrase: str) -> str:
    if determiner == "a" and phrase[0] in "aeiou":
        determiner = "an"
    return f"{determiner} {phrase}"
