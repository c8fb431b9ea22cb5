"""Instruction rows as a memory-mapped table: from files and the hub, what is wrong, and where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.errors import ConfigError, DataError, MissingInputError, VsdkitError
from vsdkit.finetune.rows import InstructionTable, is_hub_id

ROWS = [
    InstructionRow(f"row-{number}", f"{number % 3}.png", 1 + number % 3, "Where is it?", "on")
    for number in range(7)
]


def _write(path: Path, rows: Sequence[InstructionRow] = ROWS) -> Path:
    write_rows(path, [row.to_dict() for row in rows])
    return path


def _edit(path: Path, line: int, old: str, new: str) -> Path:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_rows_of_a_file(tmp_path: Path, rows_cache: Path) -> None:
    table = InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    assert list(table) == ROWS
    assert [table[index] for index in range(len(table))] == ROWS
    assert (table[-1], table[2:4]) == (ROWS[-1], ROWS[2:4])
    assert table.images == ["0.png", "1.png", "2.png"]
    with pytest.raises(IndexError):
        table[7]
    assert table.files
    assert all(Path(file).is_relative_to(rows_cache / "rows") for file in table.files)


def test_other_processes_open_the_files_that_one_made(tmp_path: Path) -> None:
    table = InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    opened = InstructionTable.open(table.files, digest=table.digest)
    assert list(opened) == ROWS
    assert (opened.files, opened.digest) == (table.files, table.digest)
    with pytest.raises(MissingInputError, match="not on this machine") as caught:
        InstructionTable.open([str(tmp_path / "elsewhere.arrow")], digest="")
    assert "VSDKIT_CACHE" in caught.value.hint


def test_rows_stay_on_the_disk(tmp_path: Path) -> None:
    """Told not by a number of bytes but by the system: the file is mapped and not copied."""
    table = InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    opened = InstructionTable.open(table.files, digest="")
    assert table.files[0] in Path("/proc/self/maps").read_text()
    assert opened[0] == ROWS[0]


def test_the_first_rows_are_a_view_of_the_same_file(tmp_path: Path) -> None:
    table = InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    first = table.first(4)
    assert list(first) == ROWS[:4]
    assert first.without([1])[1] == ROWS[2]
    assert (first.files, first.digest) == (table.files, table.digest)
    assert table.first(2).images == ["0.png", "1.png"]
    assert table.first(None) is table.first(7) is table.first(99) is table


def test_llavas_list_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row.to_dict() for row in ROWS], indent=1))
    assert list(InstructionTable.load(path)) == ROWS


def test_empty_lines_are_passed_over_and_counted_in_messages(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl")
    path.write_text("\n" + path.read_text().replace("\n", "\n\n"))
    assert list(InstructionTable.load(path)) == ROWS
    # Row 3 stands on line 6.
    _edit(path, 6, '"task":3', '"task":7')
    with pytest.raises(DataError, match="field 'task' must be 1, 2 or 3, got 7") as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:6, id 'row-2'"


@pytest.mark.parametrize(
    ("old", "new", "message", "row_id"),
    [
        ('"value":"on"', '"value":" "', "the answer is empty: nothing to learn from", "row-3"),
        ('"id":"row-3"', '"id":3', "field 'id' must be text that is not empty, got 3", 3),
        ('"image"', '"picture"', "field 'image' must be text .* got nothing", "row-3"),
        ('"task":1', '"task":"1"', "field 'task' must be 1, 2 or 3, got '1'", "row-3"),
        ("<image>", "", "must begin with '<image>'", "row-3"),
        ('"human"', '"gpt"', "one turn from 'human' and one from 'gpt'", "row-3"),
    ],
)
def test_a_wrong_row_is_named_with_line_and_id(
    tmp_path: Path, old: str, new: str, message: str, row_id: object
) -> None:
    path = _edit(_write(tmp_path / "rows.jsonl"), 4, old, new)
    with pytest.raises(DataError, match=message) as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:4, id {row_id!r}"


@pytest.mark.parametrize("damage", ['{"id": "cut', "not JSON", "[1, 2]", "\x00"])
def test_damaged_json_is_named_with_its_line(tmp_path: Path, damage: str) -> None:
    path = _write(tmp_path / "rows.jsonl")
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:4], damage, *lines[5:]]))
    with pytest.raises(DataError, match="not a JSON object") as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.replace('"task":', '"weight": NaN, "task":'), "NaN is no JSON"),
        (lambda row: row.replace('"task":', '"task": 1, "task":'), "'task' stands twice"),
        (lambda row: row + " " + row, "a second object behind the first"),
        (lambda row: row + ",", "a comma behind the end"),
    ],
    ids=["nan", "twice", "two rows", "comma"],
)
def test_what_arrow_takes_and_json_does_not_is_named(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    path = _write(tmp_path / "rows.jsonl")
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:4], change(lines[4]), *lines[5:]]))
    with pytest.raises(DataError, match=message) as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:5"


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl")
    path.write_bytes(path.read_bytes().replace(b"row-2", b"row-\xff"))
    with pytest.raises(DataError, match="not UTF-8 text") as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:3"


def test_a_damaged_list_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    text = json.dumps([row.to_dict() for row in ROWS], indent=1)
    lines = text.split("\n")
    path.write_text("\n".join([*lines[:5], "  oops", *lines[5:]]))
    with pytest.raises(DataError, match="not JSON") as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}:6"
    path.write_text(text.replace('"task": 2', '"task": 5', 1))
    with pytest.raises(DataError, match="must be 1, 2 or 3, got 5") as caught:
        InstructionTable.load(path)
    assert caught.value.where == f"{path}: entry 2, id 'row-1'"
    path.write_text('[{"id": 1}, 7]')
    with pytest.raises(DataError, match="conversations"):
        InstructionTable.load(path)
    path.write_text("[7]")
    with pytest.raises(DataError, match="expected a JSON object, got 7"):
        InstructionTable.load(path)


@pytest.mark.parametrize("content", ["", "\n", "\n\n  \n", "[]"])
def test_no_rows(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match="no rows to learn from") as caught:
        InstructionTable.load(path)
    assert "vsdkit build-instructions" in caught.value.hint


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no instructions") as caught:
        InstructionTable.load(tmp_path / "nowhere.jsonl")
    assert caught.value.hint == "make them: vsdkit build-instructions vsdv1.json vsdv2.json"


def test_what_arrow_cannot_hold_is_read_all_the_same(tmp_path: Path) -> None:
    """Half a character, a field that is one thing here and another there: nothing of ours."""
    path = _write(tmp_path / "rows.jsonl")
    _edit(path, 2, '"task"', '"note":[1,{"a":2}],"task"')
    _edit(path, 3, '"task"', '"note":{"b":[]},"task"')
    _edit(path, 4, '"from"', '"weight":1,"from"')
    table = InstructionTable.load(path)
    assert list(table) == ROWS
    assert InstructionTable.load(path).files == table.files, "made once"
    _edit(_write(path), 2, '"value":"on"', '"value":"on \\ud83d"')
    answers = [row.answer for row in InstructionTable.load(path)]
    assert answers == ["on", "on \ufffd", *["on"] * 5]


def test_ids_that_look_like_dates_stay_text(tmp_path: Path) -> None:
    rows = [InstructionRow(f"2026-01-0{day} 00:00:00", "a.png", 1, "?", "on") for day in (1, 2)]
    assert list(InstructionTable.load(_write(tmp_path / "rows.jsonl", rows))) == rows


def test_names_that_mean_something_to_the_library(tmp_path: Path) -> None:
    folder = tmp_path / "a[1]*"
    folder.mkdir()
    assert list(InstructionTable.load(_write(folder / "rows?.jsonl"))) == ROWS


def test_the_content_tells_rows_apart_and_not_name_and_time(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl")
    first = InstructionTable.load(path)
    before = path.stat()
    _edit(path, 1, '"value":"on"', '"value":"in"')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = InstructionTable.load(path)
    assert (first[0].answer, second[0].answer) == ("on", "in")
    assert first.digest != second.digest


def test_nothing_reaches_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import datasets

    shown = datasets.utils.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    damaged = _edit(_write(tmp_path / "damaged.jsonl"), 3, "{", "")
    with pytest.raises(DataError):
        InstructionTable.load(damaged)
    assert capfd.readouterr() == ("", "")
    now = datasets.utils.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    assert now == shown


def test_a_cache_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(VsdkitError, match="cannot write") as caught:
        InstructionTable.load(_write(tmp_path / "rows.jsonl"))
    assert caught.value.hint.endswith("export VSDKIT_CACHE=FOLDER")
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="the cache cannot be used"):
        InstructionTable.load(_write(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/name", True),
        ("owner/name.jsonl", False),
        ("rows.jsonl", False),
        ("a/b/c", False),
        ("/owner/name", False),
        ("here/name", False),
    ],
)
def test_an_id_of_the_hub_is_told_from_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert is_hub_id(Path(name)) is expected


READ = """
import json, sys
from pathlib import Path
from vsdkit.errors import VsdkitError
from vsdkit.finetune.rows import InstructionTable
try:
    table = InstructionTable.load(Path(sys.argv[1]))
    print(json.dumps({"answers": [row.answer for row in table], "digest": table.digest}))
except VsdkitError as error:
    print(json.dumps({"error": str(error)}))
"""


def _read_elsewhere(source: str, cache: Path, **environment: str) -> dict[str, Any]:
    """Read rows in a process that never had a network, a home, or a folder of the hub's."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HOME": "/proc"}
    done = subprocess.run(
        [sys.executable, "-c", READ, source],
        env=kept | offline | {"VSDKIT_CACHE": str(cache)} | environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_offline_and_beside_a_home_that_cannot_be_written_to(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl")
    found = _read_elsewhere(str(path), tmp_path / "cache")
    assert found["answers"] == ["on"] * 7


def test_a_cached_data_set_of_the_hub_is_read_offline(tmp_path: Path) -> None:
    """The folder is laid out as the library leaves it after a download."""
    from datasets import load_dataset

    path = _write(tmp_path / "rows.jsonl")
    made = load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(tmp_path / "made")
    )
    source = Path(made.cache_files[0]["filename"]).parent
    place = tmp_path / "cache" / "rows" / "hub" / "somebody___rows" / "default" / "0.0.0"
    place /= "0" * 40
    place.mkdir(parents=True)
    for file in source.iterdir():
        name = file.name.replace("json-train", "rows-train")
        shutil.copy(file, place / name)
    note = json.loads((place / "dataset_info.json").read_text())
    note |= {"dataset_name": "rows", "builder_name": "json", "config_name": "default"}
    (place / "dataset_info.json").write_text(json.dumps(note))
    found = _read_elsewhere("somebody/rows", tmp_path / "cache")
    assert found["answers"] == ["on"] * 7
    assert len(found["digest"]) == 64


def test_a_data_set_that_cannot_be_had(tmp_path: Path) -> None:
    found = _read_elsewhere("nobody/nothing", tmp_path / "cache")
    assert "no rows to be had from the hub" in found["error"]
    assert "where: data set nobody/nothing, split train" in found["error"]


def test_commands_that_read_no_rows_load_no_datasets() -> None:
    code = (
        "import sys, vsdkit.cli.app, vsdkit.infer.run, vsdkit.score.run, vsdkit.finetune.run\n"
        "print('datasets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
