"""Gold rows from gold.jsonl and from VSD are the same rows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vsdkit.data.records import GoldRow
from vsdkit.data.row_files import read_gold_rows
from vsdkit.errors import AlignmentError, ConfigError, DataError, MissingInputError
from vsdkit.formats import read_gold
from vsdkit.formats.align import check_gold
from vsdkit.instructions import build_instructions
from vsdkit.settings.build_instructions import BuildInstructionsSettings

TRIPLE = {"s": "kite", "o": "barn", "p": "above", "s_bbox": [1, 2, 3, 4], "o_bbox": [1, 5, 2, 6]}
V1 = [
    {"img_id": "41", "triple_list": [TRIPLE], "captions": ["a kite", "a kite", "the\nkite \u2028"]},
    {"img_id": "n_1.5.png", "triple_list": [TRIPLE, TRIPLE | {"s": "cow"}], "captions": ["c"]},
]
V2 = [
    {"img_id": "n_1.5.png", "triple_list": [TRIPLE], "captions": ["D"]},
    {"img_id": "41", "triple_list": [TRIPLE], "description": "A kite."},
]


@pytest.fixture
def vsd(tmp_path: Path) -> list[Path]:
    for name, content in (("v1.json", V1), ("v2.json", V2)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    return [tmp_path / "v1.json", tmp_path / "v2.json"]


def test_vsd_gives_the_rows_of_build_instructions(vsd: list[Path], tmp_path: Path) -> None:
    settings = BuildInstructionsSettings(
        v1=vsd[0], v2=vsd[1], output=tmp_path / "i.jsonl", gold=tmp_path / "gold.jsonl"
    )
    build_instructions(settings)
    from_file = read_gold([tmp_path / "gold.jsonl"])
    from_vsd = read_gold(vsd)
    assert from_vsd.rows == from_file.rows
    assert list(from_vsd.rows) == read_gold_rows(tmp_path / "gold.jsonl")
    told = "6 rows (2 of task 1, 2 of task 2, 2 of task 3)"
    assert from_file.description == f"gold.jsonl: vsdkit's own form, {told}"
    assert from_vsd.description == (
        f"v1.json and v2.json: VSDv1 and VSDv2, the first pair of each picture, {told}"
    )


def test_number_of_files(vsd: list[Path]) -> None:
    with pytest.raises(ConfigError, match="one of VSD's two files, and the other is not named"):
        read_gold(vsd[:1])
    with pytest.raises(ConfigError, match="3 files of gold"):
        read_gold([*vsd, vsd[0]])
    with pytest.raises(MissingInputError, match="no such file"):
        read_gold([vsd[0].with_name("none")])
    with pytest.raises(ConfigError, match="the same file twice"):
        read_gold([vsd[0], vsd[0].parent / "." / vsd[0].name])


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MissingInputError, match="a pipe or device"):
        read_gold([tmp_path / "pipe"])


def test_wrong_row_is_named(gold: list[GoldRow], write) -> None:
    rows = [row.to_dict() for row in gold]
    path = write("gold.jsonl", [*rows, rows[1]])
    with pytest.raises(AlignmentError, match="id '41', task 2 is there twice") as caught:
        read_gold([path])
    assert caught.value.where == f"{path}:2 and {path}:13"
    path = write("gold.jsonl", [rows[0], rows[1] | {"task": 4}])
    with pytest.raises(DataError, match="field 'task' must be 1, 2 or 3") as caught:
        read_gold([path])
    assert caught.value.where == f"{path}:2, id '41'"
    with pytest.raises(DataError, match="no rows"):
        read_gold([write("gold.jsonl", "\n\n")])


def test_half_a_character_in_vsd(vsd: list[Path]) -> None:
    text = vsd[1].read_text(encoding="utf-8").replace("A kite.", "A \\ud83d kite.")
    vsd[1].write_text(text, encoding="utf-8")
    rows = {row.key: row.references for row in read_gold(vsd).rows}
    assert rows["41", 3] == ("A \ufffd kite.",)


def test_a_picture_without_captions_can_be_scored(vsd: list[Path], tmp_path: Path) -> None:
    bare = {"img_id": "43", "triple_list": [TRIPLE], "captions": []}
    for path in vsd:
        path.write_text(json.dumps([*json.loads(path.read_text()), bare]), encoding="utf-8")
    settings = BuildInstructionsSettings(
        v1=vsd[0], v2=vsd[1], output=tmp_path / "i.jsonl", gold=tmp_path / "gold.jsonl"
    )
    report = build_instructions(settings)
    assert report.left_out["gold row of task 2: no VSDv1 caption"] == 1
    assert report.left_out["gold row of task 3: no VSDv2 caption"] == 1
    found = read_gold(vsd)
    assert found.rows == read_gold([tmp_path / "gold.jsonl"]).rows
    assert [row.task for row in found.rows if row.id == "43"] == [1]
    assert "2 rows without captions left out" in found.description
    check_gold(found.rows)
