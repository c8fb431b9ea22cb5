"""A gold file and two submissions shaped like the test split, made of the validation split.

The test split is 5,855 items with 1.7 references in VSDv1 and 1.0 in VSDv2, and four predicted
sentences an item: one for task 2, three for task 3. Of the 55,914 sentences that one pair a
reference comes to, about 28,800 are distinct: 14,802 references and 14,039 predictions that are
no reference. The same shares are kept for any number of items.

Every item has the tags, boxes and relation of a validation item and a picture of its own. Its
sentences are captions of
that item first; where those run out, captions of others, then captions of the same relation with
this item's tags put in. The second submission has the same references and as many new sentences.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, parse_box
from vsdkit.wording import normalise

ITEMS = 5_855
V1_REFERENCES = 10_155
V2_REFERENCES = 5_934
DISTINCT_REFERENCES = 14_802
NEW_PREDICTIONS = 14_039
SENTENCES_AN_ITEM = 4
MOST_REFERENCES = {"v1": 5, "v2": 3}


@dataclass
class Item:
    """An item with its references and the sentences of two submissions."""

    number: int
    source: dict[str, Any]
    own: list[str]
    v1: list[str] = field(default_factory=list)
    v2: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)

    @property
    def plain(self) -> str:
        """The paper's first sentence, "T1 R T2."."""
        return "{s} {p} {o}.".format(**self.source)


@dataclass
class Split:
    """The items, and how many of their sentences stand in the real data."""

    items: list[Item]
    real_sentences: int

    def pairs(self, submission: str = "first") -> list[tuple[str, str]]:
        """Return each predicted sentence with each of its references: the paper's reading."""
        found = []
        for item in self.items:
            one, *three = getattr(item, submission)
            found += [(one, reference) for reference in item.v1]
            found += [(sentence, reference) for sentence in three for reference in item.v2]
        return found

    def merged(self, submission: str = "first") -> list[tuple[str, list[str]]]:
        """Return the sentence of task 2 with all its references: coco-caption's reading."""
        return [(getattr(item, submission)[0], item.v1) for item in self.items]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write gold.jsonl and preds.jsonl of the first submission."""
        gold, preds = folder / "gold.jsonl", folder / "preds.jsonl"
        write_rows(gold, (row.to_dict() for item in self.items for row in _gold_rows(item)))
        write_rows(preds, (row.to_dict() for item in self.items for row in _prediction_rows(item)))
        return gold, preds


def find_data(argument: Path | None) -> Path:
    """Return the folder of the real data, or end with what to do."""
    folder = argument or Path(os.environ.get("VSDKIT_DATA", ""))
    if not all((folder / name).is_file() for name in ("vsdv1_val.json", "vsdv2_val.json")):
        sys.exit(
            "the data are missing: give the folder with vsdv1_val.json and vsdv2_val.json of "
            "github.com/zhaoyucs/VSD as an argument or in VSDKIT_DATA (docs/data.md)"
        )
    return folder


def make_split(data: Path, *, items: int = ITEMS, seed: int = 0) -> Split:
    """Return a split of so many items; the same for the same seed."""
    return _Maker(data, items, random.Random(seed)).make()


class _Maker:
    """Hands out sentences so that the counts of distinct ones come out as wanted."""

    def __init__(self, data: Path, items: int, draw: random.Random) -> None:
        versions = [
            json.loads((data / f"vsd{version}_val.json").read_text(encoding="utf-8"))
            for version in ("v1", "v2")
        ]
        self._draw = draw
        self._used: set[str] = set()
        self._patterns = _patterns(versions[0] + versions[1])
        self._real = {
            normalise(caption)
            for version in versions
            for item in version
            for caption in item["captions"]
        } | {normalise("{s} {p} {o}".format(**item["triple_list"][0])) for item in versions[0]}
        captions = [
            [*one["captions"], *other["captions"]] for one, other in zip(*versions, strict=True)
        ]
        for texts in captions:
            draw.shuffle(texts)
        self._items = [
            Item(
                number,
                versions[0][number % len(captions)]["triple_list"][0],
                captions[number % len(captions)],
            )
            for number in range(items)
        ]
        self._left = captions

    def make(self) -> Split:
        """Return the split."""
        items = self._items
        share = len(items) / ITEMS
        self._hand_out_references("v1", round(V1_REFERENCES * share), repeated=0)
        self._hand_out_references(
            "v2",
            round(V2_REFERENCES * share),
            repeated=round((V1_REFERENCES + V2_REFERENCES - DISTINCT_REFERENCES) * share),
        )
        new = round(NEW_PREDICTIONS * share)
        before = len(self._used)
        for item in items:
            item.first.append(item.plain)
            self._used.add(normalise(item.plain))
        self._hand_out_predictions("first", new - (len(self._used) - before))
        for item in items:
            item.second.append(self._draw.choice(item.v1))
        self._hand_out_predictions("second", new)
        sentences = {
            normalise(text)
            for item in items
            for text in (*item.v1, *item.v2, *item.first, *item.second)
        }
        return Split(items, len(sentences & self._real))

    def _hand_out_references(self, name: str, total: int, *, repeated: int) -> None:
        counts = dict.fromkeys(range(len(self._items)), 1)
        while sum(counts.values()) < total:
            chosen = self._draw.randrange(len(self._items))
            counts[chosen] += counts[chosen] < MOST_REFERENCES[name]
        repeating = set(self._draw.sample(range(len(self._items)), repeated))
        for number, item in enumerate(self._items):
            references: list[str] = getattr(item, name)
            if number in repeating:
                references.append(self._draw.choice(item.v1))
            while len(references) < counts[number]:
                references.append(self._fresh(item))

    def _hand_out_predictions(self, name: str, new: int) -> None:
        slots = [(item, place) for item in self._items for place in range(SENTENCES_AN_ITEM - 1)]
        chosen = set(self._draw.sample(range(len(slots)), new))
        for number, (item, _) in enumerate(slots):
            sentences: list[str] = getattr(item, name)
            known = [text for text in (*item.v1, *item.v2) if text not in sentences]
            if number in chosen or not known:
                sentences.append(self._fresh(item))
            else:
                sentences.append(self._draw.choice(known))
        for item in self._items:
            self._draw.shuffle(getattr(item, name))

    def _fresh(self, item: Item) -> str:
        """Return a sentence that no one has yet: the item's own, a left one, or a made one."""
        for text in self._candidates(item):
            key = normalise(text)
            if key and key not in self._used:
                self._used.add(key)
                return text
        raise AssertionError("there is always one more sentence to make")

    def _candidates(self, item: Item) -> Iterator[str]:
        while item.own:
            yield item.own.pop()
        if self._draw.random() < 0.5:
            # Captions of those that have many more than their share, to use all that is real.
            longest = max(self._draw.sample(self._left, min(9, len(self._left))), key=len)
            while len(longest) > 2 * SENTENCES_AN_ITEM:
                yield longest.pop()
        while True:
            relation = item.source["p"]
            pattern = self._draw.choice(self._patterns[relation])
            other = self._draw.choice(self._items).source
            # Now and then another object: captions name what is not in the question, too.
            object_ = other["o"] if self._draw.random() < 0.2 else item.source["o"]
            yield pattern.replace("{s}", item.source["s"]).replace("{o}", object_)


def _patterns(items: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return, by relation, the captions that name both objects, with holes in their place."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for item in items:
        triple = item["triple_list"][0]
        for caption in item["captions"]:
            text = f" {caption} "
            subject, object_ = f" {triple['s']} ", f" {triple['o']}"
            if text.count(subject) == 1 and text.count(object_) == 1:
                holed = text.replace(subject, " {s} ").replace(object_, " {o}").strip()
                if "{s}" in holed and "{o}" in holed:
                    found[triple["p"]][holed] = None
    return {relation: list(texts) for relation, texts in found.items()}


def _gold_rows(item: Item) -> Iterator[GoldRow]:
    for task, references in ((1, []), (2, item.v1), (3, item.v2)):
        yield GoldRow(
            id=f"{item.number:05d}",
            image=f"{item.number:05d}.jpg",
            task=task,
            subject=item.source["s"],
            object=item.source["o"],
            subject_box=parse_box(item.source["s_bbox"]),
            object_box=parse_box(item.source["o_bbox"]),
            relations=(item.source["p"],),
            references=tuple(references),
        )


def _prediction_rows(item: Item) -> Iterator[PredictionRow]:
    one, *three = item.first
    answers: tuple[str | tuple[str, ...], ...] = (item.source["p"], one, tuple(three))
    for task, answer in enumerate(answers, start=1):
        yield PredictionRow(f"{item.number:05d}", task, answer)
