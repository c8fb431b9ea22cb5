"""Items: gold rows as they are, one's own rows filled up, wrong rows named by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.items import parse_item, read_items
from vsdkit.data.records import Box
from vsdkit.errors import DataError, MissingInputError

PAIR = {"image": "1.jpg", "subject": "cat", "object": "mat"}


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "items.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_gold_rows_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = [
        PAIR | {"id": "a", "task": task, "relations": ["on"], "references": ["x"]}
        for task in (2, 1)
    ]
    read = read_items(jsonl(tmp_path, *rows))
    assert [(row.id, row.task, row.relations) for row in read] == [
        ("a", 2, ("on",)),
        ("a", 1, ("on",)),
    ]


def test_own_rows_ask_every_task_and_get_a_name(tmp_path: Path) -> None:
    read = read_items(jsonl(tmp_path, PAIR, PAIR | {"subject": "dog"}), tasks=(1, 3))
    assert [(row.id, row.task) for row in read] == [
        ("1.jpg:cat:mat", 1),
        ("1.jpg:cat:mat", 3),
        ("1.jpg:dog:mat", 1),
        ("1.jpg:dog:mat", 3),
    ]


def test_two_pairs_of_the_same_tags_get_two_names(tmp_path: Path) -> None:
    read = read_items(jsonl(tmp_path, PAIR, PAIR, PAIR), tasks=(1,))
    assert [row.id for row in read] == ["1.jpg:cat:mat", "1.jpg:cat:mat#2", "1.jpg:cat:mat#3"]


def test_rows_of_one_task_each_share_the_name(tmp_path: Path) -> None:
    read = read_items(jsonl(tmp_path, PAIR | {"task": 1}, PAIR | {"task": 2}))
    assert [(row.id, row.task) for row in read] == [("1.jpg:cat:mat", 1), ("1.jpg:cat:mat", 2)]


def test_one_item_is_read_as_a_file_of_one(tmp_path: Path) -> None:
    row = PAIR | {"subject_box": [1, 5, 2, 9]}
    read = read_items(jsonl(tmp_path, row | {"id": "a"}), tasks=(1, 3))
    assert parse_item(row | {"id": "a"}, tasks=(1, 3)) == read
    # Names are of files, where two items must not share one.
    assert [one.id for one in parse_item(row)] == ["-"] * 3
    assert [one.task for one in parse_item(row | {"task": 2}, tasks=(1, 3))] == [2]
    with pytest.raises(DataError, match="'object' must be text"):
        parse_item({"image": "1.jpg", "subject": "cat"})


def test_a_visual_genome_number_gets_its_extension(tmp_path: Path) -> None:
    assert read_items(jsonl(tmp_path, PAIR | {"image": "2670"}))[0].image == "2670.jpg"


def test_csv_with_boxes_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = (
        "image,subject,object,subject_box,object_box,note\n"
        '1.jpg,"cat, black",mat,"[1, 5, 2, 9]",,seen twice\n'
        "\n"
        "2.jpg,dog,mat,,,\n"
    )
    read = read_items(table(tmp_path, text, "utf-8-sig"), tasks=(2,))
    assert [(row.subject, row.subject_box, row.object_box) for row in read] == [
        ("cat, black", Box(1, 5, 2, 9), None),
        ("dog", None, None),
    ]


def test_csv_with_ids_and_tasks(tmp_path: Path) -> None:
    text = "id,image,subject,object,task\nx,1.jpg,cat,mat,3\ny,1.jpg,mat,cat,\n"
    read = read_items(table(tmp_path, text))
    assert [row.key for row in read] == [("x", 3), ("y", 1), ("y", 2), ("y", 3)]


@pytest.mark.parametrize(
    ("rows", "message", "where"),
    [
        ([{"image": "1.jpg", "subject": "cat"}], "field 'object' must be text", "{0}:1"),
        ([PAIR, PAIR | {"image": ""}], "field 'image' must be text", "{0}:2"),
        ([PAIR | {"task": 4}], "field 'task' must be 1, 2 or 3", "{0}:1"),
        ([PAIR | {"subject_box": [1, 2]}], "a box is four numbers", "{0}:1, field 'subject_box'"),
        (
            [PAIR | {"id": "a"}, PAIR | {"id": "a"}],
            "id 'a', task 1 is there twice",
            "{0}:1 and {0}:2",
        ),
        (
            [PAIR | {"id": "a", "task": 1}, PAIR | {"id": "a", "task": 2, "subject": "dog"}],
            "id 'a' names two pairs",
            "{0}:2",
        ),
        ([PAIR | {"id": 7}], "field 'id' must be text", "{0}:1"),
        ([PAIR, PAIR | {"weight": float("nan")}], "NaN is no JSON, field 'weight'", "{0}:2"),
    ],
)
def test_a_wrong_row_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], message: str, where: str
) -> None:
    path = jsonl(tmp_path, *rows)
    with pytest.raises(DataError, match=message) as caught:
        read_items(path)
    assert caught.value.where == where.format(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image,subject\n1.jpg,cat\n",
            "column 'object' is missing; the columns are image, subject",
        ),
        ("", "column 'image' is missing; the columns are none"),
        ("image,subject,object\n1.jpg,cat,mat,red\n", "more cells than columns"),
        ("image,subject,object\n1.jpg,,mat\n", "field 'subject' must be text"),
        ("image,subject,object,subject_box\n1.jpg,a,b,1-2\n", "four numbers .*got '1-2'"),
        ('image,subject,object,subject_box\n1.jpg,a,b,"[9,1,2,3]"\n', "ymin < ymax"),
        ('image,subject,object,subject_box\n1.jpg,a,b,"[1,NaN,2,3]"\n', "NaN is no JSON"),
        ("image,subject,object,task\n1.jpg,a,b,two\n", "must be 1, 2 or 3, got 'two'"),
        (f"image,subject,object,task\n1.jpg,a,b,{'9' * 5_000}\n", "must be 1, 2 or 3"),
        ('image,subject,object\n"1.jpg,a,b\n', "not CSV"),
        ("image,subject,object\n", "no rows: nothing to do"),
    ],
)
def test_a_wrong_csv_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_items(table(tmp_path, text))


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not UTF-8"):
        read_items(table(tmp_path, "image,subject,object\n1.jpg,caf\u00e9,b\n", "latin-1"))


def test_no_row_of_the_tasks_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row of task 3"):
        read_items(jsonl(tmp_path, PAIR | {"task": 1}), tasks=(3,))


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl"])
def test_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_items(tmp_path / name)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_of_spreadsheets_are_read(tmp_path: Path, separator: str) -> None:
    text = f"Image{separator} subject{separator}object\n1{separator}cat, red{separator}mat\n"
    (row,) = read_items(table(tmp_path, text), tasks=(1,))
    assert (row.image, row.subject, row.object) == ("1.jpg", "cat, red", "mat")


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "image,subject,object,object\n1,cat,mat,dog\n")
    with pytest.raises(DataError, match="column 'object' is there twice"):
        read_items(path)


def test_a_quote_without_its_end_is_named_by_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, 'image,subject,object\n1,cat,mat\n1,"cat,mat\n')
    with pytest.raises(DataError, match="not CSV") as caught:
        read_items(path)
    assert caught.value.where == f"{path}:3"


def test_the_pictures_mark_is_no_tag(tmp_path: Path) -> None:
    path = jsonl(tmp_path, PAIR, PAIR | {"object": "a <image>"})
    with pytest.raises(DataError, match="<image> stands for the picture") as caught:
        read_items(path)
    assert caught.value.where == f"{path}:2, field 'object'"
