"""What the readings of BLEU, SPICE and mBLEU make of plain sentences and of people's captions.

    python benchmarks/readings.py [DATA]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. Every item gets
the same sentence, filled in with its tags and a relation, or one of its captions; ``vsdkit score``
scores them. The relation is gold's, or that of a classifier that knows boxes and tags only and has
never seen the item it labels. The tables are those of docs/scoring.md; the numbers go to
``benchmarks/results/readings.json``. SPICE parses what the user's cache does not hold yet: about
four minutes on two cores, then one.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from split_shape import find_data
from surroundings import keep

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.data.relations import RELATIONS
from vsdkit.formats import read_gold
from vsdkit.wording import words

RESULT = Path(__file__).parent / "results" / "readings.json"
PLAIN = {
    '"T1 R T2."': "{s} {r} {o}.",
    '"there is a T1 R the T2."': "there is a {s} {r} the {o}.",
    '"a T1 is R a T2."': "a {s} is {r} a {o}.",
    '"The T1 is R the T2."': "The {s} is {r} the {o}.",
}
PARTS = 5

Item = tuple[GoldRow, GoldRow]
"""An item's rows of task 2 (references of VSDv1) and of task 3 (of VSDv2)."""
Sentence = Callable[[Item], str]
Table = dict[str, dict[str, Any]]


def main() -> None:
    """Score every sentence, print the tables and keep them."""
    # The matrices are small: two threads that wait for each other take many times as long.
    torch.set_num_threads(1)
    data = find_data(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    rows: dict[str, list[GoldRow]] = defaultdict(list)
    for row in read_gold([data / "vsdv1_val.json", data / "vsdv2_val.json"]).rows:
        rows[row.id].append(row)
    items = [(two, three) for _, two, three in rows.values()]
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "items": len(items),
            "references": references_table(items, Path(folder)),
            "plain sentences": plain_table(items, Path(folder)),
            "three sentences": three_table(items, Path(folder)),
        }
    print()
    keep(result, RESULT)


def references_table(items: Sequence[Item], folder: Path) -> Table:
    """Return SPICE with the best, each and all references, sentence by sentence."""
    several = [item for item in items if len(item[0].references) > 1]
    plain = filled(PLAIN['"T1 R T2."'])
    against: dict[str, tuple[Sequence[Item], list[GoldRow], dict[str, Sentence]]] = {
        "VSDv1": (
            items,
            [two for two, _ in items],
            {'"T1 R T2."': plain, "VSDv2 caption": lambda item: item[1].references[0]},
        ),
        "VSDv2": (
            items,
            [replace(three, task=2) for _, three in items],
            {
                '"T1 R T2."': plain,
                "first VSDv1 caption": lambda item: item[0].references[0],
                "last VSDv1 caption": lambda item: item[0].references[-1],
            },
        ),
        "the other VSDv1": (
            several,
            [replace(two, references=two.references[1:]) for two, _ in several],
            {"first VSDv1 caption": lambda item: item[0].references[0]},
        ),
    }
    print("\n| sentence | references | items | SPICE best | each, mean | merged (coco) |")
    print("|---|---|---|---|---|---|")
    table: Table = {}
    for name, (asked, gold, sentences) in against.items():
        answers = {
            label: [PredictionRow(item[0].id, 2, sentence(item)) for item in asked]
            for label, sentence in sentences.items()
        }
        for label, (numbers, scored) in score(gold, answers, folder).items():
            line = table[f"{label}, {name}"] = {
                "items": len(gold),
                "spice": numbers["task2"]["spice"],
                "spice_mean": fmean(fmean(row["spice_by_reference"]) for row in scored),
                "spice_coco": numbers["task2"]["spice_coco"],
            }
            print(f"| {label} | {name} | {cells(line)} |", flush=True)
    return table


def plain_table(items: Sequence[Item], folder: Path) -> Table:
    """Return what a sentence of plain grammar is worth, with gold's relation and a guessed one."""
    guessed = dict(zip([item[0].id for item in items], guess_relations(items), strict=True))
    right = fmean(guessed[two.id] in two.relations for two, _ in items)
    print(f"\nthe classifier is right in {right:.1%}")
    answers: dict[str, list[PredictionRow]] = {}
    for shape, text in PLAIN.items():
        for name, relations in (("gold", None), ("boxes and tags", guessed)):
            sentence = filled(text, relations)
            answers[f"{shape}, {name}"] = [
                row
                for item in items
                for row in (
                    PredictionRow(item[0].id, 2, sentence(item)),
                    PredictionRow(item[0].id, 3, (sentence(item),) * 3),
                )
            ]
    gold = [row for item in items for row in item]
    print(
        "\n| sentence | relation | 2 BLEU-4 | BLEU-4 coco | SPICE | SPICE coco | z2 | 3 SPICE | "
        "3 SPICE coco |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    table: Table = {"right": {"share": right}}
    for label, (numbers, _) in score(gold, answers, folder).items():
        two, three = numbers["task2"], numbers["task3"]
        line = table[label] = {
            **{name: two[name] for name in ("bleu4", "bleu4_coco", "spice", "spice_coco")},
            "z2": numbers["z2"],
            "spice_of_task3": three["spice"],
            "spice_coco_of_task3": three["spice_coco"],
        }
        shape, _, name = label.partition(", ")
        print(f"| {shape} | {name} | {cells(line)} |", flush=True)
    return table


def three_table(items: Sequence[Item], folder: Path) -> Table:
    """Return mBLEU-4 of three sentences that are the same, and of three that are not."""
    plain, there_is, *_ = map(filled, PLAIN.values())
    triples: dict[str, Callable[[Item], tuple[str, ...]]] = {
        '"T1 R T2.", three times': lambda item: (plain(item),) * 3,
        '"there is a T1 R the T2.", three times': lambda item: (there_is(item),) * 3,
        '"T1 R T2.", first VSDv1 caption, first VSDv2 caption': lambda item: (
            plain(item),
            item[0].references[0],
            item[1].references[0],
        ),
    }
    answers = {
        label: [PredictionRow(item[0].id, 3, triple(item)) for item in items]
        for label, triple in triples.items()
    }
    print("\n| three sentences | mBLEU-4 | mBLEU-4 corpus |")
    print("|---|---|---|")
    table: Table = {}
    for label, (numbers, _) in score([three for _, three in items], answers, folder).items():
        names = ("mbleu4", "mbleu4_corpus")
        line = table[label] = {name: numbers["task3"][name] for name in names}
        print(f"| {label} | {cells(line)} |", flush=True)
    return table


def filled(shape: str, relations: Mapping[str, str] | None = None) -> Sentence:
    """Return what fills a shape with an item's tags and its relation, or that of ``relations``."""

    def fill(item: Item) -> str:
        row = item[0]
        relation = row.relations[0] if relations is None else relations[row.id]
        return shape.format(s=row.subject, r=relation, o=row.object)

    return fill


def score(
    gold: Sequence[GoldRow], answers: Mapping[str, Sequence[PredictionRow]], folder: Path
) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return what ``vsdkit score`` says of each system: its numbers and its rows of task 2."""
    write_rows(folder / "gold.jsonl", (row.to_dict() for row in gold))
    names = [f"system{number}.jsonl" for number in range(len(answers))]
    for name, rows in zip(names, answers.values(), strict=True):
        write_rows(folder / name, (row.to_dict() for row in rows))
    command = [sys.executable, "-m", "vsdkit", "score", *names, "--gold", "gold.jsonl"]
    command += ["--json", "--quiet", "--bootstrap", "0", "--items", "items.jsonl"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True)
    document = json.loads(done.stdout)
    systems = document.get("systems", {"system0": document})
    scored: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["task"] == 2:
            scored[row.get("system", "system0")].append(row)
    return {
        label: (systems[Path(name).stem], scored[Path(name).stem])
        for label, name in zip(answers, names, strict=True)
    }


def guess_relations(items: Sequence[Item]) -> list[str]:
    """Return a relation for each item, from its boxes and tags alone.

    Multinomial logistic regression over box geometry and the words of the two tags. The items are
    parted in five; each part is labelled by what was learnt on the others.
    """
    rows = [two for two, _ in items]
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)
    part_of = torch.empty(len(rows), dtype=torch.long)
    part_of[order] = torch.arange(len(rows)) % PARTS
    features = torch.tensor([geometry(row.subject_box, row.object_box) for row in rows])
    features = (features - features.mean(0)) / features.std(0)
    features = torch.hstack([features, tag_words(rows), torch.ones(len(rows), 1)])
    labels = torch.tensor([RELATIONS.index(row.relations[0]) for row in rows])
    found = torch.empty(len(rows), dtype=torch.long)
    for part in range(PARTS):
        seen = part_of != part
        weights = fit(features[seen], labels[seen])
        found[~seen] = (features[~seen] @ weights).argmax(1)
    return [RELATIONS[number] for number in found.tolist()]


def geometry(subject: Box | None, object_: Box | None) -> list[float]:
    """Return how two boxes lie to each other, independent of the picture's size."""
    assert subject is not None
    assert object_ is not None
    size = math.sqrt(area(subject) * area(object_)) ** 0.5
    height = min(subject.y_max, object_.y_max) - max(subject.y_min, object_.y_min)
    width = min(subject.x_max, object_.x_max) - max(subject.x_min, object_.x_min)
    shared = max(0, height) * max(0, width)
    sides = [(one - two) / size for one, two in zip(subject, object_, strict=True)]
    right = (subject.x_min + subject.x_max - object_.x_min - object_.x_max) / size
    down = (subject.y_min + subject.y_max - object_.y_min - object_.y_max) / size
    return [
        *sides,
        *(abs(right), abs(down), math.copysign(min(1, abs(right)), right)),
        *(math.copysign(min(1, abs(down)), down), height / size, width / size),
        *(shared / area(subject), shared / area(object_)),
        math.log(area(subject) / area(object_)),
    ]


def area(box: Box) -> float:
    """Return the area of a box in square pixels, at least 1."""
    return float(max(1, (box.y_max - box.y_min) * (box.x_max - box.x_min)))


def tag_words(rows: Sequence[GoldRow]) -> torch.Tensor:
    """Return [rows, words]: which words stand in the subject's tag, and which in the object's."""
    found = [
        {
            *(f"s {word}" for word in words(row.subject)),
            *(f"o {word}" for word in words(row.object)),
        }
        for row in rows
    ]
    place = {word: number for number, word in enumerate(sorted(set().union(*found)))}
    table = torch.zeros(len(rows), len(place))
    for number, known in enumerate(found):
        table[number, [place[word] for word in known]] = 1
    return table


def fit(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the weights [features, relations] of the least penalised cross-entropy."""
    weights = torch.zeros(features.shape[1], len(RELATIONS), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(features @ weights, labels)
        value = value + weights.square().sum() / len(labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()


def cells(line: Mapping[str, Any]) -> str:
    """Return the values of a row of a table."""
    return " | ".join(
        f"{value:,}" if isinstance(value, int) else f"{value:.2f}" for value in line.values()
    )


if __name__ == "__main__":
    main()
