"""Read which relation a sentence states about two objects.

A rule system. It reads a sentence as words, finds where the two objects are named and which
wording of a relation stands between or before them, and takes the object that follows a wording
as its ground: "behind the man stands a pole" and "a pole is behind the man" say the same. It knows
neither grammar nor what an image shows; ``docs/wording.md`` has what it gets right on real
captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from vsdkit.data.relations import BY_LABEL, RELATIONS
from vsdkit.data.spans import Span

__all__ = [
    "Stated",
    "find_mentions",
    "find_relations",
    "head_word",
    "is_plural",
    "normalise",
    "words",
]


class _Rule(NamedTuple):
    """Wordings that state the same, beyond the plain ones of ``data.relations``."""

    relations: tuple[str, ...]
    """What the figure may be to the ground, the likeliest first."""
    pattern: str = ""
    """Regular expression of the wordings, in normalised words; empty if the plain ones are all."""
    plain: bool = True
    """Whether the plain wordings of the first relation are read so, too."""
    ground_first: bool = False
    """Whether the ground stands before the wording: "the box contains a ball"."""


_SIDE = (
    r"(?:(?:to|on|at|in|off to|towards?|by|from) )?(?:(?:the|its|his|her|their) )?"
    r"(?:(?:far|upper|lower|immediate|very|outer|inner|direct) )?{side}(?: hand)?"
    r"(?: (?:side|edge|corner|part|end))?(?: (?:of|from)| to the)"
)
_ANY_SIDE = r"(?:(?:the|one|either|this|that|a|each|both) )?(?:sides?|edge) of"

# Made on every second item of the public validation split (docs/wording.md). At one place of a
# sentence the first rule that fits counts, so "in front of" and "on top of" stand before "in" and
# "on"; inside a rule the longer wording stands before the shorter one that begins it.
_RULES = (
    *(
        _Rule((relation.label,), _SIDE.format(side=relation.side))
        for relation in BY_LABEL.values()
        if relation.side
    ),
    _Rule(
        ("in front of",),
        r"(?:in|at|to) (?:the )?(?:very )?front(?: side)? of|infront of|ahead of|before",
    ),
    _Rule(("behind",), r"(?:in|at|to) (?:(?:the )?(?:back|rear)(?: side)? of)|behind of"),
    _Rule(
        ("on", "above"),
        r"on (?:the )?(?:very )?tops? of|atop(?: of)?|(?:at|to) the top of",
        plain=False,
    ),
    _Rule(("under",), r"underneath of|at the (?:bottom|foot|base) of"),
    # Part of the wall, or what stands at it: the two are told apart by the things only.
    _Rule(("under", "on"), r"on (?:the )?(?:bottom|foot|base) of", plain=False),
    _Rule(("next to", "on"), rf"on {_ANY_SIDE}", plain=False),
    _Rule(("above", "on"), r"over the top of|higher than"),
    _Rule(
        ("next to",),
        r"besides|near(?: to|by)|alongside(?: of)?|along|adjacent to|by"
        rf"|(?:at|by|along|to) {_ANY_SIDE}|side by side with|against|at|around|outside(?: of)?",
    ),
    _Rule(
        ("in", "on"), r"(?:in|at|on) (?:the )?(?:middle|center|centre|midst|corner) of", plain=False
    ),
    _Rule(("in",), r"into(?: of)?|in(?:side)? of|surrounded by|filled with"),
    _Rule(("on",), r"onto|across"),
    _Rule(
        ("in",),
        r"contain(?:s|ing)?|enclos(?:es|ing)|surround(?:s|ing)|full of",
        plain=False,
        ground_first=True,
    ),
    _Rule(
        ("on",),
        r"support(?:s|ing)?|carr(?:y|ies|ying)|topped with",
        plain=False,
        ground_first=True,
    ),
    # A man who wears a shirt is in it; the hat he wears is on him.
    _Rule(("in", "under"), r"wear(?:s|ing)?", plain=False),
    _Rule(("on", "above"), r"cover(?:s|ing)", plain=False),
    _Rule(("under", "on"), r"covered (?:by|with|in)", plain=False),
)
# For labels of one's own: a relation without a rule is read by its plain wordings, before the
# shorter ones that may begin them; rules of relations that are not in the table fall away.
_READ_BY_RULE = {rule.relations[0] for rule in _RULES if rule.plain}
_RULES = (
    *(_Rule((label,)) for label in RELATIONS if label not in _READ_BY_RULE),
    *(rule for rule in _RULES if BY_LABEL.keys() >= set(rule.relations)),
)


def _alternatives(rule: _Rule) -> str:
    plain = BY_LABEL[rule.relations[0]].wordings if rule.plain else ()
    return "|".join([*filter(None, [rule.pattern]), *map(re.escape, plain)])


# A word ends where no character but a blank follows: \b would end one at the dot of "t.v".
_WORDING = re.compile(
    r"(?<!\S)(?:"
    + "|".join(f"(?P<p{number}>{_alternatives(rule)})" for number, rule in enumerate(_RULES))
    + r")(?!\S)"
)
# Verbs and joints behind which something else is told: "on the left is a lamp".
_BREAK = re.compile(
    r"(?<!\S)(?:is|are|was|were|has|have|that|which|who|while|with|there|can|stands?|sits?)(?!\S)"
)
_WORDS_BETWEEN = 5
"""Most words between a wording and its ground, as in "behind the two old red brick houses". More
find no further caption on the items that the rules were made on, three find fewer."""

_PRONOUNS = re.compile(r" (?:it|him|her|them|itself|himself|herself|themselves)(?!\S)")
# A word may hold hyphens and dots ("t-shirt", "t.v."); a possessive is a word of its own.
_WORD = re.compile(r"[^\W_]+(?:[-.][^\W_]+)*|'s?(?!\w)")

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot",
    "teeth": "tooth", "mice": "mouse", "geese": "goose", "leaves": "leaf", "shelves": "shelf",
    "knives": "knife", "wolves": "wolf", "loaves": "loaf", "halves": "half", "scarves": "scarf",
    "calves": "calf", "lives": "life", "wives": "wife",
}  # fmt: skip
_SHORTEST_PLURAL = 4
"""Letters: "bus" and "gas" are no plurals; "legs" may be one."""

_SINGULAR_IN_S = ("canvas",)
"""Nouns in -s that no rule of ``singular`` keeps as they are."""


class Stated(NamedTuple):
    """One statement about the two objects."""

    relations: tuple[str, ...]
    """What the subject may be to the object, the likeliest first; more than one where a wording
    leaves it open, as "the table is under the cup" does between on and above."""
    wording: Span
    """Where the wording stands in the normalised sentence."""
    turned: bool
    """Whether the sentence says it from the object's side: "the table is under the cup"."""


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case, without punctuation.

    >>> words("A man's T-shirt, on the bed.")
    ('a', 'man', "'s", 't-shirt', 'on', 'the', 'bed')
    """
    return tuple(_WORD.findall(text.lower().replace("\u2019", "'")))


def normalise(text: str) -> str:
    """Return the words of a text with one blank between them."""
    return " ".join(words(text))


def head_word(tag: str) -> str:
    """Return the noun that a tag is about.

    >>> head_word("street light"), head_word("pair of shoes")
    ('light', 'pair')
    """
    parts = words(tag)
    if not parts:
        return ""
    cut = next(
        (n for n, word in enumerate(parts) if n and word in ("of", "in", "on", "with")), None
    )
    return parts[len(parts) - 1 if cut is None else cut - 1]


def is_plural(noun: str) -> bool:
    """Say whether the last word of a noun is in the plural, by its form.

    >>> is_plural("traffic lights"), is_plural("men"), is_plural("glass")
    (True, True, False)
    """
    last = noun.split()[-1]
    return singular(last) != last


def find_mentions(text: str, tag: str) -> list[Span]:
    """Return where a normalised sentence names an object: the whole tag, or else its noun.

    Singular and plural count as the same.

    Args:
        text: A sentence from ``normalise``.
        tag: The object's tag.
    """
    parts = words(tag)
    if not parts:
        return []
    spans = _find_sequence(text, tuple(map(singular, parts)))
    if not spans:
        spans = _find_sequence(text, (singular(head_word(tag)),))
    return spans


def find_relations(sentence: str, subject: str, object_: str) -> list[Stated]:
    """Return what a sentence states about two objects, in the order of its words.

    Args:
        sentence: Any sentence.
        subject: Tag of the subject.
        object_: Tag of the object.

    Returns:
        Nothing if an object is not named or no wording joins them.

    >>> find_relations("Behind the man stands a pole.", "pole", "man")[0].relations
    ('behind',)
    >>> find_relations("the man is in front of the pole", "pole", "man")[0].relations
    ('behind',)
    """
    text = normalise(sentence)
    subjects, objects = find_mentions(text, subject), find_mentions(text, object_)
    if not subjects or not objects:
        return []
    found = []
    wordings = [(Span(*match.span()), _rule_of(match)) for match in _WORDING.finditer(text)]
    # "above" in the tag "sign above door" states nothing.
    named = [*subjects, *objects]
    wordings = [one for one in wordings if not any(_overlap(one[0], span) for span in named)]
    for number, (span, rule) in enumerate(wordings):
        follower = wordings[number + 1][0].start if number + 1 < len(wordings) else len(text)
        for turned in _directions(text, span, follower, subjects, objects):
            # Both ways round twice over: "the crate contains a lamp" has the object first and a
            # wording that takes it first, so it states what the lamp is to the crate.
            kept = rule.relations if turned == rule.ground_first else _converse(rule.relations)
            if kept:
                found.append(Stated(kept, span, turned))
    return found


def _rule_of(match: re.Match[str]) -> _Rule:
    # Groups are named p0, p1, ... and nothing inside them is a group: the last one is the rule's.
    return _RULES[int((match.lastgroup or "p0")[1:])]


def _directions(
    text: str, wording: Span, follower: int, subjects: list[Span], objects: list[Span]
) -> Iterator[bool]:
    """Yield False if the object follows the wording, True if the subject does; both may.

    With "it" or "them" behind the wording the object named first is meant.

    Args:
        text: A normalised sentence.
        wording: Where the wording stands.
        follower: Where the next wording begins; what stands behind that is its own.
        subjects: Where the subject is named.
        objects: Where the object is named.
    """
    pronoun = _PRONOUNS.match(text, wording.end)
    if pronoun:
        # "a crate with a lamp behind it": the lamp, named last, is the figure, and "it" the other.
        before = [(span, False) for span in subjects] + [(span, True) for span in objects]
        before = sorted(one for one in before if one[0].end <= wording.start)
        if before and any(side != before[-1][1] for _, side in before):
            yield before[-1][1]
        return
    for turned, grounds, figures in ((False, objects, subjects), (True, subjects, objects)):
        after = [span for span in grounds if span.start >= wording.end and span.start < follower]
        # Two tags may share words ("car" and "car door"): a figure must be named apart from the
        # ground.
        if not after or not any(not _overlap(after[0], figure) for figure in figures):
            continue
        between = text[wording.end : after[0].start]
        # A figure between a wording and the ground is what the wording is about: "on the left
        # a lamp, a crate" says nothing of the crate.
        nearer = any(wording.end <= span.start < after[0].start for span in figures)
        if not nearer and len(between.split()) <= _WORDS_BETWEEN and not _breaks(between):
            yield turned


def _breaks(between: str) -> bool:
    """Say whether the words between a wording and an object begin something new."""
    # Right behind the wording "that" points at the object: "behind that lamp".
    return bool(_BREAK.search(between.removeprefix(" that")))


def _converse(relations: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(back for relation in relations for back in BY_LABEL[relation].converses)
    )


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < _SHORTEST_PLURAL or word.endswith(("ss", "us")) or word in _SINGULAR_IN_S:
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word.removesuffix("s")


def _find_sequence(text: str, parts: tuple[str, ...]) -> list[Span]:
    spans, singular = _split(text)
    width = len(parts)
    return [
        Span(spans[at].start, spans[at + width - 1].end)
        for at in range(len(spans) - width + 1)
        if singular[at : at + width] == parts
    ]


# A sentence is asked for two objects, often by several callers one after the other.
@lru_cache(maxsize=64)
def _split(text: str) -> tuple[tuple[Span, ...], tuple[str, ...]]:
    """Return where each word of a normalised sentence stands, and its singular."""
    found = list(re.finditer(r"\S+", text))
    spans = tuple(Span(match.start(), match.end()) for match in found)
    return spans, tuple(singular(match.group()) for match in found)
