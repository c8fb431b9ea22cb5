"""A run of rows and images that are at hand, merged once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.merge import merge
from vsdkit.verify import VerifyReport, verify


class Files(NamedTuple):
    """A run and its merged model."""

    run: Path
    merged: Path


@pytest.fixture(scope="session")
def trained_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write rows and images, as a run's settings name them."""
    folder = tmp_path_factory.mktemp("trained")
    rows = []
    for number in range(6):
        size = (48 + 20 * number, 60)
        Image.new("RGB", size, (40 * number, 90, 160)).save(folder / f"{number}.png")
        question = f"Where is ball {number}?"
        rows.append(InstructionRow(f"row-{number}", f"{number}.png", 2, question, "There."))
    write_rows(folder / "instructions.jsonl", [row.to_dict() for row in rows])
    return folder


@pytest.fixture(scope="session")
def shared(
    make_run: Callable[..., Path], trained_on: Path, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    settings = {
        "instructions": str(trained_on / "instructions.jsonl"),
        "images": [str(trained_on)],
    }
    run = make_run(tmp_path_factory.mktemp("runs") / "one", projector=True, settings=settings)
    return Files(run, Path(merge(run=run).output))


@pytest.fixture
def files(shared: Files, tmp_path: Path) -> Files:
    """Return a copy that a test may spoil."""
    run = Path(shutil.copytree(shared.run, tmp_path / "one"))
    return Files(run, run / "merged")


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few tokens an answer: an untrained model never stops by itself."""
    lengths = {1: 4, 2: 6, 3: 8}
    monkeypatch.setattr("vsdkit.verify.answers.MAX_NEW_TOKENS", lengths)
    monkeypatch.setattr("vsdkit.verify.server.MAX_NEW_TOKENS", lengths)


@pytest.fixture
def look() -> Callable[..., VerifyReport]:
    """Return ``verify`` on two rows."""

    def run(**settings: Any) -> VerifyReport:
        return verify(**({"rows": 2} | settings))

    return run
