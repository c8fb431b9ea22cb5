"""What the rules understand of a sentence: two nouns with their look, an action, a relation."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from vsdkit.data.relations import BY_LABEL
from vsdkit.data.spans import Span
from vsdkit.diversify.guards import Ask
from vsdkit.wording import Stated, find_mentions, find_relations, is_plural, normalise

__all__ = ["ACTIONS", "DESCRIBING", "DETERMINERS", "Noun", "Said", "read_ask"]

DETERMINERS = {
    **dict.fromkeys(("a", "an"), ("a", "the", "that")),
    **dict.fromkeys(("the", "this", "that", "his", "her", "its", "their"), ("the", "that")),
    **dict.fromkeys(("these", "those"), ("the", "those")),
    "another": ("the other",),
    "some": ("the", "a few"),
    "many": ("numerous",),
    "several": ("some",),
    "two": ("a pair of", "the"),
    "various": ("several",),
}
"""What may stand before a noun, to what may take its place; "the" says less than "some" or "two",
but no other thing."""

DESCRIBING = frozenset(
    """
    white black brown grey gray red blue green yellow orange pink purple tan dark bright brilliant
    silver golden large big small little tiny huge tall short long wide broad thin thick old young
    new wooden round square empty open closed shut clear cloudy shiny shining colorful colourful
    striped dirty clean wet dry bare stuffed parked
    """.split()  # noqa: SIM905
)
"""Written by hand: colours, sizes, shapes and states, which stay true in another build of sentence.
A word that is not here ends the search, since it may belong to something else ("man holding a")."""

# "The lamp is large and white and old" is as long as such a sentence may get.
_MOST_DESCRIBING = 3

ACTIONS = {
    "standing": ("stands", "stand"),
    "sitting": ("sits", "sit"),
    "lying": ("lies", "lie"),
    "laying": ("lies", "lie"),
    "hanging": ("hangs", "hang"),
    "leaning": ("leans", "lean"),
    "resting": ("rests", "rest"),
    "growing": ("grows", "grow"),
    "walking": ("walks", "walk"),
    "running": ("runs", "run"),
    "riding": ("rides", "ride"),
    "driving": ("drives", "drive"),
    "traveling": ("travels", "travel"),
    "moving": ("moves", "move"),
    "flying": ("flies", "fly"),
    "floating": ("floats", "float"),
    "swimming": ("swims", "swim"),
    "playing": ("plays", "play"),
    "kneeling": ("kneels", "kneel"),
    "shining": ("shines", "shine"),
}
"""What an object may do where it is: the form in -ing to those of one and of many."""

_ING = {form: ing for ing, forms in reversed(ACTIONS.items()) for form in (ing, *forms)}
_ING["laying"] = "laying"
# Between a noun and what it does or is; "that" and "who" begin the same statement.
_JOINTS = ("is", "are", "was", "were", "that", "which", "who", "and")
# First words of wordings that can stand in any build. Verbs ("wearing", "contains") cannot: they
# would need a form of their own, so the relation's plain wording takes their place.
_PREPOSITIONS = frozenset(
    """
    on upon onto atop in inside within into at to by near next beside besides close under
    underneath beneath below above over behind along alongside around against across outside
    before adjacent
    """.split()  # noqa: SIM905
)


class Noun(NamedTuple):
    """How the sentences name an object."""

    text: str
    """The tag as the sentence has it, normalised."""
    determiner: str
    """Its article, possessive or quantity, of ``DETERMINERS``; empty if there is none."""
    describing: tuple[str, ...]
    """Words for its look, in their order: before the noun, then behind "is"."""
    plural: bool
    """Whether the verb is "are"."""


class Said(NamedTuple):
    """What is said of an ask's two objects."""

    figure: Noun
    """What is placed, in linguists' words the figure."""
    ground: Noun
    """What it is placed by."""
    relation: str
    """Label of what the figure is to the ground; of several that the wording leaves open the
    likeliest."""
    wording: str
    """The sentence's own wording of it; empty where that cannot stand in another build."""
    action: str
    """What the figure does there, in its form in -ing; empty if no verb of the list says it."""


def read_ask(ask: Ask) -> Said | None:
    """Return what a sentence says of its two objects; None where nothing can be built from it.

    Where the sentence states no relation between the two, or does not name both, the relation and
    the missing noun are those of the first sentence beside it that states one: the guard asks for
    the same.
    """
    for sentence in (ask.sentence, *ask.others):
        text = normalise(sentence)
        stated = find_relations(sentence, ask.subject, ask.object)
        mentions = _two_mentions(text, ask)
        if stated and mentions:
            return _read(ask, text, stated[0], mentions)
    return None


def _read(ask: Ask, text: str, stated: Stated, mentions: tuple[Span, Span]) -> Said:
    own = normalise(ask.sentence)
    subject, other = mentions
    placed = _noun_of(own, text, ask.subject, subject)
    ground = _noun_of(own, text, ask.object, other)
    wording = text[stated.wording.start : stated.wording.end]
    label = stated.relations[0]
    converses = BY_LABEL[label].converses
    if wording.split()[0] not in _PREPOSITIONS or (stated.turned and not converses):
        return Said(placed, ground, label, "", "")
    if stated.turned:
        subject, other = other, subject
        placed, ground = ground, placed
        label = converses[0]
    action, look = _behaviour(_behind_figure(text, subject, other, stated.wording))
    figure = placed._replace(describing=(*placed.describing, *look)[:_MOST_DESCRIBING])
    return Said(figure, ground, label, wording, action)


def _noun_of(own: str, text: str, tag: str, span: Span) -> Noun:
    """Return an object's noun as the sentence to rewrite has it, or else as its neighbour has it.

    Args:
        own: The sentence to rewrite, normalised.
        text: The sentence that states the relation: the same one, or a neighbour.
        tag: The object's tag.
        span: Where ``text`` names it.
    """
    found = [] if text == own else find_mentions(own, tag)
    return _read_noun(own, found[0]) if found else _read_noun(text, span)


def _read_noun(text: str, span: Span) -> Noun:
    """Return an object's mention with the words that belong to it, read backwards from it."""
    before = text[: span.start].split()
    describing: list[str] = []
    while before and before[-1] in DESCRIBING and len(describing) < _MOST_DESCRIBING:
        describing.insert(0, before.pop())
        # "a black and white cat"
        if before[-1:] == ["and"] and before[-2:-1] and before[-2] in DESCRIBING:
            before.pop()
    last = before[-1] if before else ""
    determiner = last if last in DETERMINERS else ""
    noun = text[span.start : span.end]
    return Noun(noun, determiner, tuple(describing), is_plural(noun))


def _behind_figure(text: str, figure: Span, ground: Span, wording: Span) -> list[str]:
    """Return the words that may say what the figure does or is."""
    if figure.end <= wording.start:
        return text[figure.end : wording.start].split()
    # "behind the man stands a pole": its verb alone; what else stands there is the ground's.
    return text[ground.end : figure.start].split()[:1] if ground.end <= figure.start else []


def _behaviour(behind: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return an action and describing words, read up to the first word that is neither."""
    look: list[str] = []
    for word in behind:
        if word in _ING:
            return _ING[word], tuple(look)
        if word in DESCRIBING:
            look.append(word)
        elif word not in _JOINTS:
            break
    return "", tuple(look)


def _two_mentions(text: str, ask: Ask) -> tuple[Span, Span] | None:
    """Return where the subject and the object are named, at two different places."""
    for subject, other in product(
        find_mentions(text, ask.subject), find_mentions(text, ask.object)
    ):
        if subject.end <= other.start or other.end <= subject.start:
            return subject, other
    return None
