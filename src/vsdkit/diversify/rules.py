"""The engine ``rules``: the same two objects and relation in another build of sentence.

A rule system and nothing more. It keeps the two objects, the words that describe their look, and
the relation, from either side; whatever else the sentence says (what a man is doing, a third
thing) is left out. It knows no grammar beyond articles and plurals.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.relations import BY_LABEL
from vsdkit.data.spans import Span
from vsdkit.diversify.guards import Ask, refuse
from vsdkit.diversify.synonyms import Synonyms, load_synonyms
from vsdkit.wording import (
    find_mentions,
    find_relations,
    is_plural,
    normalise,
)

if TYPE_CHECKING:
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["RuleEngine"]

# "figure" is the object that is placed, "ground" the one it is placed by. Two frames begin with the
# relation: of sentences that begin alike, the first n-grams are shared.
_FRAMES = (
    "there {be} {figure} {wording} {ground}.",
    "{figure} {be} {wording} {ground}.",
    "{wording} {ground} {be} {figure}.",
    "{figure} can be seen {wording} {ground}.",
    "{wording} {ground}, you can see {figure}.",
    "the picture shows {figure} {wording} {ground}.",
)
# A quantity to another that says about as much; "two" is the only exact one.
_QUANTITIES = {
    "some": "a few",
    "many": "numerous",
    "several": "some",
    "two": "a pair of",
    "various": "several",
}
_DETERMINERS = ("a", "an", "the", "this", "that", "these", "those", "his", "her", "its", "their")
# Written by hand: colours, sizes, shapes and states, which stay true in another build of sentence.
# A word that is not here ends the search, since it may belong to something else ("man holding a").
_DESCRIBING = frozenset(
    """
    white black brown grey gray red blue green yellow orange pink purple tan dark bright silver
    golden large big small little tiny huge tall short long wide thin thick old young new wooden
    round square empty open closed clear cloudy shiny colorful colourful striped dirty clean wet
    dry bare stuffed parked
    """.split()  # noqa: SIM905
)
# "The lamp that is large and white and old" is as long as such a sentence may get.
_MOST_DESCRIBING = 3


class _Candidate(NamedTuple):
    """A possible rewrite; that of the smallest cost is tried first."""

    cost: tuple[int, int, float]
    """Trigrams shared with sentences 1 and 3, strangeness, chance."""
    text: str
    """The sentence."""


class _Noun(NamedTuple):
    """How the original names an object."""

    text: str
    """The tag as the sentence has it, normalised."""
    determiner: str
    """Article, possessive or quantity before it; empty if there is none."""
    describing: tuple[str, ...]
    """Describing words between the determiner and the noun, in their order."""
    plural: bool
    """Whether the verb is "are"."""


@dataclass(frozen=True, slots=True)
class RuleEngine:
    """Rewrites by rules; the same seed gives the same sentences."""

    seed: int = 0
    """Decides between rewrites that are equally good."""

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> RuleEngine:
        """Make the engine."""
        return cls(settings.seed)

    @property
    def name(self) -> str:
        """What the report and run.json call it."""
        return "rules"

    @property
    def attempts(self) -> int:
        """One, whatever the settings say: the rules try everything they know at once."""
        return 1

    @property
    def note(self) -> str:
        """What they are and what they leave out."""
        return (
            "rules, not a language model: they keep the two objects, their look and the relation, "
            "and leave out what else a sentence says"
        )

    @property
    def identity(self) -> Mapping[str, Any]:
        """The seed; no model is asked, and nothing has a prompt."""
        return {"model": None, "prompt": None, "seed": self.seed}

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, rewrite); the rewrite is empty where no rule gives one that the guards take.

        Args:
            asks: What to rewrite.
            attempt: Makes no difference: there is one attempt.

        Raises:
            MissingInputError: If pycocoevalcap's synonyms are not there.
        """
        del attempt
        synonyms = load_synonyms()
        for ask in asks:
            yield ask.id, self._best(ask, synonyms)

    def _best(self, ask: Ask, synonyms: Synonyms) -> str:
        # Seeded by the row, not once for all: its choice does not depend on the rows before it.
        rng = random.Random(f"{self.seed} {ask.id} {ask.sentence}")
        for candidate in sorted(_candidates(ask, synonyms, rng), key=lambda one: one.cost):
            if refuse(ask, candidate.text) is None:
                return candidate.text
        return ""


def _candidates(ask: Ask, synonyms: Synonyms, rng: random.Random) -> Iterator[_Candidate]:
    """Yield every sentence the rules can build of an ask's objects and relation.

    They are the product of: the side the relation is told from, its wordings, the frames, and the
    phrases of each of the two objects.
    """
    text = normalise(ask.sentence)
    stated = find_relations(ask.sentence, ask.subject, ask.object)
    mentions = _two_mentions(text, ask)
    # Where only a neighbour states the relation there is nothing to build from: ``ask.relations``
    # holds what it may be, in no order.
    if not stated or mentions is None:
        return
    nouns = [_read_noun(text, span) for span in mentions]
    # A wording may leave open which of two relations is meant ("on top of"): the likelier is first.
    relation = BY_LABEL[stated[0].relations[0]]
    triples = [_trigrams(other) for other in ask.others]
    # In linguists' words the figure is what is placed, the ground is where; "A behind B" may be
    # told from the other side as "B in front of A", unless the relation has no converse ("in").
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
                # First what the engine is for: three words in a row are what n-grams of mBLEU-4
                # share. Then how odd it sounds: far wordings of a relation, and its other side,
                # which counts as two. Between equals chance decides, or every row would get the
                # first frame and the rows would be alike.
                alike = sum(len(_trigrams(sentence) & triple) for triple in triples)
                strangeness = strange + strange_too + 2 * turned + number
                yield _Candidate((alike, strangeness, rng.random()), sentence)


def _trigrams(sentence: str) -> set[tuple[str, str, str]]:
    found = normalise(sentence).split()
    return set(zip(found, found[1:], found[2:], strict=False))


def _two_mentions(text: str, ask: Ask) -> tuple[Span, Span] | None:
    """Return where the subject and the object are named, at two different places."""
    for subject, other in product(
        find_mentions(text, ask.subject), find_mentions(text, ask.object)
    ):
        if subject.end <= other.start or other.end <= subject.start:
            return subject, other
    return None


def _read_noun(text: str, span: Span) -> _Noun:
    """Return an object's mention with the words that belong to it, read backwards from it."""
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
    # Losing words is the last resort: 4 a word, where the other side of the relation costs 2.
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
