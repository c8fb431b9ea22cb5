"""VSD's files as they really are, and every way in which one can be broken."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data import published
from vsdkit.data.published import PublishedFile, blob_id
from vsdkit.data.records import Box
from vsdkit.data.vsd_json import VsdImage, join_images, read_vsd, read_vsd_pair
from vsdkit.errors import AlignmentError, DataError, MissingInputError


def _item(img_id: str = "7", *captions: str, triples: int = 1) -> dict[str, Any]:
    triple = {"s": "cup", "o": "desk", "p": "on", "s_bbox": [1, 9, 2, 8], "o_bbox": [5, 50, 0, 99]}
    further = [triple | {"s": f"cup {number}"} for number in range(2, triples + 1)]
    return {
        "img_id": img_id,
        "triple_list": [triple, *further],
        "captions": list(captions or ("a cup on a desk",)),
    }


def _write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _read(folder: Path, *items: object) -> list[VsdImage]:
    return read_vsd(_write(folder / "v1.json", list(items)))


def test_an_item_with_its_boxes_in_y_before_x(tmp_path: Path) -> None:
    (item,) = _read(tmp_path, _item("nyu_hall_1.5-2.7.png", "a", "a", " b "))
    (triple,) = item.triples
    assert item.id == "nyu_hall_1.5-2.7.png"
    assert item.captions == ("a", "a", " b ")
    assert (triple.subject, triple.relation, triple.object) == ("cup", "on", "desk")
    assert triple.subject_box == Box(y_min=1, y_max=9, x_min=2, x_max=8)


@pytest.mark.parametrize(
    ("captions", "read"),
    [
        ({"captions": "one text"}, ("one text",)),
        ({"description": ["a", "b"]}, ("a", "b")),
        ({"description": "one text"}, ("one text",)),
        ({"captions": []}, ()),
    ],
)
def test_captions_go_by_two_names_and_two_shapes(
    tmp_path: Path, captions: dict[str, Any], read: tuple[str, ...]
) -> None:
    item = _item()
    del item["captions"]
    assert _read(tmp_path, item | captions)[0].captions == read


def test_short_labels_and_other_keys_are_taken(tmp_path: Path) -> None:
    item = _item() | {"width": 640}
    item["triple_list"][0] |= {"p": "left", "score": 1}
    assert _read(tmp_path, item)[0].triples[0].relation == "to the left of"


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "v1.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps([_item()]).encode())
    assert len(read_vsd(path)) == 1


def _break(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    item = copy.deepcopy(_item())
    change(item)
    return item


def _set(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda item: item.update(fields)


def _set_triple(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda item: item["triple_list"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        (lambda item: item.pop("img_id"), "field 'img_id' is missing", "img_id"),
        (_set(img_id=7), "expected text that is not empty, got 7", "img_id"),
        (_set(img_id=" "), "expected text that is not empty, got ' '", "img_id"),
        (lambda item: item.pop("triple_list"), "'triple_list' is missing", "triple_list"),
        (_set(triple_list=[]), "expected a list of at least one triple, got []", "triple_list"),
        (_set(triple_list=["x"]), "expected an object with s, p, o, got a text", "triple_list[0]"),
        (_set_triple(s=""), "expected text that is not empty, got ''", "triple_list[0].s"),
        (_set_triple(o=None), "expected text that is not empty, got None", "triple_list[0].o"),
        (_set_triple(s="an <image>"), "<image> stands for the picture", "triple_list[0].s"),
        (_set_triple(p="beside"), "unknown relation 'beside'; known: on", "triple_list[0].p"),
        (_set_triple(p=3), "expected text that is not empty, got 3", "triple_list[0].p"),
        (_set_triple(s_bbox=[1, 2, 3]), "a box is four numbers", "triple_list[0].s_bbox"),
        (_set_triple(o_bbox=[9, 1, 2, 8]), "with ymin < ymax", "triple_list[0].o_bbox"),
        (
            lambda item: item["triple_list"][0].pop("o_bbox"),
            "field 'o_bbox' is missing",
            "triple_list[0].o_bbox",
        ),
        (_set(description="x"), "'captions' or 'description', got both", "captions"),
        (_set(captions=5), "a list of captions or one caption, got 5", "captions"),
        (_set(captions=["a", 5]), "expected text, got 5", "captions[1]"),
        (_set(captions=["<image>"]), "<image> stands for the picture", "captions[0]"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_item(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str, field: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        _read(tmp_path, _item("6"), _break(change))
    assert caught.value.where.startswith(f"{tmp_path / 'v1.json'}, item [1]")
    assert caught.value.where.endswith(f"field {field}")


@pytest.mark.parametrize(
    "change",
    [lambda item: item.pop("captions"), _set(captions=None), _set(captions=[])],
    ids=["missing", "null", "empty"],
)
def test_a_picture_may_lack_captions(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    assert _read(tmp_path, _item("6"), _break(change))[1].captions == ()


def test_a_file_in_which_nothing_is_called_captions_is_refused(tmp_path: Path) -> None:
    item = _item()
    item["caption"] = item.pop("captions")
    with pytest.raises(DataError, match="no picture has captions"):
        _read(tmp_path, item)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"p": "on"', '"p": NaN', "NaN is no JSON, field 'p'"),
        ('"p": "on"', '"p": "on", "p": "in"', "the key 'p' stands twice"),
    ],
)
def test_what_is_no_json_is_named_by_the_picture_before(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "v1.json"
    first, second = (json.dumps(_item(one)) for one in ("6", "7"))
    assert old in second
    path.write_text(f"[{first}, {second.replace(old, new)}]", encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_vsd(path)
    assert "'6' or the one after it" in caught.value.where or "img_id '7'" in caught.value.where


def test_a_long_wrong_value_is_not_shown_whole(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got \['y+\.\.\.") as caught:
        _read(tmp_path, _item() | {"captions": [["y" * 5_000]]})
    assert len(caught.value.message) < 150


def test_an_item_that_is_no_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected an object, got a list") as caught:
        _read(tmp_path, _item(), [])
    assert caught.value.where == f"{tmp_path / 'v1.json'}, item [1]"


def test_an_id_may_stand_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"img_id '7' stands twice: in items \[0\] and \[2\]"):
        _read(tmp_path, _item("7"), _item("8"), _item("7"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"[{]", "not JSON"),
        (b"<!DOCTYPE html>", "not JSON"),
        (b'{"img_id": "1"}\n{"img_id": "2"}\n', "not JSON"),
        (b'[{"img_id": "\xe9"}]', "not JSON"),
        (b"[]", "the list holds no pictures"),
        (b'{"7": {}}', "expected a list of pictures, got an object"),
        (b"null", "expected a list of pictures, got null"),
        ("[]".encode("utf-16"), "UTF-16 text, expected UTF-8"),
        ("[]".encode("utf-16-le"), "UTF-16 text, expected UTF-8"),
        ("[]".encode("utf-16-be"), "UTF-16 text, expected UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_pictures(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "v1.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_vsd(path)
    assert caught.value.where.startswith(str(path))


def test_what_cannot_be_read_is_named_by_the_picture_before(tmp_path: Path) -> None:
    path = tmp_path / "v1.json"
    for fault in (b"x", b'"\xff"'):
        path.write_bytes(b'[{"img_id": "7"}, {"img_id" : "a\\"b", "captions": ' + fault + b"}]")
        with pytest.raises(DataError, match=r"not (JSON|UTF-8)") as caught:
            read_vsd(path)
        assert caught.value.where == f"{path}, img_id 'a\\\\\"b' or the one after it"


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "v1.json"
    triple = '{"s": "a", "o": "b", "p": "on", "s_bbox": [1, 2, 1, 2], "o_bbox": [1, 2, 1, 2]}'
    path.write_text(f'[{{"img_id": "1", "triple_list": [{triple}], "captions": "\\ud83d."}}]')
    assert read_vsd(path)[0].captions == ("\ufffd.",)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file") as caught:
        read_vsd(tmp_path / "v1.json")
    assert "docs/data.md" in caught.value.hint
    with pytest.raises(MissingInputError, match="cannot be read"):
        read_vsd(tmp_path)


def _join(folder: Path, v1: list[Any], v2: list[Any]) -> Any:
    paths = _write(folder / "v1.json", v1), _write(folder / "v2.json", v2)
    return join_images(read_vsd(paths[0]), read_vsd(paths[1]), v1_path=paths[0], v2_path=paths[1])


def test_files_are_joined_by_id_and_not_by_place(tmp_path: Path) -> None:
    joined = _join(
        tmp_path,
        [_item("1", "a", triples=3), _item("2", "b")],
        [_item("2", "B"), _item("1", "A")],
    )
    assert [(item.id, item.v1_captions, item.v2_captions) for item in joined] == [
        ("1", ("a",), ("A",)),
        ("2", ("b",), ("B",)),
    ]
    assert len(joined[0].triples) == 3


def test_other_pictures_are_counted_and_the_first_named(tmp_path: Path) -> None:
    v1 = [_item(str(number)) for number in range(5)]
    with pytest.raises(AlignmentError, match="do not hold the same pictures") as caught:
        _join(tmp_path, v1, [*v1[:3], _item("x")])
    assert "2 of 5 only in" in caught.value.message
    assert "(first: '3')" in caught.value.message
    assert "1 of 4 only in" in caught.value.message
    assert "(first: 'x')" in caught.value.message


@pytest.mark.parametrize("change", [{"s": "mug"}, {"p": "in"}, {"o_bbox": [0, 1, 0, 1]}])
def test_one_picture_with_another_first_triple(tmp_path: Path, change: dict[str, Any]) -> None:
    other = _break(_set_triple(**change))
    with pytest.raises(AlignmentError, match="mark different things in '7'") as caught:
        _join(tmp_path, [_item("6"), _item("7")], [_item("6"), other])
    assert "field triple_list[0]" in caught.value.where


def test_swapped_files_are_told_apart_by_their_triples(tmp_path: Path) -> None:
    longer, shorter = [_item("6"), _item("7", triples=2)], [_item("6"), _item("7")]
    assert len(_join(tmp_path, longer, shorter)) == 2
    with pytest.raises(AlignmentError, match=r"look swapped.*in 1 pictures \(first: '7'\)") as e:
        _join(tmp_path, shorter, longer)
    v1, v2 = tmp_path / "v1.json", tmp_path / "v2.json"
    assert e.value.hint == f"name VSDv1 first: {v2} {v1}"


def test_published_files_are_told_and_refused_in_each_others_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v1 = _write(tmp_path / "v1.json", [_item("6", "a")])
    v2 = _write(tmp_path / "v2.json", [_item("6", "A")])
    known = {v1: PublishedFile("VSDv1", "val"), v2: PublishedFile("VSDv2", "val")}
    ids = {blob_id(path.read_bytes()): file for path, file in known.items()}
    monkeypatch.setattr(published, "PUBLISHED", ids)
    monkeypatch.setattr(published, "_IMAGES", {1: "val"})
    pair = read_vsd_pair(v1, v2)
    assert len(pair.images) == 1
    assert (pair.v1.told, pair.v2.told) == ("VSDv1 val, as published", "VSDv2 val, as published")
    with pytest.raises(AlignmentError, match="the two files are swapped"):
        read_vsd_pair(v2, v1)
