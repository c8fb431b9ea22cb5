"""Mutate valid files of every command, once each, and see what the readers make of them.

    python benchmarks/fuzz_files.py [--count 9000] [--seed 0] [--scores] [--keep]

Read are predictions and gold as ``score`` reads them, VSD's two files as ``build-instructions``
does, items as ``infer`` does and instruction rows as ``finetune`` does. Every mutation must give an
error that names the row, or leave every other row as it was; what is no JSON (NaN, a key twice,
Python's repr) must be an error. With ``--scores`` predictions and gold are aligned and scored, too
(F1, BLEU-4, mBLEU-4; Java tokenises), and every other row's own numbers are compared. ``--keep``
writes the counts to ``results/fuzz_files.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fuzz_cases import CASES, SCORED, Case, Rows, gold_rows, make_cases, predict
from surroundings import keep, name_machine

from vsdkit.errors import DataError, VsdkitError
from vsdkit.jvm import Java

__all__ = ["GOOD", "MUTATIONS", "Mutant", "Outcome", "judge", "mutate"]

RESULT = Path(__file__).parent / "results" / "fuzz_files.json"

_PIECES = (
    b"\\ud83d", b"\xed\xa0\xbd", "\u2028".encode(), b"\t", b"\r", b"\n", b"\r\n", b"\x00", b'"',
    b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\n", b"\xff", b"\xef\xbb\xbf", b"null", b"NaN",
    "\U0001f600".encode(), b"word " * 10_000, b"", b"1e999", b"[" * 2_000, b'"task":2', b"\x85",
    "\u0085\x0b\x0c\x1c".encode(), b"on", b"<image>", b"-", b"9" * 5_000,
)  # fmt: skip
_VALUES = (
    b"null", b"true", b"0", b"-1", b"1.5", b"1e308", b"9" * 30, b"1e999", b"[]", b"{}", b'""',
    b'" "', b'"x"', b"[1,9,2,8]", b"[1e308,2,3,4]", b'["a",null]', b'{"a":{}}', b'"\\ud83d"',
    b'"\\u0000"',
    b"[" * 200 + b"]" * 200, b"[" * 900 + b"]" * 900, b'"<image>"', b'"2"', b"2", b"3",
)  # fmt: skip
_NO_JSON = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nan",
    b"None",
    b"True",
    b"'x'",
    b"0x1",
    b"01",
    b"+1",
)
_FIELD = re.compile(rb'"\w+":\s?("(?:[^"\\]|\\.)*"|-?\d+|null)(?=[,}\s])')
_NAMED = re.compile(r":\d+\b|item \[\d+\]|entry \d+|img_id|\bid '|task [123]\b")
_WHOLE = re.compile(
    "file is empty|a gzip file|no rows|no pictures|no prediction|UTF-16|UTF-8|no captions"
)

GOOD = ("error that names the row", "other rows unchanged")
"""What may come of a mutation."""


class Mutant(NamedTuple):
    """A file that was changed once."""

    content: bytes
    """The mutated bytes."""
    touched: Sequence[tuple[int, int]]
    """Spans of the original that were touched; a span is empty for an insertion."""
    refused: bool = False
    """Whether nothing but an error will do: it is no JSON any more."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutation: one of ``GOOD``, or what went wrong."""

    kind: str
    detail: str = ""


def change_bytes(case: Case, random_: random.Random) -> Mutant:
    """Return the content with one piece put in, taken out or put in the place of another."""
    content = case.content
    at = random_.randrange(len(content) + 1)
    until = min(len(content), at + random_.choice((0, 0, 1, 1, 1, 2, 5, 40)))
    piece = random_.choice((*_PIECES, bytes([random_.randrange(256)]), content[at:until] * 2))
    return Mutant(content[:at] + piece + content[until:], [(at, until)])


def change_value(case: Case, random_: random.Random) -> Mutant:
    """Return the content with another value, of any type, in the place of a field's."""
    field = random_.choice(list(_FIELD.finditer(case.content)))
    return _replace(case.content, field.span(1), random_.choice(_VALUES))


def break_value(case: Case, random_: random.Random) -> Mutant:
    """Return the content with what is no JSON in the place of a field's value."""
    field = random_.choice(list(_FIELD.finditer(case.content)))
    return _replace(case.content, field.span(1), random_.choice(_NO_JSON), refused=True)


def repeat_key(case: Case, random_: random.Random) -> Mutant:
    """Return the content with a field twice in its object, with two values or one."""
    field = random_.choice(list(_FIELD.finditer(case.content)))
    key = field[0].partition(b":")[0]
    again = random_.choice((field[0], key + b":" + random_.choice(_VALUES[:8]), key + b" : null"))
    span = (field.start(), field.start())
    return _replace(case.content, span, again + b",", refused=True)


def cut(case: Case, random_: random.Random) -> Mutant:
    """Return the beginning of the content, as a full disk leaves it."""
    at = random_.randrange(len(case.content))
    return Mutant(case.content[:at], [(at, len(case.content))])


def swap_lines(case: Case, random_: random.Random) -> Mutant:
    """Return the content with two lines in each other's place."""
    lines = case.content.splitlines(keepends=True)
    first, second = sorted(random_.sample(range(len(lines)), 2))
    starts = [sum(map(len, lines[:place])) for place in (first, second)]
    touched = [(starts[0], starts[0] + len(lines[first])),
               (starts[1], starts[1] + len(lines[second]))]  # fmt: skip
    lines[first], lines[second] = lines[second], lines[first]
    return Mutant(b"".join(lines), touched)


def repeat_line(case: Case, random_: random.Random) -> Mutant:
    """Return the content with a line twice, dropped, behind another one, or empty."""
    lines = case.content.splitlines(keepends=True)
    place = random_.randrange(len(lines))
    start = sum(map(len, lines[:place]))
    new = random_.choice((lines[place] * 2, b"", b"\n", lines[place].rstrip() + b"  \r\n"))
    return _replace(case.content, (start, start + len(lines[place])), new)


def break_line(case: Case, random_: random.Random) -> Mutant:
    """Return the content with a row as another program writes it, which is no JSON."""
    rows = list(re.finditer(rb"^\{.*\}(?=,?$)", case.content, re.MULTILINE))
    row = random_.choice(rows)
    text = row[0].decode()
    printed = str(json.loads(text)).encode()
    new = random_.choice(
        (printed, row[0] + b",,", row[0] + row[0], row[0] + b"]", row[0][:-1], b"{" + row[0],
         row[0][:-1] + b",}", row[0] + b" {}", b"// " + row[0], row[0] + b" x")
    )  # fmt: skip
    return _replace(case.content, row.span(), new, refused=True)


def change_encoding(case: Case, random_: random.Random) -> Mutant:
    """Return the content in another encoding or with other line ends; no row is touched."""
    text = case.content.decode()
    changed = (
        text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-16-be"),
        text.encode("utf-8-sig"), text.encode("cp1252", "replace"), text.encode("utf-32"),
        text.replace("\n", "\r\n").encode(), text.replace("\n", "\r").encode(),
        text.rstrip("\n").encode(), text.encode() + b"\n\n", b"\n" + text.encode(),
        b"\x1f\x8b\x08" + text.encode(),
    )  # fmt: skip
    return Mutant(random_.choice(changed), [])


MUTATIONS: Mapping[str, Callable[[Case, random.Random], Mutant]] = {
    "bytes": change_bytes,
    "value": change_value,
    "no JSON": break_value,
    "key twice": repeat_key,
    "cut": cut,
    "lines swapped": swap_lines,
    "line": repeat_line,
    "broken row": break_line,
    "encoding": change_encoding,
}
_JSON_ALONE = ("value", "no JSON", "key twice", "broken row")


def mutate(case: Case, random_: random.Random, kind: str) -> Mutant:
    """Return a mutant of a kind; of bytes where the file is no JSON and the kind needs it."""
    is_json = case.name not in ("lines", "items csv")
    return MUTATIONS[kind if is_json or kind not in _JSON_ALONE else "bytes"](case, random_)


def _replace(content: bytes, span: tuple[int, int], new: bytes, *, refused: bool = False) -> Mutant:
    return Mutant(content[: span[0]] + new + content[span[1] :], [span], refused)


def judge(
    case: Case, mutant: Mutant, *, score: Callable[[Case, Rows], Rows] | None = None
) -> Outcome:
    """Return what reading a mutated file came to.

    Args:
        case: The valid file.
        mutant: What became of it.
        score: Gives the numbers of each row that was read; None compares the rows alone.
    """
    try:
        rows = case.read(mutant.content)
        scores = {} if score is None else score(case, rows)
    except VsdkitError as error:
        named = _NAMED.search(str(error)) or _WHOLE.search(error.message)
        return Outcome(GOOD[0] if named else "error without a row", str(error))
    except Exception as error:  # The very thing that is looked for.
        return Outcome("traceback", f"{type(error).__name__}: {error}")
    if mutant.refused:
        return Outcome("taken though it is no JSON")
    touched = frozenset[Any]().union(
        *(
            keys
            for first, last, keys in case.parts
            for start, end in mutant.touched
            if first <= end and start <= last
        )
    )
    changed = {
        key
        for key in case.rows.keys() | rows.keys()
        if key in case.rows and rows.get(key) != case.rows[key]
    }
    if score is not None:
        changed |= {key for key, row in score(case, case.rows).items() if scores.get(key) != row}
    if changed <= touched:
        return Outcome(GOOD[1])
    return Outcome("another row changed", f"{sorted(map(str, changed - touched))[:3]}")


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
        from vsdkit.formats.align import align, sentences_of
        from vsdkit.score import measure

        if case.name in ("gold", "vsd"):
            gold, predictions = rows, {row.key: predict(row) for row in gold_rows()}
            for row in rows.values():
                if not (row.relations if row.task == 1 else row.references):
                    raise DataError(f"{row.key} has nothing to be scored against")
        else:
            gold, predictions = {row.key: row for row in gold_rows()}, rows
        aligned = align(gold, predictions).rows
        sentences = sentences_of([*aligned.get(2, ()), *aligned.get(3, ())])
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
    parser.add_argument("--count", type=int, default=9_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    counts: Counter[tuple[str, str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["VSDKIT_CACHE"] = str(Path(folder) / "cache")
        score = _Scorer(stack.enter_context(Java())).score if arguments.scores else None
        cases = make_cases(Path(folder))
        if arguments.scores:
            cases = [case for case in cases if case.name in SCORED]
        for number in range(arguments.count):
            case = cases[number % len(cases)]
            kind = list(MUTATIONS)[number // len(cases) % len(MUTATIONS)]
            random_ = random.Random(f"{arguments.seed} {number}")
            outcome = judge(case, mutate(case, random_, kind), score=score)
            counts[case.name, kind, outcome.kind] += 1
            if outcome.kind not in GOOD:
                print(f"{number}: {case.name}, {kind}: {outcome.kind}: {outcome.detail}")
    report = {name: _count(counts, name) for name in (*CASES, *MUTATIONS)}
    for name, found in report.items():
        print(f"{name:14}", ", ".join(f"{found[kind]:,} {kind}" for kind in sorted(found)))
    bad = sum(count for key, count in counts.items() if key[2] not in GOOD)
    print(f"{arguments.count:,} mutations, {bad:,} of them neither refused nor without effect")
    if arguments.keep:
        keep(
            {
                "what": "one mutation of a valid file each: outcomes by file and by mutation",
                "seed": arguments.seed,
                "mutations": arguments.count,
                "tracebacks": sum(n for key, n in counts.items() if key[2] == "traceback"),
                "silently_other": bad,
                **name_machine(),
                "by_file": {name: report[name] for name in CASES},
                "by_mutation": {name: report[name] for name in MUTATIONS},
            },
            RESULT,
        )


def _count(counts: Mapping[tuple[str, str, str], int], name: str) -> dict[str, int]:
    found: Counter[str] = Counter(dict.fromkeys(GOOD, 0))
    for (case, mutation, outcome), count in counts.items():
        if name in (case, mutation):
            found[outcome] += count
    return dict(found)


if __name__ == "__main__":
    main()
