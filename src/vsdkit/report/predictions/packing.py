"""Pack the pieces of a page of predictions; ``assets/predictions-unpack.js`` undoes it.

Gzip alone makes of 5,855 items twice the bytes that a page of one megabyte may have. What it
cannot see is told here instead:

- rows of one shape are columns, so that keys stand once and like stands beside like;
- a sentence that an item has already is the number of its first place;
- the tuples of equal sentences stand once; which of them matched is a string of digits;
- a word of a tuple is, mostly, a word of its sentence: a letter says which one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["pack_details", "pack_entries"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase
_TOKEN = re.compile(r"[A-Za-z0-9]+")
"""In ASCII alone, where Python and JavaScript agree on what a letter is and on its lower case."""
_WORD_END, _TUPLE_END, _LITERAL = ",", ";", "'"
_PAIRS = ("1-2", "1-3", "2-3")
_SENTENCES = ("2", "3")

Details = Mapping[str, Any]
Words = Sequence[str]


def pack_entries(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the piece ``entries`` without what follows from the rest of it."""
    images, places = columns["images"], columns["image"]
    names = [images[place] for place in places]
    before = [0, *places[:-1]]
    return {
        "packed": True,
        **columns,
        # Steps from one entry to the next: of one item a picture all are 1.
        "image": [place - last for place, last in zip(places, before, strict=True)],
        "id": [_short_id(*pair) for pair in zip(columns["id"], names, strict=True)],
    }


def pack_details(piece: Sequence[Details]) -> dict[str, Any]:
    """Return a piece of details as columns.

    Args:
        piece: Of each entry its references, and of each system its answers.
    """
    texts = [_Texts(entry) for entry in piece]
    systems = range(len(piece[0]["systems"]))
    return {
        "packed": True,
        "count": len(piece),
        "references": {
            task: _column(entry.get("references", {}).get(task) for entry in piece)
            for task in _SENTENCES
        },
        "boxes_agree": _column(entry.get("boxes_agree") for entry in piece),
        "systems": [
            {
                task: _pack_task(
                    [entry["systems"][system].get(task) for entry in piece], texts, task
                )
                for task in ("1", *_SENTENCES)
            }
            for system in systems
        ],
    }


class _Texts:
    """The sentences of one entry so far: a further one like it is a number."""

    def __init__(self, entry: Details) -> None:
        self._references: Mapping[str, Sequence[str]] = entry.get("references", {})
        self._known: dict[str, int] = {}
        self._graphs: dict[str, list[Words]] = {}
        for task in _SENTENCES:
            for text in self._references.get(task, ()):
                self.place(text)

    def place(self, text: str) -> str | int:
        """Return a sentence that is new, or the number of the one that it repeats."""
        if text in self._known:
            return self._known[text]
        self._known[text] = len(self._known)
        return text

    def graph(self, text: str, tuples: Sequence[Words]) -> Any:
        """Return a sentence's tuples at their first place, 0 at any other.

        A sentence beside a silent one is no answer and has no tuples there; elsewhere it may.
        """
        if self._graphs.get(text) == list(tuples):
            return 0
        self._graphs[text] = list(tuples)
        return _spell(tuples, text)

    def anchor(self, task: str) -> str:
        """Return what the words of missing tuples are mostly found in."""
        return " ".join(self._references.get(task, ()))


def _pack_task(
    answers: Sequence[Details | None], texts: Sequence[_Texts], task: str
) -> dict[str, Any]:
    plain = ("raw", "error", "because", "probabilities", "stated", "by_sentence", "best")
    columns = {name: _column(answer and answer.get(name) for answer in answers) for name in plain}
    columns["asked"] = _column(None if answer else 0 for answer in answers)
    if task == "1":
        columns["answer"] = _column(answer and answer["answer"] for answer in answers)
        return _without_empty(columns)
    both = list(zip(answers, texts, strict=True))
    columns["answer"] = _column(
        answer and _pack_answer(answer["answer"], of) for answer, of in both
    )
    columns["mbleu4_by_pair"] = _column(
        [answer["mbleu4_by_pair"][pair] for pair in _PAIRS]
        if answer and "mbleu4_by_pair" in answer
        else None
        for answer in answers
    )
    packed = [
        _pack_tuples(answer, of, task) if answer and "tuples" in answer else {}
        for answer, of in both
    ]
    for name in ("graphs", "matched", "lost", "missing"):
        columns[name] = _column(one.get(name) for one in packed)
    return _without_empty(columns)


def _pack_answer(answer: str | Sequence[str] | None, texts: _Texts) -> Any:
    if answer is None or isinstance(answer, str):
        return None if answer is None else texts.place(answer)
    return [texts.place(text) for text in answer]


def _pack_tuples(answer: Details, texts: _Texts, task: str) -> dict[str, Any]:
    several = task == "3"
    said = answer["tuples"] if several else [answer["tuples"]]
    missing = answer["missing"] if several else [answer["missing"]]
    sentences = _sentences(answer["answer"], len(said))
    # Sentences of one row are mostly held against one reference, so they miss the same.
    lost = sorted({tuple(words) for of_one in missing for words in of_one}, key=_order)
    marks = ["".join(str(int(words in map(tuple, one))) for words in lost) for one in missing]
    return {
        "graphs": [
            texts.graph(text, [words for words, _ in one])
            for text, one in zip(sentences, said, strict=True)
        ],
        "matched": ["".join(str(int(mark == "m")) for _, mark in one) for one in said],
        "lost": _spell(lost, texts.anchor(task)),
        # Nothing where every sentence misses all of them.
        "missing": marks if any("0" in one for one in marks) else None,
    }


def _sentences(answer: str | Sequence[str] | None, count: int) -> Sequence[str]:
    if answer is None:
        return [""] * count
    return [answer] if isinstance(answer, str) else answer


def _order(words: Words) -> tuple[int, Words]:
    return len(words), words


def _spell(tuples: Iterable[Words], anchor: str) -> Any:
    """Return tuples as a text whose letters are words of the anchor; as lists if that cannot be."""
    tokens = dict.fromkeys(token.lower() for token in _TOKEN.findall(anchor))
    # Words behind the last letter are written out.
    places = dict(zip(tokens, _LETTERS, strict=False))
    spelt = [[_spell_word(word, places) for word in words] for words in tuples]
    if any(end in word for words in spelt for word in words for end in (_WORD_END, _TUPLE_END)):
        return [list(words) for words in tuples]
    return _TUPLE_END.join(_WORD_END.join(words) for words in spelt)


def _spell_word(word: str, places: Mapping[str, str]) -> str:
    letters = [places.get(part, "") for part in word.split(" ")]
    return "".join(letters) if all(letters) else _LITERAL + word


def _short_id(name: str, image: str) -> str | int:
    """Return 0 for an id that is the image's name, 1 for one that is it without the suffix."""
    if name == image:
        return 0
    return 1 if name == image.rpartition(".")[0] else name


def _column(values: Iterable[Any]) -> list[Any] | None:
    """Return values as a list; None if there is none among them."""
    found = list(values)
    return found if any(value is not None for value in found) else None


def _without_empty(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in columns.items() if column is not None}
