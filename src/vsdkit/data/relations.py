"""The nine spatial relations, their long and short forms."""

from __future__ import annotations

from vsdkit.errors import DataError

__all__ = ["RELATIONS", "SHORT_FORMS", "find_relation", "parse_relation", "short_form"]

RELATIONS: tuple[str, ...] = (
    "on",
    "in",
    "next to",
    "under",
    "above",
    "behind",
    "in front of",
    "to the left of",
    "to the right of",
)
"""Long forms, in the order of the paper's question (Table 1). The data use these."""

SHORT_FORMS: dict[str, str] = {
    "next to": "next",
    "to the left of": "left",
    "to the right of": "right",
}
"""Long form to the short one that the challenge page writes; the other six have one form."""

_LONG_FORMS = {relation: relation for relation in RELATIONS} | {
    short: long for long, short in SHORT_FORMS.items()
}


def find_relation(text: str) -> str | None:
    """Return the long form of a label written long or short, in any case; None if it is none.

    >>> find_relation("Left"), find_relation("onto")
    ('to the left of', None)
    """
    return _LONG_FORMS.get(" ".join(text.lower().split()))


def parse_relation(text: str) -> str:
    """Return the long form of a label written long or short, in any case.

    Args:
        text: A label such as ``"left"`` or ``"to the left of"``; blanks around it are ignored.

    Raises:
        DataError: If it is none of the nine.

    >>> parse_relation("Left")
    'to the left of'
    """
    long_form = find_relation(text)
    if long_form is None:
        known = ", ".join(RELATIONS)
        raise DataError(f"unknown relation {text!r}; known: {known}")
    return long_form


def short_form(relation: str) -> str:
    """Return the short form of a long one, as the challenge's submission files write it.

    >>> short_form("next to"), short_form("behind")
    ('next', 'behind')
    """
    return SHORT_FORMS.get(relation, relation)
