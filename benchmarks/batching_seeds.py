"""Shared pictures against rows alone: what a model has learnt from the demo's scenes, seed by seed.

    python benchmarks/batching_seeds.py FOLDER [--seeds 5]

Each seed draws its own scenes and trains twice on them, once with each ``--batching``, else alike:
the tiny base with the demo's settings, one process. Both answer the same held-out scenes. Prints F1
and the overall score of each and the mean of the differences with its 95 % interval; keeps
them in ``results/batching_seeds.json``. About four minutes a seed on one core; run again in the
same folder, it goes on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from surroundings import keep, name_machine

from vsdkit.demo.scenes import write_scenes
from vsdkit.finetune import finetune
from vsdkit.infer import infer
from vsdkit.instructions import build_instructions
from vsdkit.score import score
from vsdkit.score.headline import headline
from vsdkit.settings.demo import DemoSettings
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import resolve

RESULT = Path(__file__).parent / "results" / "batching_seeds.json"
BATCHINGS = ("rows", "pictures")
NUMBERS = ("F1", "overall")
# Student's t of 0.975, for 1 to 9 degrees of freedom: a table, since scipy is no dependency.
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
HELD_OUT_SEED = 899
"""As the demo has it: of no training, and not the tiny base's own."""


def main() -> None:
    """Train, answer, score, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, choices=range(2, 11))
    options = parser.parse_args()
    folder = options.folder.absolute()
    make_rows(folder / "heldout", scenes=DemoSettings().held_out, seed=HELD_OUT_SEED)
    runs = []
    for seed in range(options.seeds):
        make_rows(folder / f"train{seed}", scenes=DemoSettings().scenes, seed=seed)
        for batching in BATCHINGS:
            runs.append({"seed": seed, "batching": batching} | learn(folder, seed, batching))
            print(runs[-1], flush=True)
    result = name_machine() | {
        "steps": DemoSettings().steps,
        "runs": runs,
        "differences": {name: compare(runs, name) for name in NUMBERS},
    }
    show(result)
    keep(result, RESULT)


def make_rows(folder: Path, *, scenes: int, seed: int) -> None:
    """Draw scenes and make instruction and gold rows of them, if they are not there."""
    if (folder / "gold.jsonl").exists():
        return
    write_scenes(folder, scenes=scenes, seed=seed)
    build_instructions(
        v1=folder / "vsdv1.json",
        v2=folder / "vsdv2.json",
        output=folder / "instructions.jsonl",
        gold=folder / "gold.jsonl",
        seed=seed,
    )


def learn(folder: Path, seed: int, batching: str) -> dict[str, Any]:
    """Return the scores of a model trained with a seed and a way of batching, and its seconds."""
    train, heldout = folder / f"train{seed}", folder / "heldout"
    given = {
        "instructions": train / "instructions.jsonl",
        "images": (train / "images",),
        "runs": folder / "runs",
        "name": f"{batching}{seed}",
        "gpus": 1,
        "max_steps": DemoSettings().steps,
        "seed": seed,
        "batching": batching,
    }
    settings, _ = resolve(FinetuneSettings, flags=given, profile="tiny")
    began = time.perf_counter()
    report = finetune(settings)
    seconds = time.perf_counter() - began
    preds = folder / f"preds.{batching}{seed}.jsonl"
    infer(
        items=heldout / "gold.jsonl",
        images=(heldout / "images",),
        adapter=report.folder,
        batch_size=100,
        output=preds,
    )
    numbers = headline(score(preds=(preds,), gold=(heldout / "gold.jsonl",)).to_dict())
    found = {name: numbers[name] for name in NUMBERS}
    return found | {"seconds": round(seconds, 1)}


def compare(runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the paired differences of a number, pictures less rows, in points."""
    values = {
        batching: [run[name] for run in runs if run["batching"] == batching]
        for batching in BATCHINGS
    }
    each = [b - a for a, b in zip(values["rows"], values["pictures"], strict=True)]
    mean = statistics.mean(each)
    half = T[len(each) - 2] * statistics.stdev(each) / len(each) ** 0.5
    return {
        "each": [round(one, 2) for one in each],
        "mean": round(mean, 2),
        "interval": [round(mean - half, 2), round(mean + half, 2)],
    }


def show(result: dict[str, Any]) -> None:
    """Print the runs and the differences."""
    print(
        f"{'seed':>4}  {'batching':<9}"
        + "".join(f"{name:>15}" for name in NUMBERS)
        + f"{'seconds':>9}"
    )
    for run in result["runs"]:
        numbers = "".join(f"{run[name]:15.2f}" for name in NUMBERS)
        print(f"{run['seed']:4}  {run['batching']:<9}{numbers}{run['seconds']:9.1f}")
    for name, one in result["differences"].items():
        low, high = one["interval"]
        print(
            f"{name}: pictures - rows {one['mean']:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}"
        )


if __name__ == "__main__":
    main()
