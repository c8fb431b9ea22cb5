"""``vsdkit.wording`` on real captions: precision and recall of each relation, held against gold.

    python benchmarks/wording.py [DATA]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. Every distinct
caption that names both objects of its pair is read; the pair's label is what it is held against.
The rules were looked over on the items at even places; those at odd places are what to quote.
Seconds; prints tables, keeps the numbers in ``results/wording.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from split_shape import find_data
from surroundings import keep

from vsdkit.data.relations import RELATIONS
from vsdkit.wording import find_mentions, find_relations, normalise

RESULT = Path(__file__).parent / "results" / "wording.json"
HALVES = {"looked over": 0, "quoted": 1}


class Reading(NamedTuple):
    """The gold relation of a caption's pair, and what is read in the caption."""

    gold: str
    likeliest: str | None
    left_open: frozenset[str]


def main() -> None:
    """Read, count, print and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    data = find_data(parser.parse_args().data)
    result: dict[str, Any] = {}
    began = time.perf_counter()
    for version in ("v1", "v2"):
        items = json.loads((data / f"vsd{version}_val.json").read_text(encoding="utf-8"))
        for half, remainder in HALVES.items():
            chosen = items[remainder::2]
            captions = sum(len(dict.fromkeys(item["captions"])) for item in chosen)
            found = count(list(read(chosen)))
            result[f"VSD{version}, {half}"] = {"captions": captions, **found}
    result["seconds"] = round(time.perf_counter() - began, 2)
    show(result)
    keep(result, RESULT)


def read(items: list[dict[str, Any]]) -> Iterator[Reading]:
    """Yield what is read in each distinct caption that names both objects of the first triple."""
    for item in items:
        triple = item["triple_list"][0]
        for caption in dict.fromkeys(item["captions"]):
            text = normalise(caption)
            if not all(find_mentions(text, triple[end]) for end in ("s", "o")):
                continue
            stated = find_relations(caption, triple["s"], triple["o"])
            yield Reading(
                triple["p"],
                stated[0].relations[0] if stated else None,
                frozenset(relation for one in stated for relation in one.relations),
            )


def count(readings: list[Reading]) -> dict[str, Any]:
    """Return precision and recall in percent, by relation and of all."""
    gold = Counter(one.gold for one in readings)
    said = Counter(one.likeliest for one in readings if one.likeliest)
    right = Counter(one.gold for one in readings if one.gold == one.likeliest)
    among = Counter(one.gold for one in readings if one.gold in one.left_open)
    return {
        "name_both": len(readings),
        "read": said.total(),
        "read_as_one": sum(len(one.left_open) == 1 for one in readings),
        "precision": percent(right.total(), said.total()),
        "recall": percent(right.total(), len(readings)),
        "precision_left_open": percent(among.total(), said.total()),
        "recall_left_open": percent(among.total(), len(readings)),
        "by_relation": {
            relation: {
                "captions": gold[relation],
                "precision": percent(right[relation], said[relation]),
                "recall": percent(right[relation], gold[relation]),
                "recall_left_open": percent(among[relation], gold[relation]),
            }
            for relation in RELATIONS
        },
    }


def percent(part: int, whole: int) -> float | None:
    """Return a share in percent, one decimal."""
    return round(100 * part / whole, 1) if whole else None


def show(result: dict[str, Any]) -> None:
    """Print a table for each half."""
    for name, found in result.items():
        if name == "seconds":
            continue
        print(
            f"\n{name}: {found['captions']:,} captions, {found['name_both']:,} name both, "
            f"{found['read']:,} read"
        )
        columns = ("captions", "precision", "recall", "recall_left_open")
        print(f"{'':16}", *(f"{column:>17}" for column in columns))
        lines = found["by_relation"] | {"all": found | {"captions": found["name_both"]}}
        for relation, line in lines.items():
            print(f"{relation:16}", *(f"{line[column]!s:>17}" for column in columns))


if __name__ == "__main__":
    main()
