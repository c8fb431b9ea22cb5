"""Run all commands one after another, as a person would type them, and score at the end."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vsdkit.data.jsonl import open_atomic, write_rows
from vsdkit.data.row_files import read_gold_rows
from vsdkit.demo.contact_sheet import draw_contact_sheet
from vsdkit.demo.scenes import write_scenes
from vsdkit.errors import ChildFailedError, ConfigError, VsdkitError
from vsdkit.manifest import read_manifest
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.score.baselines import plain_sentence
from vsdkit.score.headline import headline
from vsdkit.settings.demo import DemoSettings

__all__ = ["COLUMNS", "DemoReport", "demo"]

_RESULTS = "results.json"
_HELD_OUT_SEED = 899
"""The same held-out images for every seed of the training, which is below it; the tiny base was
made with images of 900 and above."""

_MINIMUM_F1 = 45.0
"""Micro-F1 of task 1 below which the training failed; one relation in nine by chance gives 11."""

_MINIMUM_GAIN = 20.0
"""Micro-F1 that the model must lose where its images are blank, or it does not look at them."""

FINE_TUNED = "fine-tuned"
BLANK = "fine-tuned, shown blank pictures"

COLUMNS = ("F1", "BLEU-4", "SPICE 2", "mBLEU-4", "SPICE 3", "overall")
"""Of the headline numbers those that a narrow terminal has room for."""


@dataclass(frozen=True, slots=True)
class DemoReport(Report):
    """What the demo found."""

    rows: Mapping[str, Mapping[str, Any]]
    """Model to its scores, as ``score --json`` prints them."""
    seconds: Mapping[str, float]
    """Step to the seconds it took."""
    folder: Path
    """Where everything was left."""

    @property
    def failure(self) -> str:
        """What the fine-tuned model failed to show; empty when it saw its images."""
        f1, blank = (self.rows[row]["task1"]["f1_micro"] for row in (FINE_TUNED, BLANK))
        if f1 < _MINIMUM_F1:
            return f"F1 of the fine-tuned model is {f1:.1f}, expected at least {_MINIMUM_F1:.0f}"
        if f1 - blank < _MINIMUM_GAIN:
            return (
                f"F1 is {f1:.1f} with pictures and {blank:.1f} with blank ones: the model does "
                f"not look (expected a difference of at least {_MINIMUM_GAIN:.0f})"
            )
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as results.json keeps it."""
        return {
            "rows": dict(self.rows),
            "seconds": dict(self.seconds),
            "folder": str(self.folder),
            "failure": self.failure,
        }

    @property
    def failures(self) -> tuple[VsdkitError, ...]:
        """The error of a model that does not see."""
        what = self.failure
        return (VsdkitError(f"the demo failed: {what}", where=str(self.folder)),) if what else ()

    def notes(self) -> tuple[str, ...]:
        """Return how long it took and where to look."""
        total = sum(self.seconds.values())
        return (f"{total:.0f} s in all; look into {self.folder}, at contact-sheet.png first",)

    def tables(self) -> list[Table]:
        """Return a row for each model."""
        rows: list[list[object]] = []
        for name, scores in self.rows.items():
            numbers = headline(scores)
            values = [numbers[column] for column in COLUMNS]
            shown = [None if value is None else f"{value:.2f}" for value in values]
            rows.append([name, *shown])
        return [Table(("", *COLUMNS), rows)]


def demo(
    settings: DemoSettings,
    *,
    listener: Listener = SILENT,
    quiet: bool = False,
) -> DemoReport:
    """Draw synthetic scenes, train on them, answer about new ones, score the answers.

    Run again in the same folder, each command goes on where it stopped.

    Args:
        settings: The scenes, how many, and the length of the training.
        listener: Who is told.
        quiet: Run the commands with ``--quiet``.

    Raises:
        ConfigError: If the folder holds a demo with other settings.
        ChildFailedError: If a command failed.
    """
    folder = settings.folder
    _claim(folder, settings)
    run = _Runner(folder, listener, quiet=quiet)
    # Names of steps are keys of results.json.
    run.timed("draw the scenes", lambda: _draw(folder, settings))
    for command in _commands(settings):
        run.command(command)
    run.timed(
        'answer "T1 R T2."',
        lambda: _write_plain(folder / "heldout" / "gold.jsonl", folder / "preds.plain.jsonl"),
    )
    rows = {name: run.score(preds) for name, preds in _ROWS.items()}
    run.command("ablate --preds preds.jsonl --gold heldout/gold.jsonl --engine rules", data=True)
    run.timed(
        "draw the contact sheet", lambda: draw_contact_sheet(folder, folder / "contact-sheet.png")
    )
    report = DemoReport(rows, run.seconds, folder)
    _write_json(folder / _RESULTS, {"settings": settings.model_dump(), **report.to_dict()})
    return report


_ROWS = {
    "base model": "preds.base.jsonl",
    FINE_TUNED: "preds.jsonl",
    "fine-tuned, rewritten": "preds.diverse.jsonl",
    BLANK: "preds.blank.jsonl",
    '"T1 R T2." with the gold relation': "preds.plain.jsonl",
}


def _commands(settings: DemoSettings) -> Sequence[str]:
    held_out = "infer heldout/gold.jsonl"
    return (
        f"build-instructions train/vsdv1.json train/vsdv2.json --seed {settings.seed}",
        "build-instructions heldout/vsdv1.json heldout/vsdv2.json"
        " --output heldout/instructions.jsonl --gold heldout/gold.jsonl",
        f"finetune --profile tiny --images train/images --name demo --gpus {settings.processes}"
        f" --max-steps {settings.steps} --seed {settings.seed}",
        f"{held_out} --images heldout/images --batch-size 100",
        f"{held_out} --images blank --batch-size 100 --output preds.blank.jsonl",
        f"{held_out} --images heldout/images --batch-size 100 --base tiny --image-mode single"
        " --output preds.base.jsonl",
        "diversify --gold heldout/gold.jsonl --engine rules",
    )


class _Runner:
    """Types the commands and keeps how long each took."""

    def __init__(self, folder: Path, listener: Listener, *, quiet: bool) -> None:
        self._folder = folder
        self._manners = ["--quiet"] if quiet else []
        self._listener = listener
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[], None]) -> None:
        """Do a piece of work of the demo itself."""
        began = time.monotonic()
        work()
        self._keep(name, began)

    def command(self, text: str, *, data: bool = False) -> bytes:
        """Run one command in the folder; its messages and bars go to this terminal.

        ``data`` says that its result is wanted: it is returned, and printed nowhere.
        """
        self._listener.message(f"\n$ vsdkit {text}")
        began = time.monotonic()
        arguments = [sys.executable, "-m", "vsdkit", *shlex.split(text), *self._manners]
        # The table of each step is a message here: the demo's own result is its last table.
        kept = data or bool(self._manners)
        done = subprocess.run(
            arguments,
            cwd=self._folder,
            stdout=subprocess.PIPE if kept else sys.stderr,
            check=False,
        )
        # 3 says that a metric cannot run here, as SPICE without a network; the rest stands.
        if done.returncode not in ((0, 3) if data else (0,)):
            raise ChildFailedError(
                f"the demo stopped: exit code {done.returncode} of vsdkit {text}",
                where=str(self._folder),
                hint=f"see above, or run it alone: cd {self._folder} && vsdkit {text}",
            )
        self._keep(text, began)
        return done.stdout or b""

    def score(self, preds: str) -> dict[str, Any]:
        """Return what ``score --json`` says of one file."""
        scores = self.command(f"score {preds} heldout/gold.jsonl --json", data=True)
        return dict(orjson.loads(scores))

    def _keep(self, name: str, began: float) -> None:
        self.seconds[name] = round(time.monotonic() - began, 1)
        self._listener.message(f"  {self.seconds[name]:.1f} s")


def _claim(folder: Path, settings: DemoSettings) -> None:
    # Steps of another demo in the same folder would be taken for this one's.
    mark = folder / "demo.json"
    wanted = settings.identity()
    if mark.exists() and read_manifest(mark) != wanted:
        raise ConfigError(
            "the folder holds a demo with other settings",
            where=str(folder),
            hint="name another one: vsdkit demo --folder FOLDER",
        )
    _write_json(mark, wanted)


def _draw(folder: Path, settings: DemoSettings) -> None:
    from PIL import Image

    write_scenes(folder / "train", scenes=settings.scenes, seed=settings.seed)
    write_scenes(folder / "heldout", scenes=settings.held_out, seed=_HELD_OUT_SEED)
    blank = folder / "blank"
    blank.mkdir(exist_ok=True)
    for path in (folder / "heldout" / "images").iterdir():
        with Image.open(path) as image:
            Image.new("RGB", image.size, "white").save(blank / path.name)


def _write_plain(gold: Path, preds: Path) -> None:
    write_rows(preds, (row.to_dict() for row in plain_sentence(read_gold_rows(gold))))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with open_atomic(path) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode())
