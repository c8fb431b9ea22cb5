"""Read VSDv1 and VSDv2 as they are published, and join them by image."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vsdkit.data.json_text import decode_text, parse_json, refuse_packed
from vsdkit.data.published import Known, recognise, refuse_swapped
from vsdkit.data.records import IMAGE_MARK, Box, parse_box
from vsdkit.data.relations import parse_relation
from vsdkit.errors import AlignmentError, DataError, MissingInputError

__all__ = [
    "JoinedImage",
    "Triple",
    "VsdImage",
    "VsdPair",
    "join_images",
    "parse_entries",
    "read_vsd",
    "read_vsd_pair",
]

Parsed = TypeVar("Parsed")

_CAPTION_KEYS = ("captions", "description")
"""The published files write the first, the challenge page the second."""

_SHOWN_CHARACTERS = 80
"""Longest wrong value that an error shows whole: a line of a terminal."""

# A key and its text with escapes, wherever they stand; the file around them may be damaged.
_IMG_ID = re.compile(r'"img_id"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Triple:
    """Two marked objects of an image and the relation of the first to the second."""

    subject: str
    """Tag of the first object."""
    relation: str
    """Label, in its long form."""
    object: str
    """Tag of the second object."""
    subject_box: Box
    """Where the first object is."""
    object_box: Box
    """Where the second object is."""


@dataclass(frozen=True, slots=True)
class VsdImage:
    """One image of a VSD file."""

    id: str
    """``img_id``: a Visual Genome number or a file name."""
    triples: tuple[Triple, ...]
    """At least one."""
    captions: tuple[str, ...]
    """As they stand in the file, repeated ones too; none where the file has none."""


class JoinedImage(NamedTuple):
    """One image with the captions of both data sets."""

    id: str
    """``img_id``, the same in both."""
    triples: tuple[Triple, ...]
    """VSDv1's; VSDv2 keeps a beginning of them."""
    v1_captions: tuple[str, ...]
    """VSDv1's, as they stand in the file."""
    v2_captions: tuple[str, ...]
    """VSDv2's, as they stand in the file."""


class VsdPair(NamedTuple):
    """Both files of a split."""

    images: list[JoinedImage]
    """Their images, in VSDv1's order."""
    v1: Known
    """What is known of VSDv1's file."""
    v2: Known
    """What is known of VSDv2's file."""


def read_vsd_pair(v1: Path, v2: Path) -> VsdPair:
    """Return the images of VSDv1 and VSDv2, and which published files the two are.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If one is no VSD file; file, entry and field are named.
        AlignmentError: If the two do not belong together, or were swapped.
    """
    images, known = zip(*(_read_known(path) for path in (v1, v2)), strict=True)
    refuse_swapped(known[0], known[1], v1_path=v1, v2_path=v2)
    return VsdPair(join_images(images[0], images[1], v1_path=v1, v2_path=v2), known[0], known[1])


def _read_known(path: Path) -> tuple[list[VsdImage], Known]:
    # Read once: it may be a pipe.
    content = _read_bytes(path)
    images = _parse_images(content, path)
    return images, recognise(content, images=len(images))


def read_vsd(path: Path) -> list[VsdImage]:
    """Return the images of a VSD file, in its order.

    A caption list may be called ``captions`` or ``description`` and may be one text; an image may
    lack it, but not every image. Labels may be long or short.

    Args:
        path: A JSON file: a list of ``{"img_id", "triple_list", "captions"}``.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is not such a file; file, entry and field are named.

    Source:
        zhaoyucs/VSD ``dataset/VSDv1/{split}.json``; the challenge's ``{split}_description.json``.
    """
    return _parse_images(_read_bytes(path), path)


def _parse_images(content: bytes, path: Path) -> list[VsdImage]:
    entries = _load_list(content, path)
    images: list[VsdImage] = []
    places: dict[str, int] = {}
    has_captions = False
    for index, entry in enumerate(entries):
        # What was read is let go at once, so that both forms never stand in memory whole.
        entries[index] = None
        try:
            image = _image(entry)
            if image.id in places:
                raise DataError(
                    f"img_id {image.id!r} stands twice: in items [{places[image.id]}] and "
                    f"[{index}]",
                    where="field img_id",
                    hint="leave one of the two out",
                )
        except DataError as error:
            raise error.at(_place(path, index, entry)) from error
        places[image.id] = index
        images.append(image)
        has_captions = has_captions or any(name in entry for name in _CAPTION_KEYS)
    if not has_captions:
        raise DataError(
            "no picture has captions: neither 'captions' nor 'description' is there",
            where=f"{path}, field {_CAPTION_KEYS[0]}",
            hint="VSD's files name them so",
        )
    return images


def parse_entries(content: bytes, path: Path, *, hint: str) -> Any:
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
        # json and orjson tell the place; a key that is there twice only by characters replaced
        # has none.
        before = text[: error.pos] if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(f"not JSON: {error}", where=_after(path, before), hint=hint) from error


def join_images(
    v1: Sequence[VsdImage], v2: Sequence[VsdImage], *, v1_path: Path, v2_path: Path
) -> list[JoinedImage]:
    """Return the images of both files joined by ``img_id``, in VSDv1's order.

    VSDv2 keeps the first triples of VSDv1, so the first one must be the same in both.

    Args:
        v1: Images of VSDv1.
        v2: Images of VSDv2.
        v1_path: Where VSDv1 was read, for messages.
        v2_path: Where VSDv2 was read, for messages.

    Raises:
        AlignmentError: If the files hold different images, disagree about one, or were swapped.
    """
    # From what concerns the whole files to what concerns one image: files of two splits would
    # otherwise be reported as one odd image.
    by_id = {image.id: image for image in v2}
    _check_same_ids(v1, by_id, v1_path, v2_path)
    pairs = [(image, by_id[image.id]) for image in v1]
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
        JoinedImage(first.id, first.triples, first.captions, second.captions)
        for first, second in pairs
    ]


def _check_same_ids(
    v1: Sequence[VsdImage], v2: dict[str, VsdImage], v1_path: Path, v2_path: Path
) -> None:
    in_v1 = {image.id for image in v1}
    only_v1 = [image.id for image in v1 if image.id not in v2]
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
    pairs: Sequence[tuple[VsdImage, VsdImage]], v1_path: Path, v2_path: Path
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


def _load_list(content: bytes, path: Path) -> list[Any]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise DataError("the file is empty", where=str(path), hint="fetch it again")
    hint = "fetch the file again; VSD's files are JSON lists, not JSON Lines"
    entries = parse_entries(content, path, hint=hint)
    if not isinstance(entries, list):
        raise DataError(
            f"expected a list of pictures, got {_kind(entries)}",
            where=str(path),
            hint='the file must be [{"img_id": ..., "triple_list": [...], "captions": [...]}, ...]',
        )
    if not entries:
        raise DataError("the list holds no pictures", where=str(path))
    return entries


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError(
            "no such file", where=str(path), hint="docs/data.md tells where VSD's files come from"
        ) from error
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    refuse_packed(content, path)
    return content


def _after(path: Path, before: str) -> str:
    ids = _IMG_ID.findall(before)
    return f"{path}, " + (
        f"img_id {ids[-1]!r} or the one after it" if ids else "before or in item [0]"
    )


def _image(entry: object) -> VsdImage:
    if not isinstance(entry, dict):
        raise DataError(f"expected an object, got {_kind(entry)}")
    image_id = _text(entry, "img_id")
    triples = _present(entry, "triple_list")
    if not isinstance(triples, list) or not triples:
        raise DataError(
            f"expected a list of at least one triple, got {_shown(triples)}",
            where="field triple_list",
        )
    parsed = tuple(
        _triple(triple, f"triple_list[{number}]") for number, triple in enumerate(triples)
    )
    return VsdImage(image_id, parsed, _captions(entry))


def _triple(value: object, parent: str) -> Triple:
    if not isinstance(value, dict):
        raise DataError(
            f"expected an object with s, p, o, got {_kind(value)}", where=f"field {parent}"
        )
    return Triple(
        subject=_text(value, "s", parent),
        relation=_parsed(parse_relation, _text(value, "p", parent), "p", parent),
        object=_text(value, "o", parent),
        subject_box=_box(value, "s_bbox", parent),
        object_box=_box(value, "o_bbox", parent),
    )


def _box(triple: dict[str, Any], name: str, parent: str) -> Box:
    return _parsed(parse_box, _present(triple, name, parent), name, parent)


def _parsed(parse: Callable[[Any], Parsed], value: object, name: str, parent: str) -> Parsed:
    try:
        return parse(value)
    except DataError as error:
        raise error.at(_field(name, parent)) from error


def _captions(entry: dict[str, Any]) -> tuple[str, ...]:
    names = [name for name in _CAPTION_KEYS if name in entry]
    if len(names) > 1:
        raise DataError(
            "expected 'captions' or 'description', got both", where=f"field {_CAPTION_KEYS[0]}"
        )
    if not names or entry[names[0]] is None:
        return ()
    name, value = names[0], entry[names[0]]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise DataError(
            f"expected a list of captions or one caption, got {_kind(value)}",
            where=f"field {name}",
        )
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"expected text, got {_shown(text)}", where=f"field {name}[{number}]")
        if IMAGE_MARK in text:
            raise _marked(text, f"field {name}[{number}]")
    return tuple(texts)


def _text(value: dict[str, Any], name: str, parent: str = "") -> str:
    text = _present(value, name, parent)
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"expected text that is not empty, got {_shown(text)}", where=_field(name, parent)
        )
    # An instruction row has the mark where the image stands, and once.
    if IMAGE_MARK in text:
        raise _marked(text, _field(name, parent))
    return text


def _marked(text: str, where: str) -> DataError:
    return DataError(f"{IMAGE_MARK} stands for the picture, got {_shown(text)}", where=where)


def _present(value: dict[str, Any], name: str, parent: str = "") -> Any:
    if name not in value:
        raise DataError(f"field {name!r} is missing", where=_field(name, parent))
    return value[name]


def _field(name: str, parent: str) -> str:
    return f"field {parent}.{name}" if parent else f"field {name}"


def _place(path: Path, index: int, entry: object) -> str:
    place = f"{path}, item [{index}]"
    if isinstance(entry, dict) and isinstance(entry.get("img_id"), str):
        place += f", img_id {entry['img_id']!r}"
    return place


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), repr(value))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
