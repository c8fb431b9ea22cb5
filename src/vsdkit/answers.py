"""Read a model's answer: a label, a sentence or three sentences; or None, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.data.relations import BY_LABEL, find_relation, parse_relation

__all__ = ["parse_answer", "parse_label", "parse_sentences", "read_prediction"]

_SIDES = {str(relation.side): label for label, relation in BY_LABEL.items() if relation.side}
# Longest first, so that "in front of" is not read as "in".
_FORMS = sorted((form for one in BY_LABEL.values() for form in one.forms), key=len, reverse=True)
_LABEL = re.compile(
    # "on the left of" names a side and holds the label "on": sides go before all forms. Labels
    # may know no sides; (?!) matches nothing.
    rf"\b(?:(?:to|on|at) the (?P<side>{'|'.join(_SIDES) or '(?!)'})(?: side)?(?: of)?"
    rf"|(?P<form>{'|'.join(form.replace(' ', ' +') for form in _FORMS)}))\b"
)
# The two characters \n come from models that learnt escaped text; the others are all that
# str.splitlines takes for the end of a line.
_BREAKS = re.compile(r"\\r\\n|\\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_SENTENCES = 3
"""Sentences of an answer to task 3."""

# "1.", "(2)", "3:", "-", "*" or a bullet before a line, but not "1.5".
_NUMBERING = re.compile(r"^(?:\(?\d{1,2}[.):](?=\s|$)|[-*\u2022](?=\s|$))\s*")


def read_prediction(
    row: GoldRow,
    raw: str,
    probabilities: Mapping[str, float] | None = None,
    because: str | None = None,
) -> PredictionRow:
    """Return what a model said to a row, as a row of predictions.

    Args:
        row: What was asked.
        raw: What the model said.
        probabilities: Label to its probability, where the labels were weighed.
        because: What speaks for the label, in words.
    """
    prediction = parse_answer(raw, row.task, tags=(row.subject, row.object))
    return PredictionRow(row.id, row.task, prediction, raw, probabilities, because=because)


def parse_answer(
    raw: str, task: int, *, tags: tuple[str, str] = ("", "")
) -> str | tuple[str, ...] | None:
    """Return the prediction in an answer to a task; None if there is none.

    Args:
        raw: What the model said.
        task: 1, 2 or 3.
        tags: Subject and object, which may hold words that look like labels.
    """
    if task == 1:
        return parse_label(raw, tags=tags)
    if task == 2:
        return " ".join(raw.split()) or None
    return parse_sentences(raw)


def parse_label(raw: str, *, tags: tuple[str, str] = ("", "")) -> str | None:
    """Return the long form of the one relation that an answer names.

    Of forms that overlap the longest counts, on word boundaries: "in front of" is not "in".
    An answer with two different relations, such as a copy of the list in the question, names none.

    Args:
        raw: The answer: a label, long or short, or a sentence with it.
        tags: Subject and object; their words are passed over, as "right" in "right hand".

    >>> parse_label("In front of."), parse_label("left"), parse_label("on or under")
    ('in front of', 'to the left of', None)
    """
    text = " ".join(raw.lower().split())
    # Before tags are passed over: one that is itself a label would take the answer with it.
    if label := find_relation(text.rstrip(". ")):
        return label
    for tag in sorted((" ".join(tag.lower().split()) for tag in tags), key=len, reverse=True):
        if tag:
            text = re.sub(rf"(?<!\w){re.escape(tag)}(?!\w)", "_", text)
    found = {
        _SIDES[match["side"]] if match["side"] else parse_relation(match["form"])
        for match in _LABEL.finditer(text)
    }
    return found.pop() if len(found) == 1 else None


def parse_sentences(raw: str) -> tuple[str, str, str] | None:
    r"""Return the three sentences of an answer, or None if it has more or fewer.

    They stand on lines of their own, with a real line break or the two characters ``\n`` between;
    numbers before them and empty lines are dropped, and so is what chat models say around them: all
    but the numbered lines where three are numbered, or a first line that ends in a colon. A full
    stop ends no sentence: tags hold some.

    >>> parse_sentences("1. cat on mat.\n\n2. the cat sits on a t.v. mat\n3. a mat")
    ('cat on mat.', 'the cat sits on a t.v. mat', 'a mat')
    """
    lines = [" ".join(line.split()) for line in _BREAKS.split(raw)]
    texts = [_NUMBERING.sub("", line) for line in lines]
    sentences = [text for text in texts if text]
    if len(sentences) > _SENTENCES:
        pairs = zip(lines, texts, strict=True)
        numbered = [text for line, text in pairs if text not in ("", line)]
        if len(numbered) == _SENTENCES:
            sentences = numbered
        elif sentences[0].endswith(":"):
            sentences = sentences[1:]
    return (sentences[0], sentences[1], sentences[2]) if len(sentences) == _SENTENCES else None
