"""Several processes with the weights: the same outcome, and none that outlives the command."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from vsdkit.diversify import DiversifyReport, diversify
from vsdkit.diversify.guards import Ask
from vsdkit.diversify.text_model import ModelEngine
from vsdkit.errors import CheckpointError, ChildFailedError
from vsdkit.progress import SILENT
from vsdkit.settings.diversify import DiversifySettings

pytestmark = pytest.mark.slow


class KillsAtFirst:
    """A listener that kills all processes when the first reply of the second attempt is there."""

    def message(self, text: str) -> None:
        pass

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[Any]:
        yield self if description == "attempt 2" else _Counter()

    def advance(self, steps: int = 1, **facts: Any) -> None:
        for child in multiprocessing.active_children():
            child.kill()


class _Counter:
    def advance(self, steps: int = 1, **facts: Any) -> None:
        pass


@pytest.fixture
def many_files(many_asks: list[Ask], tmp_path: Path) -> tuple[Path, Path]:
    preds, gold = tmp_path / "preds.jsonl", tmp_path / "gold.jsonl"
    with preds.open("w") as predictions, gold.open("w") as items:
        for ask in many_asks:
            row = {"id": ask.id, "task": 3}
            triple = [f"{ask.subject} behind {ask.object}.", ask.sentence, "It is so."]
            predictions.write(json.dumps(row | {"prediction": triple, "raw": "x"}) + "\n")
            pair = {"image": "a.png", "subject": ask.subject, "object": ask.object}
            items.write(json.dumps(row | pair) + "\n")
    return preds, gold


def run(
    files: tuple[Path, Path], model: Path, output: Path, listener: Any = SILENT, **settings: Any
) -> DiversifyReport:
    preds, gold = files
    given = {"preds": preds, "gold": gold, "model": str(model), "output": output} | settings
    return diversify(DiversifySettings(**given), listener=listener)


@pytest.mark.usefixtures("no_java")
def test_two_processes_and_a_run_cut_in_the_middle_give_what_one_gives(
    many_files: tuple[Path, Path], loose_text_model: Path, tmp_path: Path
) -> None:
    alone, cut = tmp_path / "alone.jsonl", tmp_path / "cut.jsonl"
    first = run(many_files, loose_text_model, alone)
    assert first.retried > 8
    settings: dict[str, Any] = {"gpus": 2, "batch_size": 3}
    with pytest.raises(ChildFailedError, match=r"ended \(SIGKILL\)") as caught:
        run(many_files, loose_text_model, cut, KillsAtFirst(), **settings)
    assert "run the same command again" in caught.value.hint
    until = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.05)
    assert not multiprocessing.active_children()
    assert not cut.exists()
    kept = Path(f"{cut}.replies.jsonl").read_bytes().count(b"\n")
    # All of the first attempt, and of the second what was answered before the end.
    assert 16 < kept < 16 + first.retried
    again = run(many_files, loose_text_model, cut, **settings)
    assert cut.read_bytes() == alone.read_bytes()
    assert again.refused == first.refused


def test_weights_that_cannot_be_loaded_are_one_error(
    text_model: Path, tmp_path: Path, many_asks: list[Ask]
) -> None:
    for file in text_model.iterdir():
        if file.name != "model.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = DiversifySettings(model=str(tmp_path), gpus=2, batch_size=4)
    with (
        closing(ModelEngine.from_settings(settings)) as engine,
        pytest.raises(CheckpointError, match="the rewriting model cannot be loaded") as caught,
    ):
        list(engine.rewrite(many_asks, 0))
    assert caught.value.where == str(tmp_path)
    assert "--engine rules" in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_command(
    many_files: tuple[Path, Path], loose_text_model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    preds, gold = many_files
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "vsdkit", "diversify", str(preds), "--gold", str(gold)]
    command += ["--model", str(loose_text_model), "--output", str(output)]
    command += ["--gpus", "2", "--batch-size", "1", "--attempts", "20"]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    replies = Path(f"{output}.replies.jsonl")
    until = time.monotonic() + 120
    while not (replies.exists() and replies.stat().st_size) and time.monotonic() < until:
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    family = psutil.Process(child.pid).children(recursive=True)
    assert len(family) >= 2
    if number == signal.SIGINT:
        # As a terminal does it: to all of them.
        os.killpg(child.pid, number)
    else:
        child.kill()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    said = child.communicate(timeout=20)[1].decode()
    assert child.returncode == (130 if number == signal.SIGINT else -9), said
    assert "Traceback" not in said
    assert not output.exists()
    assert replies.stat().st_size
