"""Mutate valid files of predictions and gold, once each, and see what the readers make of them.

    python benchmarks/fuzz_score_files.py [--count 6000] [--seed 0] [--scores]

Every mutation must give an error that names the row, or leave every other row as it was. With
``--scores`` what is read is aligned and scored (F1, BLEU-4, mBLEU-4; Java tokenises) and every
other row's own numbers are compared, too.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vsdkit.data.jsonl import dump_line
from vsdkit.data.records import Box, GoldRow, PredictionRow, RowKey
from vsdkit.errors import DataError, VsdkitError
from vsdkit.formats import read_gold, read_predictions, write_submission
from vsdkit.formats.questions import question_id
from vsdkit.jvm import Java

__all__ = ["CASES", "Case", "Outcome", "judge", "make_cases", "mutate"]

Rows = dict[RowKey, Any]

_TAGS = (("red kite", "barn"), ("cup", "t.v."), ("dog", "dog"), ("left shoe", "mat"))
_LABELS = ("above", "next to", "to the left of", "on")
_IMAGES = 12
_PIECES = (
    b"\\ud83d", b"\xed\xa0\xbd", "\u2028".encode(), b"\t", b"\r", b"\n", b"\r\n", b"\x00", b'"',
    b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\n", b"\xff", b"\xef\xbb\xbf", b"null", b"NaN",
    "\U0001f600".encode(), b"word " * 10_000, b"", b"1e999", b"[" * 2_000, b'"task":2', b"\x85",
    "\u0085\x0b\x0c\x1c".encode(), b"on", b"<image>", b"-", b"9" * 5_000,
)  # fmt: skip
_NAMED = re.compile(r":\d+\b|item \[\d+\]|img_id|\bid '|task [123]\b")

CASES = ("preds", "llava", "llama-factory", "lines", "task1-2", "task3", "gold", "vsd")


@dataclass(frozen=True)
class Case:
    """A valid file, the rows it gives, and what its parts are.

    ``parts`` are spans of bytes with the keys of the rows that each holds.
    """

    name: str
    content: bytes
    rows: Rows
    parts: Sequence[tuple[int, int, frozenset[RowKey]]]
    read: Callable[[bytes], Rows]


@dataclass(frozen=True)
class Outcome:
    """What became of one mutation: ``error``, ``same rows`` or what went wrong."""

    kind: str
    detail: str = ""


def mutate(content: bytes, random_: random.Random) -> tuple[bytes, int, int]:
    """Return the content with one piece put in, taken out or put in the place of another.

    The second and third value are the span of the original that was touched.
    """
    at = random_.randrange(len(content) + 1)
    until = min(len(content), at + random_.choice((0, 0, 1, 1, 1, 2, 5, 40)))
    piece = random_.choice((*_PIECES, bytes([random_.randrange(256)]), content[at:until] * 2))
    return content[:at] + piece + content[until:], at, until


def judge(
    case: Case,
    content: bytes,
    start: int,
    end: int,
    *,
    score: Callable[[Case, Rows], Rows] | None = None,
) -> Outcome:
    """Return what reading a mutated file came to.

    Args:
        case: The valid file.
        content: The mutated bytes.
        start: First byte of the original that was touched.
        end: End of what was touched; with ``start`` for an insertion.
        score: Gives the numbers of each row that was read; None compares the rows alone.
    """
    try:
        rows = case.read(content)
        scores = {} if score is None else score(case, rows)
    except VsdkitError as error:
        named = _NAMED.search(str(error)) or "file is empty" in error.message
        return Outcome("error that names the row" if named else "error without a row", str(error))
    except Exception as error:  # The very thing that is looked for.
        return Outcome("traceback", f"{type(error).__name__}: {error}")
    touched = frozenset[RowKey]().union(
        *(keys for first, last, keys in case.parts if first <= end and start <= last)
    )
    changed = {
        key
        for key in case.rows.keys() | rows.keys()
        if key in case.rows and rows.get(key) != case.rows[key]
    }
    if score is not None:
        changed |= {key for key, row in score(case, case.rows).items() if scores.get(key) != row}
    if changed <= touched:
        return Outcome("other rows unchanged")
    return Outcome("another row changed", f"{sorted(changed - touched)[:3]}")


def make_cases(folder: Path) -> list[Case]:
    """Return a valid file of every kind; readers write what they read into ``folder``."""
    gold = _gold()
    predictions = [_predict(row) for row in gold]
    one_task = [row for row in gold if row.task == 2]

    def predicted(kind: str, name: str, rows: Sequence[GoldRow] = gold) -> Callable[[bytes], Rows]:
        def read(content: bytes) -> Rows:
            path = folder / name
            path.write_bytes(content)
            return {row.key: row for row in read_predictions([path], rows).rows}

        assert kind
        return read

    def golden(content: bytes) -> Rows:
        path = folder / "gold.jsonl"
        path.write_bytes(content)
        return {row.key: row for row in read_gold([path]).rows}

    write_submission(folder, gold, predictions)
    raw = [row.raw or "" for row in predictions]
    lines = {
        "preds": [dump_line(row.to_dict()) for row in predictions],
        "llava": [
            dump_line({"question_id": question_id(row), "prompt": "?", "text": text})
            for row, text in zip(gold, raw, strict=True)
        ],
        "llama-factory": [
            dump_line({"prompt": f"{row.subject}, {row.object}", "predict": text, "label": ""})
            for row, text in zip(gold, raw, strict=True)
        ],
        "lines": [f"{row.raw}\n" for row in predictions if row.task == 2],
        "gold": [dump_line(row.to_dict()) for row in gold],
    }
    keys = {name: [row.key for row in gold] for name in lines}
    keys["lines"] = [row.key for row in one_task]
    readers = {name: predicted(name, f"{name}.txt") for name in lines} | {"gold": golden}
    cases = [
        _case(name, text, [frozenset([key]) for key in keys[name]], readers[name])
        for name, text in lines.items()
    ]
    for name, tasks in (("task1-2", (1, 2)), ("task3", (3,))):
        text = (folder / f"{name}.json").read_text(encoding="utf-8").splitlines(keepends=True)[1:-1]
        owned = [frozenset(RowKey(row.id, task) for task in tasks) for row in one_task]
        cases.append(_case(name, text, owned, predicted(name, f"{name}.json"), "[\n", "]\n"))
    return [*cases, _vsd_case(folder)]


def _case(
    name: str,
    lines: Sequence[str],
    keys: Sequence[frozenset[RowKey]],
    read: Callable[[bytes], Rows],
    head: str = "",
    tail: str = "",
) -> Case:
    parts = []
    at = len(head.encode())
    for line, owned in zip(lines, keys, strict=True):
        size = len(line.encode())
        parts.append((at, at + size, owned))
        at += size
    content = "".join((head, *lines, tail)).encode()
    return Case(name, content, read(content), parts, read)


def _vsd_case(folder: Path) -> Case:
    entries = [
        {
            "img_id": row.id,
            "triple_list": [
                {"s": row.subject, "o": row.object, "p": row.relations[0]}
                | {"s_bbox": list(row.subject_box or ()), "o_bbox": list(row.object_box or ())}
            ],
            "captions": [f"a {row.subject}", f"{row.object} number {row.id}"],
        }
        for row in _gold()
        if row.task == 1
    ]
    (folder / "v2.json").write_bytes(orjson.dumps(entries))
    lines = [
        orjson.dumps(entry).decode() + ("\n" if entry is entries[-1] else ",\n")
        for entry in entries
    ]

    def read(content: bytes) -> Rows:
        (folder / "v1.json").write_bytes(content)
        return {row.key: row for row in read_gold([folder / "v1.json", folder / "v2.json"]).rows}

    owned = [
        frozenset(RowKey(str(entry["img_id"]), task) for task in (1, 2, 3)) for entry in entries
    ]
    return _case("vsd", lines, owned, read, "[\n", "]\n")


def _gold() -> list[GoldRow]:
    return [
        GoldRow(
            id=str(41 + number),
            image=f"{41 + number}.jpg",
            task=task,
            subject=_TAGS[number % 4][0],
            object=_TAGS[number % 4][1],
            subject_box=Box(1, 20, 3, 40),
            object_box=Box(5, 60, 7, 80),
            relations=(_LABELS[number % 4],),
            references=() if task == 1 else (f"a {_TAGS[number % 4][0]} {number}",),
        )
        for number in range(_IMAGES)
        for task in (1, 2, 3)
    ]


def _predict(row: GoldRow) -> PredictionRow:
    sentence = f"the {row.subject} is {row.relations[0]} the {row.object}."
    sentences = (sentence, f"picture {row.id} shows \u2014 it", f"see the {row.object}")
    answers: dict[int, str | tuple[str, ...]] = {1: row.relations[0], 2: sentence, 3: sentences}
    answer = answers[row.task]
    return PredictionRow(
        row.id, row.task, answer, " \n ".join(answer) if isinstance(answer, tuple) else answer
    )


class _Scorer:
    """Numbers of every row, with one Java for all mutations."""

    def __init__(self, java: Java) -> None:
        self._java = java
        self._tokens: dict[str, list[str]] = {}
        self._valid: dict[str, Rows] = {}

    def score(self, case: Case, rows: Rows) -> Rows:
        """Return the numbers of each row, as ``score --items`` writes them."""
        if rows is not case.rows:
            return self._score(case, rows)
        if case.name not in self._valid:
            self._valid[case.name] = self._score(case, rows)
        return self._valid[case.name]

    def _score(self, case: Case, rows: Rows) -> Rows:
        from vsdkit.score import measure
        from vsdkit.score.align import align

        if case.name in ("gold", "vsd"):
            gold, predictions = rows, {row.key: _predict(row) for row in _gold()}
            for row in rows.values():
                if not (row.relations if row.task == 1 else row.references):
                    raise DataError(f"{row.key} has nothing to be scored against")
        else:
            gold, predictions = {row.key: row for row in _gold()}, rows
        aligned = align(gold, predictions).rows
        sentences = measure.sentences_of([*aligned.get(2, ()), *aligned.get(3, ())])
        new = [sentence for sentence in sentences if sentence not in self._tokens]
        self._tokens.update(zip(new, self._java.tokenize(new), strict=True))
        evidence = measure.Evidence(self._tokens)
        measures = {1: measure.relations, 2: measure.bleu, 3: measure.mbleu}
        return {
            row.gold.key: dict(values)
            for task, of_task in aligned.items()
            for row, values in zip(of_task, measures[task](of_task, evidence).rows, strict=True)
        }


def main() -> None:
    """Run the mutations and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scores", action="store_true")
    arguments = parser.parse_args()
    random_ = random.Random(arguments.seed)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        score = _Scorer(stack.enter_context(Java())).score if arguments.scores else None
        cases = make_cases(Path(folder))
        for number in range(arguments.count):
            case = cases[number % len(cases)]
            content, start, end = mutate(case.content, random_)
            outcome = judge(case, content, start, end, score=score)
            counts[case.name, outcome.kind] += 1
            if outcome.kind not in ("error that names the row", "other rows unchanged"):
                print(f"{case.name}, bytes {start} to {end}: {outcome.kind}: {outcome.detail}")
    for kind in sorted({kind for _, kind in counts} | {"traceback"}):
        total = sum(count for (_, one), count in counts.items() if one == kind)
        by_case = ", ".join(f"{name} {counts[name, kind]:,}" for name in CASES)
        print(f"{total:6,} {kind} ({by_case})")


if __name__ == "__main__":
    main()
