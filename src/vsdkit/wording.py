"""The relation a sentence states about two objects: nine relations, wordings, converses.

A rule system. It reads a sentence as words, finds where the two objects are named and which
wording of a relation stands between or before them, and takes the object that follows a wording
as its ground: "behind the man stands a pole" and "a pole is behind the man" say the same. It knows
neither grammar nor what a picture shows; ``docs/wording.md`` has what it gets right on real
captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from vsdkit.data.spans import Span

__all__ = [
    "CONVERSES",
    "WORDINGS",
    "Stated",
    "find_mentions",
    "find_relations",
    "head_word",
    "is_plural",
    "normalise",
    "states_relation",
    "words",
]

WORDINGS: Mapping[str, tuple[str, ...]] = {
    "on": ("on", "upon"),
    "in": ("in", "inside", "within"),
    "next to": ("next to", "beside", "near", "close to"),
    "under": ("under", "beneath", "below", "underneath"),
    "above": ("above", "over"),
    "behind": ("behind",),
    "in front of": ("in front of",),
    "to the left of": ("to the left of", "on the left side of"),
    "to the right of": ("to the right of", "on the right side of"),
}
"""Relation to the wordings that say the same of any two things, the plainest first.

A sentence may state a relation in more ways than these: a window on a house is not on top of it,
so "on top of" is read as ``on`` but never written for it.
"""

CONVERSES: Mapping[str, tuple[str, ...]] = {
    "on": ("under",),
    "in": (),
    "next to": ("next to",),
    "under": ("above", "on"),
    "above": ("under",),
    "behind": ("in front of",),
    "in front of": ("behind",),
    "to the left of": ("to the right of",),
    "to the right of": ("to the left of",),
}
"""Relation of A to B to those that B may have to A.

What is on something has that thing under it, and what is under something may be touched by it or
not, so ``under`` has two. ``in`` has none among the nine; verbs such as "contains" state it.
"""

_SIDE = (
    r"(?:(?:to|on|at|in|off to|towards?|by|from) )?(?:(?:the|its|his|her|their) )?"
    r"(?:(?:far|upper|lower|immediate|very|outer|inner|direct) )?{side}(?: hand)?"
    r"(?: (?:side|edge|corner|part|end))?(?: (?:of|from)| to the)"
)

_PATTERNS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    # (pattern, relations of the figure to the ground, whether the ground stands before it).
    (_SIDE.format(side="left"), ("to the left of",), False),
    (_SIDE.format(side="right"), ("to the right of",), False),
    (
        r"(?:in|at|to) (?:the )?(?:very )?front(?: side)? of|infront of|ahead of|before",
        ("in front of",),
        False,
    ),
    (r"(?:in|at|to) (?:(?:the )?(?:back|rear)(?: side)? of)|behind(?: of)?", ("behind",), False),
    (r"on (?:the )?(?:very )?tops? of|atop(?: of)?|(?:at|to) the top of", ("on", "above"), False),
    (
        r"underneath(?: of)?|beneath|below|under|at the (?:bottom|foot|base) of",
        ("under",),
        False,
    ),
    # Part of the wall, or what stands at it: the two are told apart by the things only.
    (r"on (?:the )?(?:bottom|foot|base) of", ("under", "on"), False),
    (
        r"on (?:(?:the|one|either|this|that|a|each|both) )?(?:sides?|edge) of",
        ("next to", "on"),
        False,
    ),
    (r"above|over(?: the top of)?|higher than", ("above", "on"), False),
    (
        r"next to|besides?|near(?: to|by)?|alongside(?: of)?|along|close to|adjacent to|by"
        r"|(?:at|by|along|to) (?:(?:the|one|either|this|that|a|each|both) )?(?:sides?|edge) of"
        r"|side by side with|against|at|around|outside(?: of)?",
        ("next to",),
        False,
    ),
    (r"(?:in|at|on) (?:the )?(?:middle|center|centre|midst|corner) of", ("in", "on"), False),
    (r"in(?:side|to)?(?: of)?|within|surrounded by|filled with", ("in",), False),
    (r"on(?:to)?|upon|across", ("on",), False),
    (r"contain(?:s|ing)?|enclos(?:es|ing)|surround(?:s|ing)|full of", ("in",), True),
    (r"support(?:s|ing)?|carr(?:y|ies|ying)|topped with", ("on",), True),
    # A man who wears a shirt is in it; the hat he wears is on him.
    (r"wear(?:s|ing)?", ("in", "under"), False),
    (r"cover(?:s|ing)", ("on", "above"), False),
    (r"covered (?:by|with|in)", ("under", "on"), False),
)
_WORDING = re.compile(
    r"(?<!\S)(?:" + "|".join(f"(?P<p{n}>{p[0]})" for n, p in enumerate(_PATTERNS)) + r")(?!\S)"
)
_BREAK = re.compile(
    r"(?<!\S)(?:is|are|was|were|has|have|that|which|who|while|with|there|can|stands?|sits?)(?!\S)"
)
_WORDS_BETWEEN = 5
_PRONOUNS = re.compile(r" (?:it|him|her|them|itself|himself|herself|themselves)(?!\S)")
_WORD = re.compile(r"[^\W_]+(?:[-.][^\W_]+)*|'s?(?!\w)")
_ARTICLES = ("a", "an", "the")

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot",
    "teeth": "tooth", "mice": "mouse", "geese": "goose", "leaves": "leaf", "shelves": "shelf",
    "knives": "knife", "wolves": "wolf", "loaves": "loaf", "halves": "half", "scarves": "scarf",
    "calves": "calf", "lives": "life", "wives": "wife",
}  # fmt: skip
_SAME_IN_BOTH = ("glass", "grass", "bus", "gas", "dress", "mattress", "cross", "bass", "canvas")


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
    return _singular(last) != last


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
    spans = _find_sequence(text, tuple(map(_singular, parts)))
    if not spans:
        spans = _find_sequence(text, (_singular(head_word(tag)),))
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
    wordings = [_wording(match) for match in _WORDING.finditer(text)]
    named = [*subjects, *objects]
    wordings = [one for one in wordings if not any(_overlap(one[0], span) for span in named)]
    for number, (span, relations, ground_first) in enumerate(wordings):
        follower = wordings[number + 1][0].start if number + 1 < len(wordings) else len(text)
        for turned in _directions(text, span, follower, subjects, objects):
            kept = relations if turned == ground_first else _converse(relations)
            if kept:
                found.append(Stated(kept, span, turned))
    return found


def states_relation(sentence: str, subject: str, object_: str, relation: str) -> bool:
    """Say whether a sentence states a relation of the subject to the object, or its converse.

    >>> states_relation("There is a kite beside the barn.", "kite", "barn", "next to")
    True
    """
    return any(relation in one.relations for one in find_relations(sentence, subject, object_))


def _wording(match: re.Match[str]) -> tuple[Span, tuple[str, ...], bool]:
    _, relations, ground_first = _PATTERNS[int((match.lastgroup or "p0")[1:])]
    return Span(match.start(), match.end()), relations, ground_first


def _directions(
    text: str, wording: Span, follower: int, subjects: list[Span], objects: list[Span]
) -> Iterator[bool]:
    """Yield False if the object follows the wording, True if the subject does; both may.

    With "it" or "them" behind the wording the object named first is meant.
    """
    pronoun = _PRONOUNS.match(text, wording.end)
    if pronoun:
        before = [(span, False) for span in subjects] + [(span, True) for span in objects]
        before = sorted(one for one in before if one[0].end <= wording.start)
        if before and any(side != before[-1][1] for _, side in before):
            yield before[-1][1]
        return
    for turned, grounds, figures in ((False, objects, subjects), (True, subjects, objects)):
        after = [span for span in grounds if span.start >= wording.end and span.start < follower]
        if not after or not any(not _overlap(after[0], figure) for figure in figures):
            continue
        between = text[wording.end : after[0].start]
        nearer = any(wording.end <= span.start < after[0].start for span in figures)
        if not nearer and len(between.split()) <= _WORDS_BETWEEN and not _breaks(between):
            yield turned


def _breaks(between: str) -> bool:
    """Say whether the words between a wording and an object begin something new."""
    # Right behind the wording "that" points at the object: "behind that lamp".
    return bool(_BREAK.search(between.removeprefix(" that")))


def _converse(relations: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(back for relation in relations for back in CONVERSES[relation]))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


@lru_cache(maxsize=4096)
def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or word.endswith(("ss", "us")) or word in _SAME_IN_BOTH:
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
    return spans, tuple(_singular(match.group()) for match in found)
