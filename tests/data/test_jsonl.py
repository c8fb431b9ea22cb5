"""Rows read with their place, files written whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
import stat
from pathlib import Path

import pytest

from vsdkit.data.jsonl import (
    append_rows,
    dump_document,
    dump_json,
    dump_line,
    open_atomic,
    read_appended,
    read_records,
    read_rows,
    read_so_far,
    require_place,
    write_rows,
)
from vsdkit.data.records import GoldRow
from vsdkit.errors import ConfigError, DataError, MissingInputError, VsdkitError


def test_rows_come_back_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": "\xc3\xa9 \xe2\x80\xa8"}')
    assert [tuple(row) for row in read_rows(path)] == [
        (1, {"a": 1}),
        (3, {"a": "é \u2028"}),
    ]


def test_json_is_compact_and_not_escaped() -> None:
    assert dump_json({"a": ["é", None]}) == '{"a":["é",null]}'
    assert dump_line({}) == "{}\n"


@pytest.mark.parametrize("line", ["[1]", "7", "{", '{"a": NaN}', "nonsense"])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{{}}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a JSON object") as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}:2"


def test_half_characters_are_replaced_and_no_row_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"\\ud83d": ["\\uDE00 a"]}\n{"a": "\xed\xa0\xbd"}\n{"a": "\\ud83d\\ude00"}\n'
    )
    assert [row for _, row in read_rows(path)] == [
        {"\ufffd": ["\ufffd a"]},
        {"a": "\ufffd"},
        {"a": "\U0001f600"},
    ]
    for line in (b'["\\ud83d", NaN]', b'{"a": "\\ud83d', b'["\\ud83d", ' + b"[" * 100_000):
        path.write_bytes(b"{}\n" + line + b"\n")
        with pytest.raises(DataError, match="not a JSON object") as caught:
            list(read_rows(path))
        assert caught.value.where == f"{path}:2"


def test_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xff"}\n{}\n')
    with pytest.raises(DataError, match="not UTF-8 text") as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}:2"


def test_other_encodings_are_refused_with_the_command_that_converts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-16")
    with pytest.raises(DataError, match="UTF-16 text, expected UTF-8") as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}:1"
    assert "iconv" in caught.value.hint


def test_a_packed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(DataError, match="a gzip file, expected text"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"é": 1, "score": NaN}', r"NaN is no JSON, field 'score' \(column 19\)"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        ("{'a': 1}", "single quotes, as Python prints its objects"),
        ('{"a": 1},', "a comma behind the end"),
        ('{"a": 1}{"a": 2}', "a second object behind the first"),
        ('{"a": 1}\r{"a": 2}', "a second object behind the first"),
        ('{"a": [1', "it is cut off"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{{}}\n{line}\n", encoding="utf-8", newline="")
    with pytest.raises(DataError, match=f"not a JSON object: {message}") as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}:2"


def test_a_missing_file_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        list(read_rows(tmp_path / "rows.jsonl"))
    with pytest.raises(MissingInputError, match="cannot be read"):
        list(read_rows(tmp_path))


def test_a_wrong_record_is_named_by_line_and_id(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"id": "9", "image": "9.jpg"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="field 'task' must be") as caught:
        list(read_records(path, GoldRow.from_dict))
    assert caught.value.where == f"{path}:1, id '9'"


def test_writing_and_reading_agree(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    rows = [{"a": "line\nbreak"}, {"b": [1.5, None]}]
    assert write_rows(path, iter(rows)) == 2
    assert [row for _, row in read_rows(path)] == rows


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), open_atomic(path) as file:  # noqa: PT012
        file.write("half")
        file.flush()
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_nothing_stands_under_the_name_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with open_atomic(path) as file:
        file.write("all")
        file.flush()
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "all"


def test_a_new_file_has_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with open_atomic(tmp_path / "out.txt"):
        pass
    rights = [stat.S_IMODE(path.stat().st_mode) for path in (plain, tmp_path / "out.txt")]
    assert rights[0] == rights[1]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    with open_atomic(tmp_path / "link") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("place", [os.devnull, "."])
def test_a_device_or_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VsdkitError, match="cannot write: not a file"), open_atomic(Path(place)):
        pass


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VsdkitError, match="cannot write") as caught:
        write_rows(tmp_path / "file" / "below.jsonl", [])
    assert "another place" in caught.value.hint


@pytest.mark.parametrize("place", ["file/below.jsonl", "loop", "folder", "x" * 300])
def test_a_place_is_looked_at_before_the_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(VsdkitError, match="cannot write"):
        require_place(tmp_path / place)
    require_place(tmp_path / "new" / "rows.jsonl")
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize("value", ["caf\udcff", 1 << 70])
def test_a_document_holds_what_orjson_does_not(value: object) -> None:
    assert json.loads(dump_document({"value": value})) == {"value": value}


def test_a_torn_last_line_is_cut_off_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with append_rows(path) as append:
        append([{"n": 1}, {"n": 2}])
    whole = path.read_bytes()
    path.write_bytes(whole + '{"n": "é'.encode()[:-1])
    assert [row for _, row in read_appended(path)] == [{"n": 1}, {"n": 2}]
    assert path.read_bytes() == whole
    with append_rows(path) as append:
        append([{"n": 3}])
    assert [row["n"] for _, row in read_appended(path)] == [1, 2, 3]


def test_what_is_being_written_is_read_so_far_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with append_rows(path) as append:
        append([{"id": 1}])
        with path.open("ab") as file:
            file.write(b'{"id": 2')
        assert [row for _, row in read_so_far(path)] == [{"id": 1}]
    assert path.read_bytes() == b'{"id":1}\n{"id": 2'
    path.write_bytes(b"[1]\n{}\n")
    with pytest.raises(DataError, match="not a JSON object"):
        list(read_so_far(path))


def test_nothing_was_appended_to_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert read_appended(tmp_path / "rows.jsonl") == []


def test_a_broken_line_in_the_middle_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 1}\n{"n":\n{"n": 3}\n', encoding="utf-8")
    with pytest.raises(DataError, match="not a JSON object"):
        read_appended(path)


def test_two_runs_with_one_output_do_not_mix_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with append_rows(path) as append:
        append([{"n": 1}])
        for work in (append_rows(path).__enter__, lambda: read_appended(path)):
            with pytest.raises(ConfigError, match="another process is writing this file"):
                work()
        append([{"n": 2}])
    assert [row["n"] for _, row in read_appended(path)] == [1, 2]


def test_an_appended_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(VsdkitError, match="cannot write") as caught,
        append_rows(tmp_path / "file" / "below.jsonl"),
    ):
        pass
    assert "another place" in caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_and_costs_no_earlier_row() -> None:
    with (
        pytest.raises(VsdkitError, match="cannot write: No space left on device"),
        append_rows(Path("/dev/full")) as append,
    ):
        append([{"n": 1}])


def test_file_system_without_locks_is_gone_on_with(without_locks, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with append_rows(path) as append:
        append([{"a": 1}])
    assert [row for _, row in read_appended(path)] == [{"a": 1}]
