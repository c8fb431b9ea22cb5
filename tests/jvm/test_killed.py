"""A scoring that is killed in the middle, or not alone: the same numbers come out."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson
import pytest

pytestmark = pytest.mark.java

SENTENCES = [
    f"a {colour} {thing} is {relation} the {place}"
    for colour in ("red", "small")
    for thing in ("cup", "lamp")
    for relation in ("on", "next to")
    for place in ("table", "river bank")
]
BATCH = 4
# F x 100 of sentence n against sentence n * n modulo 16. Origin: the untouched spice-1.0.jar, by
# pycocoevalcap 1.2's Spice under Java 17 (benchmarks/peer.py).
EXPECTED = [
    *(100.0, 100.0, 25.0, 60.0, 25.0, 40.00000000000001, 75.0, 40.00000000000001),
    *(75.0, 80.00000000000001, 25.0, 80.00000000000001, 25.0, 40.00000000000001, 50.0),
    40.00000000000001,
]

# Scores each sentence against another; the process number of Java and then each batch that is
# on the disk are told in lines, the numbers in the last one.
PROGRAM = f"""
import sys
from contextlib import contextmanager
import orjson
from vsdkit.errors import MetricError
from vsdkit.jvm import Java, SpiceCase, score_spice, spice, spice_class_path

class Teller:
    def message(self, text): tell(text)
    @contextmanager
    def track(self, description, *, total): yield self
    def advance(self, steps=1, **facts): pass

class TellingStore(spice.TupleStore):
    def put(self, parsed):
        super().put(parsed)
        tell("batch")

def tell(line): print(line, flush=True)

spice._BATCH = {BATCH}
spice.TupleStore = TellingStore
texts = orjson.loads(sys.argv[1])
with Java(spice_class_path()) as java:
    tell(java.process_id)
    cases = [SpiceCase(one, (texts[n * n % len(texts)],)) for n, one in enumerate(texts)]
    try:
        tell(orjson.dumps(score_spice(java, cases, listener=Teller())).decode())
    except MetricError as error:
        sys.exit(error.message)
"""


@contextmanager
def scoring() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, orjson.dumps(SENTENCES).decode()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def finish(process: subprocess.Popen[str]) -> tuple[int, list[float]]:
    """Return how many batches the process parsed to its end, and its numbers."""
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    lines = out.splitlines()
    values: list[float] = orjson.loads(lines[-1])
    return lines.count("batch"), values


def read_batches(stream: IO[str] | None, count: int) -> int:
    """Wait for so many batches and return the process number of Java, which comes first."""
    assert stream is not None
    java = int(stream.readline())
    assert [stream.readline() for _ in range(count)] == ["batch\n"] * count
    return java


def kept_sentences(cache: Path) -> int:
    connection = sqlite3.connect(cache / "parsed_sentences.sqlite")
    (table,) = connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchone()
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return int(count)


def test_killed_scorer_then_killed_java_then_the_same_numbers(spice_cache: Path) -> None:
    with scoring() as process:
        read_batches(process.stdout, 1)
        process.kill()
        process.wait()
    kept = kept_sentences(spice_cache)
    assert kept >= BATCH
    with scoring() as process:
        os.kill(read_batches(process.stdout, 1), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Java's process ended with signal 9" in errors
    assert kept_sentences(spice_cache) > kept
    kept = kept_sentences(spice_cache)
    with scoring() as process:
        batches, values = finish(process)
    assert values == EXPECTED
    assert batches == (len(SENTENCES) - kept) / BATCH


def test_two_side_by_side_on_an_empty_cache(spice_cache: Path) -> None:
    with scoring() as one, scoring() as other:
        assert finish(one)[1] == EXPECTED
        assert finish(other)[1] == EXPECTED
    assert kept_sentences(spice_cache) == len(SENTENCES)
