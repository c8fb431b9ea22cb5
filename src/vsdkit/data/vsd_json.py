"""VSDv1 and VSDv2 as they are published: lists of pictures with marked pairs and captions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.data.jsonl import decode_text, parse_json
from vsdkit.data.records import IMAGE_MARK, Box, parse_box
from vsdkit.data.relations import parse_relation
from vsdkit.errors import AlignmentError, DataError, MissingInputError

__all__ = ["JoinedItem", "Triple", "VsdItem", "join_items", "parse_pictures", "read_vsd"]

_CAPTION_KEYS = ("captions", "description")
"""The published files write the first, the challenge page the second."""

"""Stands for the picture in an instruction row, so no tag or caption may hold it."""

_SHOWN_CHARACTERS = 80

_IMG_ID = re.compile(r'"img_id"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Triple:
    """Two marked objects of a picture and the relation of the first to the second."""

    subject: str
    relation: str
    object: str
    subject_box: Box
    object_box: Box


@dataclass(frozen=True, slots=True)
class VsdItem:
    """One picture of a VSD file; ``captions`` are as they stand there, repeated ones too."""

    id: str
    triples: tuple[Triple, ...]
    captions: tuple[str, ...]


class JoinedItem(NamedTuple):
    """One picture with the captions of both data sets; ``triples`` are VSDv1's."""

    id: str
    triples: tuple[Triple, ...]
    v1_captions: tuple[str, ...]
    v2_captions: tuple[str, ...]


def read_vsd(path: Path) -> list[VsdItem]:
    """Return the pictures of a VSD file, in its order.

    A caption list may be called ``captions`` or ``description`` and may be one text; labels may
    be long or short.

    Args:
        path: A JSON file: a list of ``{"img_id", "triple_list", "captions"}``.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is not such a file; file, item and field are named.

    Source:
        zhaoyucs/VSD ``dataset/VSDv1/{split}.json``; the challenge's ``{split}_description.json``.
    """
    entries = _load_list(path)
    items: list[VsdItem] = []
    places: dict[str, int] = {}
    for index, entry in enumerate(entries):
        # What was read is let go at once, so that both forms never stand in memory whole.
        entries[index] = None
        try:
            item = _item(entry)
        except _FieldError as error:
            raise DataError(error.message, where=_place(path, index, entry, error.field)) from error
        if item.id in places:
            raise DataError(
                f"img_id {item.id!r} stands twice: in items [{places[item.id]}] and [{index}]",
                where=_place(path, index, entry, "img_id"),
                hint="leave one of the two out",
            )
        places[item.id] = index
        items.append(item)
    return items


def parse_pictures(content: bytes, path: Path, *, hint: str) -> Any:
    """Return the JSON value in the bytes of a file whose entries are named by ``img_id``.

    Args:
        content: The file's bytes.
        path: Where they were read, for messages.
        hint: What to do about a file that is not JSON.

    Raises:
        DataError: If it is not UTF-8 or not JSON; the last ``img_id`` before the fault is named,
            since what follows it cannot be read.
    """
    try:
        text = decode_text(content)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise DataError("not UTF-8 text", where=_after(path, before), hint=hint) from error
    try:
        return parse_json(text)
    except ValueError as error:
        before = text[: getattr(error, "pos", 0)]
        raise DataError(f"not JSON: {error}", where=_after(path, before), hint=hint) from error


def join_items(
    v1: Sequence[VsdItem], v2: Sequence[VsdItem], *, v1_path: Path, v2_path: Path
) -> list[JoinedItem]:
    """Return the pictures of both files joined by ``img_id``, in VSDv1's order.

    VSDv2 keeps the first triples of VSDv1, so the first one must be the same in both.

    Args:
        v1: Pictures of VSDv1.
        v2: Pictures of VSDv2.
        v1_path: Where VSDv1 was read, for messages.
        v2_path: Where VSDv2 was read, for messages.

    Raises:
        AlignmentError: If the files hold different pictures, disagree about one, or were swapped.
    """
    by_id = {item.id: item for item in v2}
    _check_same_ids(v1, by_id, v1_path, v2_path)
    pairs = [(item, by_id[item.id]) for item in v1]
    _check_not_swapped(pairs, v1_path, v2_path)
    for first, second in pairs:
        if first.triples[0] != second.triples[0]:
            raise AlignmentError(
                f"VSDv1 and VSDv2 mark different things in {first.id!r}: "
                f"{_told(first.triples[0])} against {_told(second.triples[0])}",
                where=f"{v1_path} and {v2_path}, img_id {first.id!r}, field triple_list[0]",
                hint="give VSDv1 and VSDv2 of one release and one split",
            )
    return [
        JoinedItem(first.id, first.triples, first.captions, second.captions)
        for first, second in pairs
    ]


def _check_same_ids(
    v1: Sequence[VsdItem], v2: dict[str, VsdItem], v1_path: Path, v2_path: Path
) -> None:
    in_v1 = {item.id for item in v1}
    only_v1 = [item.id for item in v1 if item.id not in v2]
    only_v2 = [id_ for id_ in v2 if id_ not in in_v1]
    if not only_v1 and not only_v2:
        return
    parts = [
        f"{len(ids):,} of {total:,} only in {path} (first: {ids[0]!r})"
        for ids, total, path in ((only_v1, len(v1), v1_path), (only_v2, len(v2), v2_path))
        if ids
    ]
    raise AlignmentError(
        f"the two files do not hold the same pictures: {'; '.join(parts)}",
        where=f"{v1_path} and {v2_path}, field img_id",
        hint="give VSDv1 and VSDv2 of the same split",
    )


def _check_not_swapped(
    pairs: Sequence[tuple[VsdItem, VsdItem]], v1_path: Path, v2_path: Path
) -> None:
    # VSDv2 keeps a beginning of VSDv1's triples: never the other way round in the public splits.
    longer = [first.id for first, second in pairs if len(second.triples) > len(first.triples)]
    shorter = any(len(second.triples) < len(first.triples) for first, second in pairs)
    if longer and not shorter:
        raise AlignmentError(
            f"the two files look swapped: VSDv2 keeps a beginning of VSDv1's triples, but the "
            f"second file has more in {len(longer):,} pictures (first: {longer[0]!r})",
            where=f"{v1_path} and {v2_path}, field triple_list",
            hint=f"name VSDv1 first: {v2_path} {v1_path}",
        )


def _told(triple: Triple) -> str:
    boxes = f"{list(triple.subject_box)} {list(triple.object_box)}"
    return f"{triple.subject!r} {triple.relation} {triple.object!r} {boxes}"


class _FieldError(Exception):
    """What is wrong in a field of an item, before the file and the item are known."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def _load_list(path: Path) -> list[Any]:
    hint = "fetch the file again; VSD's files are JSON lists, not JSON Lines"
    entries = parse_pictures(_read_utf8(path), path, hint=hint)
    if not isinstance(entries, list):
        raise DataError(
            f"expected a list of pictures, got {_kind(entries)}",
            where=str(path),
            hint='the file must be [{"img_id": ..., "triple_list": [...], "captions": [...]}, ...]',
        )
    if not entries:
        raise DataError("the list holds no pictures", where=str(path))
    return entries


def _read_utf8(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError(
            "no such file", where=str(path), hint="docs/data.md tells where VSD's files come from"
        ) from error
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    # JSON begins with an ASCII character, so a zero among the first two bytes means 16 or 32 bits.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]:
        raise DataError(
            "UTF-16 text, expected UTF-8",
            where=str(path),
            hint=f"convert it: iconv -f UTF-16 -t UTF-8 {path} > utf8.json",
        )
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise DataError("the file is empty", where=str(path), hint="fetch it again")
    return content


def _after(path: Path, before: str) -> str:
    ids = _IMG_ID.findall(before)
    return f"{path}, " + (
        f"img_id {ids[-1]!r} or the one after it" if ids else "before or in item [0]"
    )


def _item(entry: object) -> VsdItem:
    if not isinstance(entry, dict):
        raise _FieldError(f"expected an object, got {_kind(entry)}", "")
    item_id = _text(entry, "img_id")
    triples = _present(entry, "triple_list")
    if not isinstance(triples, list) or not triples:
        raise _FieldError(
            f"expected a list of at least one triple, got {_shown(triples)}", "triple_list"
        )
    parsed = tuple(_triple(triple, number) for number, triple in enumerate(triples))
    return VsdItem(item_id, parsed, _captions(entry))


def _triple(value: object, number: int) -> Triple:
    parent = f"triple_list[{number}]"
    if not isinstance(value, dict):
        raise _FieldError(f"expected an object with s, p, o, got {_kind(value)}", parent)
    try:
        return Triple(
            subject=_text(value, "s"),
            relation=_relation(value),
            object=_text(value, "o"),
            subject_box=_box(value, "s_bbox"),
            object_box=_box(value, "o_bbox"),
        )
    except _FieldError as error:
        raise _FieldError(error.message, f"{parent}.{error.field}") from error


def _relation(triple: dict[str, Any]) -> str:
    label = _text(triple, "p")
    try:
        return parse_relation(label)
    except DataError as error:
        raise _FieldError(error.message, "p") from error


def _box(triple: dict[str, Any], name: str) -> Box:
    value = _present(triple, name)
    try:
        return parse_box(value)
    except DataError as error:
        raise _FieldError(error.message, name) from error


def _captions(entry: dict[str, Any]) -> tuple[str, ...]:
    names = [name for name in _CAPTION_KEYS if name in entry]
    if len(names) != 1:
        got = "both" if names else "neither"
        raise _FieldError(f"expected 'captions' or 'description', got {got}", _CAPTION_KEYS[0])
    name, value = names[0], entry[names[0]]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise _FieldError(f"expected a list of captions or one caption, got {_kind(value)}", name)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise _FieldError(f"expected text, got {_shown(text)}", f"{name}[{number}]")
        if IMAGE_MARK in text:
            raise _marked(text, f"{name}[{number}]")
    return tuple(texts)


def _text(value: dict[str, Any], name: str) -> str:
    text = _present(value, name)
    if not isinstance(text, str) or not text.strip():
        raise _FieldError(f"expected text that is not empty, got {_shown(text)}", name)
    if IMAGE_MARK in text:
        raise _marked(text, name)
    return text


def _marked(text: str, field: str) -> _FieldError:
    return _FieldError(f"{IMAGE_MARK} stands for the picture, got {_shown(text)}", field)


def _present(value: dict[str, Any], name: str) -> Any:
    if name not in value:
        raise _FieldError(f"field {name!r} is missing", name)
    return value[name]


def _place(path: Path, index: int, entry: object, field: str) -> str:
    parts = [str(path), f"item [{index}]"]
    if isinstance(entry, dict) and isinstance(entry.get("img_id"), str):
        parts.append(f"img_id {entry['img_id']!r}")
    if field:
        parts.append(f"field {field}")
    return ", ".join(parts)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), repr(value))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
