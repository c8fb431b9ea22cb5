"""A valid file of every kind that is read, with the rows it gives: what ``fuzz_files`` mutates."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vsdkit.data.items import read_items
from vsdkit.data.jsonl import dump_line, read_records
from vsdkit.data.records import Box, GoldRow, InstructionRow, PredictionRow, RowKey
from vsdkit.finetune.rows import InstructionTable
from vsdkit.formats import read_gold, read_predictions, write_submission
from vsdkit.formats.questions import question_id
from vsdkit.instructions import build_instructions
from vsdkit.settings.build_instructions import BuildInstructionsSettings

__all__ = ["CASES", "SCORED", "SLOW", "Case", "Rows", "gold_rows", "make_cases", "predict"]

Rows = dict[Any, Any]
"""Key of a row to the row: what is compared."""

CASES = ("preds", "llava", "llama-factory", "lines", "task1-2", "task3", "gold", "vsd",
         "build v1", "build v2", "items jsonl", "items csv", "rows jsonl", "rows json")  # fmt: skip
SLOW = ("rows jsonl", "rows json")
"""Cases that make a table of Arrow for every mutation."""
SCORED = CASES[:8]
"""Cases that ``score`` reads."""

_TAGS = (("red kite", "barn"), ("cup", "t.v."), ("dog", "dog"), ("left shoe", "mat"))
_LABELS = ("above", "next to", "to the left of", "on")
_IMAGES = 12


@dataclass(frozen=True)
class Case:
    """A valid file, the rows it gives, and what its parts are.

    ``parts`` are spans of bytes with the keys of the rows that each holds.
    """

    name: str
    content: bytes
    rows: Rows
    parts: Sequence[tuple[int, int, frozenset[Any]]]
    read: Callable[[bytes], Rows]


def make_cases(folder: Path) -> list[Case]:
    """Return a valid file of every kind; readers write what they read into ``folder``."""
    gold = gold_rows()
    predictions = [predict(row) for row in gold]
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
    return [*cases, *_vsd_cases(folder), *_items_cases(folder), *_rows_cases(folder)]


def _case(
    name: str,
    lines: Sequence[str],
    keys: Sequence[frozenset[Any]],
    read: Callable[[bytes], Rows],
    head: str = "",
    tail: str = "",
) -> Case:
    at = len(head.encode())
    # The names of CSV's columns belong to all rows, a list's bracket to none.
    parts = [(0, at - 1, frozenset[Any]().union(*keys))] if "," in head else []
    for line, owned in zip(lines, keys, strict=True):
        size = len(line.encode())
        parts.append((at, at + size, owned))
        at += size
    content = "".join((head, *lines, tail)).encode()
    return Case(name, content, read(content), parts, read)


def _vsd_cases(folder: Path) -> list[Case]:
    """Return VSDv1 as gold, and both files as ``build-instructions`` reads them."""
    written = {name: folder / f"{name}.json" for name in ("v1", "v2", "b1", "b2")}
    entries = [
        {
            "img_id": row.id,
            "triple_list": [
                {"s": row.subject, "o": row.object, "p": row.relations[0]}
                | {"s_bbox": list(row.subject_box or ()), "o_bbox": list(row.object_box or ())}
            ],
            "captions": [f"a {row.subject}", f"{row.object} number {row.id}"],
        }
        for row in gold_rows()
        if row.task == 1
    ]
    for name in written:
        written[name].write_bytes(orjson.dumps(entries))
    lines = [
        orjson.dumps(entry).decode() + ("\n" if entry is entries[-1] else ",\n")
        for entry in entries
    ]

    def as_gold(content: bytes) -> Rows:
        written["v1"].write_bytes(content)
        return {row.key: row for row in read_gold([written["v1"], written["v2"]]).rows}

    def built(name: str) -> Callable[[bytes], Rows]:
        def read(content: bytes) -> Rows:
            whole = written[name].read_bytes()
            written[name].write_bytes(content)
            try:
                return _build(folder, written["b1"], written["b2"])
            finally:
                written[name].write_bytes(whole)

        return read

    ids = [str(entry["img_id"]) for entry in entries]
    rows = [frozenset(RowKey(id_, task) for task in (1, 2, 3)) for id_ in ids]
    # Two captions each: the instruction rows that an image can have.
    suffixes = ("task1", "task2-1", "task2-2", "task3")
    both = [
        keys | {f"{id_}-{suffix}" for suffix in suffixes}
        for id_, keys in zip(ids, rows, strict=True)
    ]
    return [
        _case("vsd", lines, rows, as_gold, "[\n", "]\n"),
        _case("build v1", lines, both, built("b1"), "[\n", "]\n"),
        _case("build v2", lines, both, built("b2"), "[\n", "]\n"),
    ]


def _build(folder: Path, v1: Path, v2: Path) -> Rows:
    instructions, gold = folder / "instructions.jsonl", folder / "built.jsonl"
    settings = BuildInstructionsSettings(v1=v1, v2=v2, output=instructions, gold=gold)
    build_instructions(settings)
    rows: Rows = {row.id: row for row in read_records(instructions, InstructionRow.from_dict)}
    return rows | {row.key: row for row in read_gold([gold]).rows}


def _items_cases(folder: Path) -> list[Case]:
    """Return items of one's own with and without ids, tasks and boxes."""
    items: list[dict[str, Any]] = [
        {"image": f"caf\u00e9 {number}.jpg", "subject": f"kite {number}", "object": "t.v."}
        | ({"id": str(number)} if number % 2 else {})
        | ({"task": 1 + number % 3} if number % 3 else {})
        | ({"subject_box": [1, 20, 3, 40 + number]} if number % 4 else {})
        for number in range(_IMAGES)
    ]

    def reader(name: str) -> Callable[[bytes], Rows]:
        def read(content: bytes) -> Rows:
            (folder / name).write_bytes(content)
            return {row.key: row for row in read_items(folder / name)}

        return read

    lines = [dump_line(item) for item in items]
    table = io.StringIO()
    names = ("id", "image", "subject", "object", "task", "subject_box")
    writer = csv.DictWriter(table, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(items)
    header, *cells = table.getvalue().splitlines(keepends=True)
    keys = [_keys_of(reader("one.jsonl"), line) for line in lines]
    return [
        _case("items jsonl", lines, keys, reader("items.jsonl")),
        _case("items csv", cells, keys, reader("items.csv"), header),
    ]


def _keys_of(read: Callable[[bytes], Rows], line: str) -> frozenset[Any]:
    return frozenset(read(line.encode()))


def _rows_cases(folder: Path) -> list[Case]:
    """Return instruction rows as lines and as LLaVA's list."""
    rows = [
        InstructionRow(
            f"{row.id}-task{row.task}", row.image, row.task, f"Where \u2014 {row.id}?", "on"
        )
        for row in gold_rows()
    ]

    def reader(name: str) -> Callable[[bytes], Rows]:
        def read(content: bytes) -> Rows:
            (folder / name).write_bytes(content)
            return {row.id: row for row in InstructionTable.load(folder / name)}

        return read

    lines = [dump_line(row.to_dict()) for row in rows]
    entries = [line.rstrip() + (",\n" if line is not lines[-1] else "\n") for line in lines]
    keys = [frozenset([row.id]) for row in rows]
    return [
        _case("rows jsonl", lines, keys, reader("rows.jsonl")),
        _case("rows json", entries, keys, reader("rows.json"), "[\n", "]\n"),
    ]


def gold_rows() -> list[GoldRow]:
    """Return the gold rows that all files are about."""
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


def predict(row: GoldRow) -> PredictionRow:
    """Return a right answer to a gold row."""
    sentence = f"the {row.subject} is {row.relations[0]} the {row.object}."
    sentences = (sentence, f"picture {row.id} shows \u2014 it", f"see the {row.object}")
    answers: dict[int, str | tuple[str, ...]] = {1: row.relations[0], 2: sentence, 3: sentences}
    answer = answers[row.task]
    return PredictionRow(
        row.id, row.task, answer, " \n ".join(answer) if isinstance(answer, tuple) else answer
    )
