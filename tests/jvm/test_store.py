from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vsdkit.jvm.store import TupleStore

TUPLES = {
    "cat on mat": [["cat"], ["mat"], ["cat", "mat", "on"]],
    "black cat": [["cat", "black"], ["cat"]],
    "hello": [],
}


class Messages:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def track(self, description: str, *, total: int | None) -> None:
        raise AssertionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "parsed.sqlite"


def test_what_was_put_is_there_in_the_next_run(path: Path) -> None:
    with TupleStore(path, version="a") as store:
        assert store.get(list(TUPLES)) == {}
        store.put(TUPLES)
    with TupleStore(path, version="a") as store:
        assert store.get([*TUPLES, "another"]) == TUPLES


def test_more_sentences_than_one_query_takes(path: Path) -> None:
    many = {f"cat {number}": [["cat", str(number)]] for number in range(1234)}
    with TupleStore(path, version="a") as store:
        store.put(many)
        assert store.get(list(many)) == many


def test_another_version_of_the_jars_sees_nothing(path: Path) -> None:
    with TupleStore(path, version="a") as store:
        store.put(TUPLES)
    with TupleStore(path, version="b") as store:
        assert store.get(list(TUPLES)) == {}


@pytest.mark.parametrize("damage", ["no database", "torn", "wrong tuple"])
def test_damaged_file_is_set_aside_and_begun_anew(path: Path, damage: str) -> None:
    many = {f"cat {number}": [["cat", str(number)]] for number in range(500)}
    with TupleStore(path, version="a") as store:
        store.put(many)
    if damage == "no database":
        path.write_bytes(b"x" * 4096)
    elif damage == "torn":
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    else:
        content = path.read_bytes()
        assert b'[["cat","7"]]' in content
        path.write_bytes(content.replace(b'[["cat","7"]]', b'[["dog","7"]]'))
    messages = Messages()
    with TupleStore(path, version="a", listener=messages) as store:
        assert store.get(list(many)) == {}
        store.put(TUPLES)
        assert store.get(list(TUPLES)) == TUPLES
    assert len(messages.lines) == 1
    assert "was damaged" in messages.lines[0]
    assert [name for name in os.listdir(path.parent) if ".damaged-" in name]
    with TupleStore(path, version="a") as store:
        assert store.get(list(TUPLES)) == TUPLES


def test_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    messages = Messages()
    with TupleStore(tmp_path / "file" / "parsed.sqlite", version="a", listener=messages) as store:
        store.put(TUPLES)
        assert store.get(list(TUPLES)) == TUPLES
    assert len(messages.lines) == 1
    assert "not kept after this run" in messages.lines[0]


def test_a_row_of_another_type_is_damage(path: Path) -> None:
    with TupleStore(path, version="a") as store:
        store.put(TUPLES)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE tuples_a SET value = CAST(value AS TEXT)")
    connection.close()
    messages = Messages()
    with TupleStore(path, version="a", listener=messages) as store:
        assert store.get(list(TUPLES)) == {}
    assert "was damaged" in messages.lines[0]


def test_file_locked_for_too_long_is_not_called_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.data.store._BUSY_TIMEOUT_S", 0.05)
    messages = Messages()
    with TupleStore(path, version="a", listener=messages) as store:
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        store.put(TUPLES)
        assert store.get(list(TUPLES)) == TUPLES
        other.close()
    assert "not kept after this run" in messages.lines[0]
    assert os.listdir(path.parent) == ["parsed.sqlite"]


WRITER = """
import sys
from pathlib import Path
from vsdkit.jvm.store import TupleStore

first = int(sys.argv[2])
with TupleStore(Path(sys.argv[1]), version="a") as store:
    for number in range(first, first + 100_000, 10):
        store.put({f"s {n}": [["s", str(n)]] for n in range(number, number + 10)})
"""


def test_two_at_once_one_killed_in_the_middle(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), first]) for first in ("0", "50")
    ]
    deadline = time.monotonic() + 60
    known: dict[str, list[list[str]]] = {}
    asked = [f"s {number}" for number in range(300)]
    while len(known) < 300 and time.monotonic() < deadline:
        time.sleep(0.1)
        with TupleStore(path, version="a") as store:
            known = store.get(asked)
    for writer in writers:
        writer.kill()
        writer.wait()
    messages = Messages()
    with TupleStore(path, version="a", listener=messages) as store:
        found = store.get([f"s {number}" for number in range(100_000)])
    assert not messages.lines
    assert len(found) >= 300
    assert all(tuples == [sentence.split()] for sentence, tuples in found.items())


def test_a_file_of_an_older_version_is_read(path: Path) -> None:
    with TupleStore(path, version="a") as store:
        store.put(TUPLES)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("ALTER TABLE tuples_a RENAME COLUMN value TO tuples")
    connection.close()
    with TupleStore(path, version="a") as store:
        assert store.get(list(TUPLES)) == TUPLES
        store.put({"a dog": [["dog"]]})
        assert store.get(["a dog"]) == {"a dog": [["dog"]]}
