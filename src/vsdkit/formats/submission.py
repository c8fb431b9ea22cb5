"""Predictions as the challenge's two files, ``task1-2.json`` and ``task3.json``: read and written.

Source:
    The ACM MM 2024 challenge's page, repository LLLogen/vsd-challenge.github.io, section
    "submission".
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.answers import parse_sentences
from vsdkit.data.images import image_name
from vsdkit.data.jsonl import Placed, dump_json, open_atomic
from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.data.relations import find_relation, parse_relation, short_form
from vsdkit.errors import AlignmentError, ConfigError, DataError, MissingInputError
from vsdkit.formats.content import names_key, read_document
from vsdkit.formats.format import NO_GOLD, Format, FoundRows, Row, answer_to

__all__ = ["FORMAT", "Submission", "find_files", "submission_files", "write_submission"]

_NAMES = ("task1-2.json", "task3.json")

# What entries are passed over for, with how many, in the line that says what the files were.
_REPEATED = "further labels of a pair, the first of which counts"
_NOT_ASKED = "triples of pairs that gold does not ask"
_SHARED = "sentences taken for several pairs of one picture"


class Submission(NamedTuple):
    """What was written."""

    task12: Path
    """File of labels and sentences."""
    task3: Path
    """File of three sentences each."""
    images: int
    """Entries of each file: images."""
    triples: int
    """Labels in the first file: items."""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: a folder stands for the submission in it.

    Raises:
        MissingInputError: If a folder holds neither file.
        ConfigError: If no path, or a third one, is given.
    """
    files: list[Path] = []
    for path in paths:
        try:
            inside = [path]
            if path.is_dir():
                inside = [file for file in submission_files(path) if file.is_file()]
        except OSError as error:
            raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
        if not inside:
            raise MissingInputError(
                f"the folder holds neither {_NAMES[0]} nor {_NAMES[1]}", where=str(path)
            )
        files.extend(inside)
    if not 1 <= len(files) <= len(_NAMES):
        raise ConfigError(
            f"{len(files)} files of predictions",
            hint=f"name one file, or {_NAMES[0]} and {_NAMES[1]}",
        )
    return files


def submission_files(folder: Path) -> list[Path]:
    """Return the two files that a submission in a folder has."""
    return [folder / name for name in _NAMES]


def _recognise(row: Row | None, beginning: bytes) -> bool:
    # All lines of a JSON list are its own. Of a damaged one that does not begin with a bracket
    # those are that hold no row.
    starts_a_list = beginning.lstrip().startswith(b"[")
    return (row is None or starts_a_list) and names_key(beginning, "img_id")


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    """Return the rows of one or both files; which is which is decided from the content.

    A triple belongs to the gold item of its image with the same two tags. An image has one
    description a task, so all its items share it.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If an entry is wrong; file, entry and ``img_id`` are named.
        AlignmentError: If an image or item is not gold's, or both files answer the same tasks.
    """
    del task  # The two files tell theirs.
    reader = _Reader(gold)
    rows: list[Placed[PredictionRow]] = []
    parts: dict[str, Path] = {}
    for path in paths:
        entries = read_document(path)
        part = "task 3" if _is_task3(entries) else "tasks 1 and 2"
        if part in parts:
            raise AlignmentError(
                f"two files answer {part}: {parts[part]} and {path}",
                where=str(path),
                hint=f"name {_NAMES[0]} and {_NAMES[1]}",
            )
        parts[part] = path
        rows.extend(reader.read(path, entries, is_task3=part == "task 3"))
    counted = [f"{count:,} {what}" for what, count in sorted(reader.notes.items())]
    told = f"the challenge's submission, {' and '.join(parts)}, {len(rows):,} rows"
    return FoundRows(rows, "; ".join([told, *counted]))


FORMAT = Format("submission", _recognise, _read, most_files=len(_NAMES))


def _is_task3(entries: Sequence[Any]) -> bool:
    """Say by the majority of its entries which of the two files it is."""
    # By content, not by the file's name: people rename files. One entry with too few or too many
    # sentences must be an error of that entry, not turn the file into the other one.
    votes = Counter(_sentences_in(entry) for entry in entries if isinstance(entry, dict))
    return votes[3] > votes[1]


def _sentences_in(entry: dict[str, Any]) -> int | None:
    if "triple_list" in entry:
        return 1
    value = entry.get("description")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return 3 if len(texts) == 1 and parse_sentences(texts[0]) else len(texts)


class _Reader:
    """Finds the gold rows that entries answer, and counts what was passed over."""

    def __init__(self, gold: Sequence[GoldRow]) -> None:
        self.notes: Counter[str] = Counter()
        self._keys = {row.key for row in gold}
        # Image to its items: id to the item's first gold row, whatever its task.
        self._items: dict[str, dict[str, GoldRow]] = {}
        for row in gold:
            self._items.setdefault(image_name(row.image), {}).setdefault(row.id, row)

    def read(
        self, path: Path, entries: list[Any], *, is_task3: bool
    ) -> Iterator[Placed[PredictionRow]]:
        """Yield the rows of one file."""
        places: dict[str, int] = {}
        for number, entry in enumerate(entries):
            img_id = entry.get("img_id") if isinstance(entry, dict) else None
            if not isinstance(img_id, str | int) or isinstance(img_id, bool):
                raise DataError("expected an object with img_id", where=f"{path}, item [{number}]")
            if "captions" in entry and "description" not in entry:
                raise DataError(
                    "an annotation of VSD, not an answer: it has captions and no description",
                    where=f"{path}, item [{number}], img_id {str(img_id)!r}",
                    hint="VSD's files are gold: --gold vsdv1.json --gold vsdv2.json",
                )
            image = image_name(str(img_id))
            where = f"{path}, item [{number}], img_id {str(img_id)!r}"
            if image not in self._items:
                raise AlignmentError("no gold row is about this picture", where=where)
            if image in places:
                raise AlignmentError(
                    f"the picture stands twice: in items [{places[image]}] and [{number}]",
                    where=where,
                )
            places[image] = number
            if is_task3:
                yield from self._described(3, entry, image, where)
            else:
                yield from self._labelled(entry, image, where)
                yield from self._described(2, entry, image, where)

    def _labelled(
        self, entry: dict[str, Any], image: str, where: str
    ) -> Iterator[Placed[PredictionRow]]:
        triples = entry.get("triple_list", [])
        if not isinstance(triples, list):
            raise DataError("field 'triple_list' must be a list of triples", where=where)
        # A triple is found by its tags, not by its boxes, which need not be gold's.
        by_tags = {_tags(row.subject, row.object): row for row in self._items[image].values()}
        found: set[str] = set()
        for triple in triples:
            if not isinstance(triple, dict) or not all(
                isinstance(triple.get(name), str) for name in "sop"
            ):
                raise DataError("a triple must hold the texts s, o and p", where=where)
            row = by_tags.get(_tags(triple["s"], triple["o"]))
            if row is None:
                self.notes[_NOT_ASKED] += 1
            elif row.id in found:
                self.notes[_REPEATED] += 1
            else:
                found.add(row.id)
                yield from self._take(answer_to(replace(row, task=1), triple["p"], where))
        if triples and not found:
            raise AlignmentError(
                f"no triple is about a pair of gold's: {_asked(self._items[image])}", where=where
            )

    def _described(
        self, task: int, entry: dict[str, Any], image: str, where: str
    ) -> Iterator[Placed[PredictionRow]]:
        if "description" not in entry and task == 2:
            return
        value = entry.get("description")
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise DataError("field 'description' must be a list of texts", where=where)
        rows = list(self._items[image].values())
        self.notes[_SHARED] += len(rows) - 1
        # Adding nothing drops zeros, which would be told.
        self.notes += Counter()
        if task == 3 and len(texts) == 3:
            for row in rows:
                said = PredictionRow(row.id, 3, tuple(texts), " \n ".join(texts))
                yield from self._take(Placed(said, where))
            return
        if len(texts) != 1:
            expected = "three sentences" if task == 3 else "one sentence"
            raise DataError(
                f"task {task} has {expected}, got {len(texts)}", where=f"{where}, description"
            )
        for row in rows:
            yield from self._take(answer_to(replace(row, task=task), texts[0], where))

    def _take(self, placed: Placed[PredictionRow]) -> Iterator[Placed[PredictionRow]]:
        if placed.record.key in self._keys:
            yield placed
        else:
            self.notes[NO_GOLD] += 1


def _tags(subject: str, object_: str) -> tuple[str, str]:
    return " ".join(subject.casefold().split()), " ".join(object_.casefold().split())


def _asked(items: Mapping[str, GoldRow]) -> str:
    return "; ".join(f"{row.subject!r} and {row.object!r}" for row in items.values())


def write_submission(
    folder: Path, gold: Sequence[GoldRow], predictions: Sequence[PredictionRow]
) -> Submission:
    """Write ``task1-2.json`` and ``task3.json``, with short labels, once every row is there.

    An image has one description a task: where gold has several items of an image, the first
    one's is written. Both files appear whole, or neither does.

    Args:
        folder: Where the files go; it is made if need be.
        gold: The gold rows of all three tasks, with boxes.
        predictions: One for each gold row.

    Raises:
        AlignmentError: If a gold row has no answer, or a label is none of the nine; the first
            is named, all are counted.
        DataError: If gold has no rows, or a row has no boxes.
        VsdkitError: If the folder cannot be written to.
    """
    answers = {row.key: row.prediction for row in predictions}
    _check_answers(gold, answers)
    images: dict[str, dict[str, GoldRow]] = {}
    for row in gold:
        images.setdefault(row.image, {}).setdefault(row.id, row)
    first: list[dict[str, Any]] = []
    second: list[dict[str, Any]] = []
    triples = 0
    for image, items in images.items():
        leading = next(iter(items))
        sentence, sentences = answers[RowKey(leading, 2)], answers[RowKey(leading, 3)]
        marked = [_triple(row, answers[RowKey(row.id, 1)]) for row in items.values()]
        triples += len(marked)
        first.append({"img_id": image, "triple_list": marked, "description": [sentence]})
        second.append({"img_id": image, "description": list(sentences or ())})
    paths = submission_files(folder)
    with ExitStack() as stack:
        files = [stack.enter_context(open_atomic(path)) for path in paths]
        for file, entries in zip(files, (first, second), strict=True):
            file.write("[\n" + ",\n".join(map(dump_json, entries)) + "\n]\n")
            # On the disk before the first of them gets its name: a full one leaves neither.
            file.flush()
            os.fsync(file.fileno())
    return Submission(paths[0], paths[1], len(images), triples)


def _check_answers(
    gold: Sequence[GoldRow], answers: Mapping[RowKey, str | tuple[str, ...] | None]
) -> None:
    ids = dict.fromkeys(row.id for row in gold)
    if not ids:
        raise DataError("gold has no rows: nothing to submit")
    wanted = [RowKey(one, task) for one in ids for task in (1, 2, 3)]
    wrong = [key for key in wanted if not _is_answer(key, answers.get(key))]
    if wrong:
        raise AlignmentError(
            f"{len(wrong):,} of {len(wanted):,} answers are missing, empty or no label; "
            f"the first: {wrong[0]}",
            hint="a submission answers all three tasks for every picture: predict these rows again",
        )
    boxless = next((row for row in gold if not (row.subject_box and row.object_box)), None)
    if boxless is not None:
        raise DataError("a submission needs the boxes of both objects", where=str(boxless.key))


def _is_answer(key: RowKey, answer: str | tuple[str, ...] | None) -> bool:
    if key.task == 3:
        return isinstance(answer, tuple) and len(answer) == 3 and all(one.strip() for one in answer)
    if not isinstance(answer, str) or not answer.strip():
        return False
    return key.task == 2 or find_relation(answer) is not None


def _triple(row: GoldRow, label: str | tuple[str, ...] | None) -> dict[str, Any]:
    return {
        "s": row.subject,
        "o": row.object,
        "p": short_form(parse_relation(str(label))),
        "s_bbox": list(row.subject_box or ()),
        "o_bbox": list(row.object_box or ()),
    }
