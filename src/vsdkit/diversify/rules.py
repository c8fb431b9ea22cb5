"""The engine ``rules``: the same objects, look, action and relation in another build of sentence.

A rule system and nothing more. It keeps the two objects, the words that describe their look, what
the placed one does where a list of verbs knows it, and the relation, if it can in the sentence's
own wording; a third thing and whatever else the sentence says is left out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.relations import BY_LABEL
from vsdkit.diversify.guards import Ask, refuse
from vsdkit.diversify.reading import (
    ACTIONS,
    DESCRIBING,
    DETERMINERS,
    Noun,
    Said,
    read_ask,
)
from vsdkit.diversify.synonyms import Synonyms, load_synonyms
from vsdkit.metrics import score_mbleu4
from vsdkit.wording import words

if TYPE_CHECKING:
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["RuleEngine"]

# How much stranger or poorer a rewrite is than the plainest one. Added to its likeness to the
# sentences beside it, in points of mBLEU-4: four shared words cost 15 to 40. What SPICE makes of
# each was measured on 400 real captions (docs/rewriting.md).
_LOST_WORD = 4
"""A describing word is left out: the last resort."""
_LOST_ACTION = 2
"""What the figure does is left out."""
_OTHER_WORDING = 2
"""The relation is in another wording than the sentence's own: "beside" is another relation to SPICE
than "next to"."""
_OTHER_SIDE = 3
"""Told from the ground's side ("A behind B": "B in front of A"): the same to a person, but SPICE
finds another relation in it, and 9 points less."""
_FRONTED = 1
"""The relation stands first ("behind the couch is a man"): no other to SPICE, but seldom said."""
_POINTING = 1
"""A noun is pointed at: "that wall"."""

_PLURAL = {"a": "the", "that": "those"}


class _Phrase(NamedTuple):
    """A way to name an object."""

    cost: int
    """How strange it is, or how much it leaves out."""
    text: str
    """With its determiner."""
    again: str
    """How it is named a second time: "that wall"."""
    told: str
    """Its look where that is told behind the noun: "white and old"; empty otherwise."""
    be: str
    """Its "is" or "are"."""


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
            "rules, not a language model: they keep the two objects, their look, what one does "
            "where a list of verbs knows it, and the relation, and leave out what else a sentence "
            "says"
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

    def close(self) -> None:
        """Nothing is held."""

    def _best(self, ask: Ask, synonyms: Synonyms) -> str:
        said = read_ask(ask)
        if said is None:
            return ""
        # Seeded by the row, not once for all: its choice does not depend on the rows before it.
        rng = random.Random(f"{self.seed} {ask.id} {ask.sentence}")
        # Between equals chance decides, or every row would get the first build and the rows would
        # be alike.
        candidates = sorted(
            (strangeness, rng.random(), text) for strangeness, text in _build(said, synonyms)
        )
        best, least = "", math.inf
        for strangeness, _, text in candidates:
            # No later one can be better: they are in the order of their strangeness.
            if strangeness >= least:
                break
            if refuse(ask, text) is None:
                # What the engine is for, and how odd it sounds: mBLEU-4 is about zero where no
                # four words in a row are shared, and 15 to 40 where there are.
                cost = strangeness + _likeness(text, ask.others)
                if cost < least:
                    best, least = text, cost
        return best


def _likeness(text: str, others: Sequence[str]) -> float:
    """Return mBLEU-4 of a sentence and those it stands beside, 0 to 100."""
    triple = [words(sentence) for sentence in (text, *others)]
    fours = [ngram for sentence in triple for ngram in _fours(sentence)]
    # Most triples share no four words, and to see that is far quicker than to count all n-grams.
    return score_mbleu4([triple]).mean if len(set(fours)) < len(fours) else 0.0


def _fours(sentence: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(sentence, sentence[1:], sentence[2:], sentence[3:], strict=False))


def _build(said: Said, synonyms: Synonyms) -> Iterator[tuple[int, str]]:
    """Yield (strangeness, sentence): every sentence that the rules can build of what is said.

    They are the product of: the side the relation is told from, its wordings, the phrases of each
    of the two objects, and the frames.
    """
    figures = list(_phrases(said.figure, synonyms))
    grounds = list(_phrases(said.ground, synonyms))
    relation = BY_LABEL[said.relation]
    for (cost, wording), figure, ground in product(_wordings(said), figures, grounds):
        for more, text in _frames(figure, ground, wording, said.action):
            yield cost + figure.cost + ground.cost + more, text
    # "A behind B" may be told from the other side as "B in front of A", unless the relation has
    # no converse ("in").
    if relation.converses:
        turned = enumerate(BY_LABEL[relation.converses[0]].wordings)
        lost = _OTHER_SIDE + _LOST_ACTION * bool(said.action)
        for (cost, wording), figure, ground in product(turned, grounds, figures):
            for more, text in _frames(figure, ground, wording, ""):
                yield lost + cost + figure.cost + ground.cost + more, text


def _wordings(said: Said) -> list[tuple[int, str]]:
    """Return (strangeness, wording) of what the figure is to the ground."""
    relation = BY_LABEL[said.relation]
    found = [said.wording] if said.wording else []
    if relation.side:
        # Three of four words differ from "to the left of", which sentence 1 has, and SPICE sees
        # the same: a left, and what it is of.
        found = [f"on the {relation.side} of", *found]
    found += [wording for wording in relation.wordings if wording not in found]
    plain = 2 if relation.side and said.wording else 1
    return [
        (0 if number < plain else _OTHER_WORDING + number - plain, wording)
        for number, wording in enumerate(found)
    ]


def _frames(
    figure: _Phrase, ground: _Phrase, wording: str, action: str
) -> Iterator[tuple[int, str]]:
    """Yield (strangeness, sentence) of two phrases and a wording."""
    be = figure.be
    place = f"{wording} {ground.text}"
    lost = _LOST_ACTION if action else 0
    before = ""
    if ground.told:
        before = f"{ground.text} {ground.be} {ground.told}, and "
        place = f"{wording} {ground.again}"
    if figure.told:
        yield lost, f"{before}{figure.text} {place} {be} {figure.told}."
        return
    if action:
        finite = ACTIONS[action][be == "are"]
        yield 0, f"{before}{figure.text} {finite} {place}."
        yield 0, f"{before}{figure.text} {be} {action} {place}."
    yield lost, f"{before}{figure.text} {be} {place}."
    yield lost, f"{before}there {be} {figure.text} {place}."
    yield lost, f"{before}you can see {figure.text} {place}."
    yield lost, f"{before}{figure.text} can be seen {place}."
    if before:
        return
    yield lost, f"here {be} {figure.text} {place}."
    # Of sentences that begin alike the first n-grams are shared, so one begins otherwise.
    yield lost + _FRONTED, f"{place} {be} {figure.text}."


def _phrases(noun: Noun, synonyms: Synonyms) -> Iterator[_Phrase]:
    """Yield the ways to name an object: its look before the noun, told behind it, or lost."""
    be = "are" if noun.plural else "is"
    ways = [(0, noun.text, "")]
    if noun.describing:
        # Before the noun in both orders and with every synonym; which of them keep two words that
        # stand together in the original is for the guard to say.
        orders = dict.fromkeys((noun.describing, noun.describing[::-1]))
        ways = [
            (cost, " ".join([*chosen, noun.text]), "")
            for cost, order in enumerate(orders)
            for chosen in product(*([word, *_near(word, synonyms)] for word in order))
        ]
        ways.append((1, noun.text, " and ".join(noun.describing)))
        ways.append((_LOST_WORD * len(noun.describing), noun.text, ""))
    again = "those" if noun.plural else "that"
    for (cost, text, told), (more, determiner) in product(ways, _determiners(noun)):
        yield _Phrase(
            cost + more, _with_article(determiner, text), f"{again} {noun.text}", told, be
        )


def _near(word: str, synonyms: Synonyms) -> list[str]:
    """Return the synonyms of a describing word that are such words themselves.

    The list of synonyms knows no parts of speech: of "thick" it holds "thickly", of "small"
    "modest", of "blue" "gloomy".
    """
    return [one for one in synonyms.replacements(word) if one in DESCRIBING]


def _determiners(noun: Noun) -> list[tuple[int, str]]:
    """Return (strangeness, what may stand before a noun)."""
    found = list(DETERMINERS.get(noun.determiner, ("the", "that")))
    if noun.plural:
        found = [_PLURAL.get(one, one) for one in found]
    elif "a few" in found:
        # "some water"
        found.remove("a few")
    return [(_POINTING if one in ("that", "those") else 0, one) for one in dict.fromkeys(found)]


def _with_article(determiner: str, phrase: str) -> str:
    if determiner == "a" and phrase[0] in "aeiou":
        determiner = "an"
    return f"{determiner} {phrase}"
