"""A server that goes wrong in every way: no row is lost or swapped, and no key is written."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vsdkit.chat_client import ChatClient
from vsdkit.errors import BackendError
from vsdkit.infer import InferReport

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
Ask = Callable[..., InferReport]


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    """Return ``benchmarks/fault_server.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("fault_server")


@pytest.fixture
def server(faults: ModuleType, server_answers: Path) -> Iterator[Callable[..., Any]]:
    servers: list[Any] = []

    def start(*names: str) -> Any:
        servers.append(faults.FaultServer(names, seed=3))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


@pytest.fixture
def ask_server(
    ask: Ask, faults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    quick = partial(ChatClient, backoff_s=0.01, timeout_s=1.0)
    monkeypatch.setattr("vsdkit.infer.server.ChatClient", quick)
    monkeypatch.setenv("OPENAI_API_KEY", faults.KEY)
    items = tmp_path / "items.jsonl"
    rows = [
        {"image": f"{number % 6}.png", "subject": f"red box {number}", "object": "blue ball"}
        for number in range(10)
    ]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def run(server: Any, name: str) -> InferReport:
        return ask(
            engine="openai",
            model="m",
            base=None,
            base_url=server.url,
            items=items,
            output=tmp_path / name,
            no_store=True,
        )

    return run


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


NAMES = [
    *("429 with Retry-After", "500", "nothing, the connection is reset", "half a JSON"),
    *("wrong id, an answer too many", "slowly, byte by byte", "in the wrong order"),
    *("a body of 300 MB", "a web page", "401 in the middle"),
]


def test_every_fault_is_tried(faults: ModuleType) -> None:
    assert list(faults.FAULTS) == NAMES


@pytest.mark.parametrize("name", [*NAMES[:-1], "mixed"])
def test_no_row_is_lost_or_swapped_and_no_secret_is_written(
    ask_server: Ask,
    server: Callable[..., Any],
    faults: ModuleType,
    tmp_path: Path,
    name: str,
) -> None:
    ask_server(server(), "good.jsonl")
    good = rows_of(tmp_path / "good.jsonl")
    assert len({row["raw"] for row in good}) == len(good) == 30
    faulty = server(*(faults.MIXED if name == "mixed" else [name]))
    report = ask_server(faulty, "preds.jsonl")
    rows = rows_of(tmp_path / "preds.jsonl")
    failed = [row for row in rows if "error" in row]
    assert len(failed) == sum(report.errors.values())
    assert all(row == other for row, other in zip(rows, good, strict=True) if row not in failed)
    if not faults.FAULTS.get(name, faults.FAULTS["500"]).answers:
        assert len(faulty.asked) > len(rows) or failed
    answered = set(faulty.answered)
    faulty.repair()
    report = ask_server(faulty, "preds.jsonl")
    assert (report.answered_now, report.failures) == (len(failed), ())
    assert len(faulty.asked) == len(failed)
    assert not answered & set(faulty.asked)
    assert (tmp_path / "preds.jsonl").read_bytes() == (tmp_path / "good.jsonl").read_bytes()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [secret for secret in faults.SECRETS if secret.encode() in written]


def test_a_key_that_is_withdrawn_ends_the_run_and_nothing_is_asked_twice(
    ask_server: Ask,
    server: Callable[..., Any],
    faults: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faulty = server("401 in the middle")
    monkeypatch.setattr(faults, "_GOOD_FIRST", 9)
    with pytest.raises(
        BackendError, match=r"answered 401: wrong key; your key is \*\*\*"
    ) as caught:
        ask_server(faulty, "preds.jsonl")
    assert not [secret for secret in faults.SECRETS if secret in str(caught.value)]
    assert len(rows_of(tmp_path / "preds.jsonl.part.jsonl")) == 9
    faulty.repair()
    assert ask_server(faulty, "preds.jsonl").answered_now == 21
    assert len(faulty.asked) == 21
