"""``infer`` and ``diversify`` at a server that goes wrong: is a row lost, swapped, or a key shown?

    python benchmarks/faults.py [--rows 200] [--seed 0]

For each fault of ``fault_server.py``, for all of them mixed, and for Ctrl-C in the middle, the
command is run as a person runs it, only with shorter waits; then the server is repaired and the
same command is run again. Counted are rows whose answer is another row's, rows whose answer came
and was asked for again, and files and messages that hold the key or a password. The result must be
that of a good server, byte for byte, and a third run, to another file, must ask nothing. About ten
minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fault_server import FAULTS, KEY, MIXED, SECRETS, FaultServer, reply_to
from PIL import Image
from surroundings import keep, name_machine, new_cache

RESULT = Path(__file__).parent / "results" / "faults.json"
CONCURRENCY = 16
INTERRUPTED = 130
CTRL_C = "Ctrl-C in the middle"

# What a person types, but for the waits.
PROGRAM = """
from functools import partial
import vsdkit.diversify.chat_server, vsdkit.infer.server
from vsdkit.chat_client import ChatClient
from vsdkit.cli.app import main
quick = partial(ChatClient, backoff_s=0.05, timeout_s=2.0)
vsdkit.infer.server.ChatClient = vsdkit.diversify.chat_server.ChatClient = quick
main()
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one fault."""

    command: str
    fault: str
    rows: int
    asked: int
    """Requests of the first run."""
    exit_code: int
    """Of the first run: 1 with failed rows, 3 where the server refuses, 130 after Ctrl-C."""
    failed: int
    """Rows without an answer that the first run counted."""
    swapped: int
    """Rows, of either run, with another row's answer."""
    lost: int
    """Rows that were answered whole and asked again by the second run, or are in no file."""
    dropped: int
    """Those of them that were under way at the moment of Ctrl-C."""
    asked_again: int
    """Requests of the second run."""
    equal: bool
    """Whether the second run's file is a good server's, byte for byte."""
    third_asked: int
    """Requests of a third run, to another file."""
    secrets: int
    """Files and outputs that hold a secret."""
    seconds: float
    """Of the first run."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, swapped or shown, and the end is that of a good server."""
        wrong = self.swapped + self.lost + self.secrets + self.third_asked
        return self.equal and not wrong and self.dropped <= CONCURRENCY


def main() -> None:
    """Run all, print the table, keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    trials: list[Trial] = []
    faults = {name: [name] for name in FAULTS} | {"all others, mixed": [*MIXED], CTRL_C: []}
    with tempfile.TemporaryDirectory() as name:
        for command in ("infer", "diversify"):
            bench = Bench(command, Path(name) / command, arguments.rows)
            for fault, names in faults.items():
                trials.append(bench.try_fault(fault, names, seed=arguments.seed))
                print(line_of(trials[-1]), flush=True)
    bad = [one for one in trials if not one.is_good]
    keep(
        {
            "trials": [asdict(one) for one in trials],
            "bad": len(bad),
            "concurrency": CONCURRENCY,
            "seed": arguments.seed,
            **name_machine(),
        },
        RESULT,
    )
    if bad:
        sys.exit(f"{len(bad)} trials went wrong")


def line_of(trial: Trial) -> str:
    """Return a row of the table, in Markdown."""
    cells = (
        *(trial.command, trial.fault, trial.rows, trial.asked, trial.exit_code, trial.failed),
        *(trial.lost, trial.swapped, trial.secrets, trial.dropped, trial.asked_again),
        *("yes" if trial.equal else "NO", trial.third_asked, f"{trial.seconds:.1f}"),
    )
    return f"| {' | '.join(map(str, cells))} |"


class Bench:
    """The rows of one command, and what a good server makes of them."""

    def __init__(self, command: str, folder: Path, rows: int) -> None:
        self._command = command
        self._folder = folder
        folder.mkdir()
        write_rows(folder, rows)
        self._count = rows if command == "diversify" else rows // 3 * 3
        server = FaultServer()
        try:
            code, _ = self._run(server, "good.jsonl", new_cache(folder / "good"))
        finally:
            server.close()
        assert code == 0, "a good server gives a good run"
        self._good = (folder / "good.jsonl").read_bytes()

    def try_fault(self, name: str, faults: Sequence[str], *, seed: int) -> Trial:
        """Run the command at a faulty server, at a repaired one, and to another file."""
        cache = new_cache(self._folder / f"cache {name}")
        output = f"{name}.jsonl"
        server = FaultServer(faults, seed=seed)
        interrupt = name == CTRL_C
        if interrupt:
            server.least_s = 0.2
        try:
            began = time.monotonic()
            code, said = self._run(server, output, cache, interrupt=interrupt)
            seconds = time.monotonic() - began
            asked, answered = len(server.asked), set(server.answered)
            failed, swapped = self._look(output)
            server.repair()
            second, told = self._run(server, output, cache)
            again = list(server.asked)
            server.asked.clear()
            third, more = self._run(server, "third.jsonl", cache)
            third_asked = len(server.asked)
        finally:
            server.close()
        assert second == third == 0, told + more
        assert code == (
            INTERRUPTED if interrupt else 3 if name.startswith("401") else bool(failed)
        ), said
        made = (self._folder / output).read_bytes()
        repeated = sum(one in answered for one in again)
        trial = Trial(
            command=self._command,
            fault=name,
            rows=self._count,
            asked=asked,
            exit_code=code,
            failed=failed,
            swapped=swapped + self._look(output)[1],
            lost=self._count - self._answers(output) + (0 if interrupt else repeated),
            dropped=repeated if interrupt else 0,
            asked_again=len(again),
            equal=made == self._good == (self._folder / "third.jsonl").read_bytes(),
            third_asked=third_asked,
            secrets=self._secrets(said + told + more),
            seconds=round(seconds, 1),
        )
        (self._folder / "third.jsonl").unlink()
        (self._folder / "third.jsonl.run.json").unlink()
        return trial

    def _run(
        self, server: FaultServer, output: str, cache: Path, *, interrupt: bool = False
    ) -> tuple[int, str]:
        """Run the command and return its exit code and all that it printed."""
        files = {
            "infer": ["items.jsonl", "--images", "images"],
            "diversify": ["preds.jsonl", "--gold", "gold.jsonl"],
        }
        words = [self._command, *files[self._command], "--engine", "openai", "--model", "m"]
        words += ["--base-url", server.url, "--concurrency", str(CONCURRENCY), "-o", output]
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words, "--json"],
            cwd=self._folder,
            env={**os.environ, "VSDKIT_CACHE": str(cache), "OPENAI_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if interrupt:
                while len(server.asked) < 3 * CONCURRENCY and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
            said, _ = process.communicate()
        return process.returncode, said

    def _look(self, output: str) -> tuple[int, int]:
        """Return how many rows of the output have no answer, and how many another row's."""
        rows = self._rows(output)
        if self._command == "infer":
            failed = sum("error" in row for row in rows)
            return failed, sum("error" not in row and row["raw"] != expected(row) for row in rows)
        kept = sum(row["prediction"][1] == original(row["id"]) for row in rows)
        known = {(row["id"], rewritten(row["id"])) for row in rows}
        known |= {(row["id"], original(row["id"])) for row in rows}
        return kept, sum((row["id"], row["prediction"][1]) not in known for row in rows)

    def _answers(self, output: str) -> int:
        return len(self._rows(output)) - self._look(output)[0]

    def _rows(self, output: str) -> list[dict[str, Any]]:
        path = self._folder / output
        return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []

    def _secrets(self, said: str) -> int:
        """Return in how many files, and in how many outputs, there is a secret."""
        contents = [path.read_bytes() for path in self._folder.rglob("*") if path.is_file()]
        contents.append(said.encode())
        return sum(any(secret.encode() in one for secret in SECRETS) for one in contents)


def write_rows(folder: Path, count: int) -> None:
    """Write images, items and predictions, each row unlike all others."""
    (folder / "images").mkdir()
    draw = random.Random(0)
    items, gold, preds = [], [], []
    for number in range(count):
        pair = {"id": f"{number}", "image": f"{number}.png"}
        pair |= {"subject": f"lamp{number}", "object": f"crate{number}"}
        gold.append(pair | {"task": 3})
        sentences = [f"lamp{number} behind crate{number}.", original(f"{number}"), "a lamp."]
        preds.append({"id": f"{number}", "task": 3, "prediction": sentences, "raw": None})
        if number < count // 3:
            items.append(pair)
            Image.new("RGB", (48, 48), colour_of(draw, number)).save(
                folder / "images" / f"{number}.png"
            )
    for name, rows in (("items", items), ("gold", gold), ("preds", preds)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def colour_of(draw: random.Random, number: int) -> tuple[int, int, int]:
    """Return a colour of an image, which no other has."""
    return (number % 256, number // 256, draw.randrange(256))


def original(item: str) -> str:
    """Return the sentence of an item that is to be rewritten."""
    return f"there is a lamp{item} behind a crate{item}."


def rewritten(item: str) -> str:
    """Return what the server makes of it."""
    return reply_to(f"between lamp{item} and crate{item} : '")


def expected(row: dict[str, Any]) -> str:
    """Return what the server says to a row of ``infer``."""
    from vsdkit.conversation import fill, load_template

    item = row["id"]
    question = load_template("paper").questions[row["task"]][0]
    text = fill(question, {"T1": f"lamp{item}", "T2": f"crate{item}"})
    draw = random.Random(0)
    colours = [colour_of(draw, number) for number in range(int(item) + 1)]
    return reply_to(text, colours[-1])


if __name__ == "__main__":
    main()
