"""The engine ``boxes`` on VSD's own annotations: five folds, scored with SPICE, and what it took.

    python benchmarks/boxes.py DATA [--no-ablation]
    python benchmarks/boxes.py --demo FOLDER

DATA (or VSDKIT_DATA) holds ``vsdv1_val.json`` and ``vsdv2_val.json`` (github.com/zhaoyucs/VSD, not
ours to ship). Each fifth of the items (seed 0) is answered by a model that was fitted on the other
four, and scored by ``vsdkit score``. The published test split is another one, so the paper's number
stands beside ours and not against it. Nothing of the data is kept but numbers. About ten minutes on
one core, of which SPICE's parser takes half; sentences that it has parsed are not parsed again.

With ``--demo`` the engines ``boxes``, the local model and ``boxes+vlm`` are compared instead on the
synthetic scenes of a finished ``vsdkit demo``. A minute or two on one core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from sklearn.model_selection import KFold
from split_shape import find_data
from surroundings import keep, name_machine

from vsdkit.boxes import fit_boxes
from vsdkit.boxes.features import pair_of
from vsdkit.boxes.model import BoxesModel, Described, FitRows
from vsdkit.boxes.relation import INPUTS, RelationModel
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.data.relations import RELATIONS
from vsdkit.data.row_files import read_gold_rows
from vsdkit.formats.gold import read_gold
from vsdkit.infer import InferReport, infer
from vsdkit.infer.mixture import Weight
from vsdkit.metrics.published import LLAVA_VSD
from vsdkit.score import score
from vsdkit.score.headline import headline

RESULT = Path(__file__).parent / "results" / "boxes.json"
MIXTURE = RESULT.with_name("boxes_vlm.json")
FITTED = (100, 400, 4000)
"""Pairs that the boxes' model of ``--demo`` is fitted on: the first so many of the training's."""
FOLDS = 5
BINS = 10
SEEN: dict[str, tuple[str, ...]] = {
    "geometry": ("geometry",),
    "tags": ("tags",),
    "tags and neighbours": ("tags", "neighbours"),
    "geometry and tags": ("geometry", "tags"),
    "geometry and neighbours": ("geometry", "neighbours"),
}

Item = list[GoldRow]


class Fold(NamedTuple):
    """What a model said that was fitted on the other folds."""

    said: dict[int, Described]
    """By the number of the item."""
    fit_s: float
    """CPU time of the fit."""
    answer_s: float
    """CPU time of the answers."""


def main() -> None:
    """Fit, answer, score, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--no-ablation", action="store_true")
    parser.add_argument("--demo", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.demo is not None:
        compare(arguments.demo)
        return
    data = find_data(arguments.data)
    items = read(data)
    result: dict[str, Any] = {**name_machine(), "items": len(items), "seed": 0}
    with tempfile.TemporaryDirectory() as folder:
        folds, answers = measure(items, Path(folder))
    result |= {
        "folds": folds,
        "mean": {name: fmean(fold[name] for fold in folds) for name in folds[0]},
        "paper_overall_on_the_test_split": LLAVA_VSD.total,
        "confusion": confuse(items, answers),
        "calibration": calibrate(items, answers),
        "most_frequent_label": guess(items),
    }
    show(result)
    keep(result, RESULT)
    if not arguments.no_ablation:
        result["ablation_accuracy"] = ablate(items) | {
            "all (the folds' mean F1)": result["mean"]["F1"]
        }
        print(result["ablation_accuracy"])
        keep(result, RESULT)


def read(data: Path) -> list[Item]:
    """Return the rows of each item."""
    items: dict[str, Item] = {}
    for row in read_gold([data / "vsdv1_val.json", data / "vsdv2_val.json"]).rows:
        items.setdefault(row.id, []).append(row)
    return list(items.values())


def split(items: Sequence[Item]) -> list[tuple[list[int], list[int]]]:
    """Return the numbers of the items to fit on and of those to answer, of each fold."""
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(range(len(items)))
    return [(known.tolist(), held.tolist()) for known, held in folds]


def measure(items: Sequence[Item], folder: Path) -> tuple[list[dict[str, float]], list[Described]]:
    """Return the numbers of each fold, and what was said of each item when it was held out."""
    answers: dict[int, Described] = {}
    folds = []
    for number, fold in enumerate(answer_folds(items), start=1):
        answers |= fold.said
        numbers = score_fold(items, list(fold.said), answers, folder / str(number))
        folds.append(
            {
                **numbers,
                "fit_s": round(fold.fit_s, 2),
                "ms_a_pair": round(1000 * fold.answer_s / len(fold.said), 3),
            }
        )
        print(f"fold {number}: {folds[-1]}", flush=True)
    return folds, [answers[n] for n in range(len(items))]


def answer_folds(items: Sequence[Item]) -> Iterator[Fold]:
    """Yield each fold's answers to the items that it holds out, and how long they took."""
    for known, held in split(items):
        began = time.process_time()
        rows = FitRows.of([row for n in known for row in items[n]], where="the fold")
        model = BoxesModel.fit(rows)
        fitted = time.process_time()
        said = model.describe([pair_of(items[n][0]) for n in held])
        ended = time.process_time()
        yield Fold(dict(zip(held, said, strict=True)), fitted - began, ended - fitted)


def answer_to(row: GoldRow, said: Described) -> PredictionRow:
    """Return the answer to a row, of what was said of its pair."""
    if row.task == 1:
        return PredictionRow(row.id, 1, said.relation)
    return PredictionRow(row.id, row.task, said.sentence if row.task == 2 else said.sentences)


def score_fold(
    items: Sequence[Item], held: Sequence[int], answers: dict[int, Described], folder: Path
) -> dict[str, float]:
    """Return the headline numbers of the held-out items."""
    folder.mkdir()
    gold = [row for n in held for row in items[n]]
    said = {row.id: answers[n] for n in held for row in items[n]}
    write_rows(folder / "gold.jsonl", (row.to_dict() for row in gold))
    preds = [answer_to(row, said[row.id]).to_dict() for row in gold]
    write_rows(folder / "preds.jsonl", preds)
    report = score(preds=[folder / "preds.jsonl"], gold=[folder / "gold.jsonl"], bootstrap=0)
    numbers = headline(report.to_dict())
    missing = [name for name, value in numbers.items() if value is None]
    if missing:
        raise SystemExit(f"no value for {', '.join(missing)}: nothing was kept")
    return {name: value for name, value in numbers.items() if value is not None}


def confuse(items: Sequence[Item], answers: Sequence[Described]) -> dict[str, dict[str, int]]:
    """Return gold label to answered label to how many items."""
    counts = Counter(
        (item[0].relations[0], said.relation) for item, said in zip(items, answers, strict=True)
    )
    return {gold: {label: counts[gold, label] for label in RELATIONS} for gold in RELATIONS}


def calibrate(items: Sequence[Item], answers: Sequence[Described]) -> dict[str, Any]:
    """Return the reliability diagram of the stated label, and the error it sums up to."""
    points = [
        (max(said.probabilities.values()), said.relation in item[0].relations)
        for item, said in zip(items, answers, strict=True)
    ]
    bins = []
    for place in range(BINS):
        own = [point for point in points if place <= point[0] * BINS < place + 1]
        if own:
            bins.append(
                {
                    "from": place / BINS,
                    "pairs": len(own),
                    "probability": 100 * fmean(p for p, _ in own),
                    "accuracy": 100 * fmean(right for _, right in own),
                }
            )
    error = sum(one["pairs"] * abs(one["probability"] - one["accuracy"]) for one in bins)
    return {"bins": bins, "expected_calibration_error": error / len(points)}


def guess(items: Sequence[Item]) -> float:
    """Return the accuracy of the most frequent label, in percent."""
    return 100 * Counter(item[0].relations[0] for item in items).most_common(1)[0][1] / len(items)


def ablate(items: Sequence[Item]) -> dict[str, float]:
    """Return accuracy in percent, the mean of the folds, of models that see less."""
    found = {}
    for name, inputs in SEEN.items():
        assert set(inputs) < set(INPUTS)
        values = []
        for known, held in split(items):
            model = RelationModel.fit(
                [pair_of(items[n][0]) for n in known],
                [items[n][0].relations[0] for n in known],
                inputs=inputs,
            )
            best = model.probabilities([pair_of(items[n][0]) for n in held]).argmax(axis=1)
            values.append(
                100
                * fmean(
                    model.labels[place] in items[n][0].relations
                    for place, n in zip(best, held, strict=True)
                )
            )
        found[name] = fmean(values)
        print(name, round(found[name], 2), flush=True)
    return found


def compare(demo: Path) -> None:
    """Score boxes alone, the local model alone and their mixture on a demo's held-out scenes.

    The weight is chosen on one half of them and the other is scored, then the other way round.
    """
    rows = [row for row in read_gold_rows(demo / "heldout" / "gold.jsonl") if row.task == 1]
    known = read_gold_rows(demo / "gold.jsonl")
    items = list(dict.fromkeys(row.id for row in known))
    local = {"images": (demo / "heldout" / "images",), "adapter": demo / "runs" / "demo"}
    result: dict[str, Any] = {**name_machine(), "pairs_a_half": len(rows) // 2, "found": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        halves = [folder / "odd.jsonl", folder / "even.jsonl"]
        for number, half in enumerate(halves):
            write_rows(half, (row.to_dict() for row in rows[number::2]))
        for count in FITTED:
            fit, first = folder / f"fit{count}.jsonl", {*items[:count]}
            write_rows(fit, (row.to_dict() for row in known if row.id in first))
            model = {"boxes_model": fit.with_suffix(".skops")}
            fit_boxes(gold=fit, output=model["boxes_model"])
            for scored, held in (halves, halves[::-1]):
                both = {**local, **model, "engine": "boxes+vlm", "weight_on": held}
                mixed, weight = score_answers(scored, **both)
                found = {
                    "fitted_on": len(first),
                    "scored": scored.stem,
                    "boxes": score_answers(scored, engine="boxes", **model)[0],
                    "vlm": score_answers(scored, label="likelihood", **local)[0],
                    "boxes+vlm": mixed,
                    "boxes_weight": weight and weight.boxes_weight,
                }
                result["found"].append(found)
                print(found, flush=True)
    keep(result, MIXTURE)


def score_answers(gold: Path, **settings: Any) -> tuple[float | None, Weight | None]:
    """Return F1 of an engine in task 1, and the weight where two models are mixed."""
    output = gold.with_suffix(".preds.jsonl")
    report = infer(items=gold, tasks=(1,), output=output, overwrite=True, **settings)
    assert isinstance(report, InferReport)
    scored = score(preds=[output], gold=[gold], bootstrap=0)
    return headline(scored.to_dict())["F1"], report.weight


def show(result: dict[str, Any]) -> None:
    """Print the folds and their mean."""
    columns = list(result["mean"])
    print(" " * 6, *(f"{column:>9}" for column in columns))
    for number, fold in enumerate(result["folds"], start=1):
        print(f"{number:<6}", *(f"{fold[column]:9.2f}" for column in columns))
    print(f"{'mean':<6}", *(f"{result['mean'][column]:9.2f}" for column in columns))
    print(f"the paper's overall, on the test split: {LLAVA_VSD.total}")


if __name__ == "__main__":
    main()
