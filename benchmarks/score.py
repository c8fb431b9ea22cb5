"""The whole of ``vsdkit score`` on 5,855 items, and its BLEU beside pycocoevalcap's own ``Bleu``.

    python benchmarks/score.py [DATA] [--items 5855] [--cache FOLDER]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``; the file that is
scored has the shape of the test split (``split_shape.py``). The command runs from an empty cache,
again (all but the first parse), and again without error bars. Then tokens and all four readings of
BLEU (best and all references, mBLEU by sentence and corpus) are made by vsdkit and, with ``java``
on PATH, by pycocoevalcap's ``PTBTokenizer`` and ``Bleu``, each in a process of its own. FOLDER
keeps the parsed sentences of an earlier run. About five minutes on two cores; Ctrl-C is safe.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from process_tree import measure
from split_shape import ITEMS, find_data, make_split
from surroundings import keep, name_machine, new_cache

from vsdkit.data.row_files import read_gold_rows, read_prediction_rows

RESULT = Path(__file__).parent / "results" / "score.json"
GOAL_SECONDS = 10.0
GOAL_SECONDS_ERROR_BARS = 2.0
GOAL_DIFFERENCE = 1e-12
NUMBERS = {
    "bleu4": ("task2", "bleu4"),
    "bleu4_coco": ("task2", "bleu4_coco"),
    "mbleu4": ("task3", "mbleu4"),
    "mbleu4_corpus": ("task3", "mbleu4_corpus"),
}

RUNS: dict[str, list[str]] = {
    "first": [],
    "again": [],
    "again, no error bars": ["--bootstrap", "0"],
}

Numbers = dict[str, float]
Rows = dict[str, list[float]]


def main() -> None:
    """Measure, print and keep the result."""
    if sys.argv[1:2] == ["--child"]:
        bleu_here(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--cache", type=Path, help="keep parsed sentences; temporary by default")
    arguments = parser.parse_args()
    data = find_data(arguments.data)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_split(data, items=arguments.items).write(folder)
        try:
            compare(folder, (arguments.cache or folder / "cache").absolute(), result)
        except KeyboardInterrupt:
            show(result)
            sys.exit("interrupted; nothing was kept")
    show(result)
    if arguments.items < ITEMS:
        print(f"not kept: fewer than {ITEMS:,} items")
        return
    keep(result, RESULT)


def compare(folder: Path, cache: Path, result: dict[str, Any]) -> None:
    """Run the command and both sides' BLEU, and enter what they took and where they differ."""
    result |= {
        **name_machine(),
        "goal_seconds_all_but_the_parse": GOAL_SECONDS,
        "goal_seconds_error_bars": GOAL_SECONDS_ERROR_BARS,
        "goal_difference": GOAL_DIFFERENCE,
        "items": len(read_gold_rows(folder / "gold.jsonl")) // 3,
    }
    new_cache(cache)
    command = [sys.executable, "-m", "vsdkit", "score"]
    command += ["preds.jsonl", "gold.jsonl", "--json", "--items", "items.jsonl"]
    for name, options in RUNS.items():
        taken = measure(
            f"vsdkit score, {name}",
            [*command, *options],
            environment={"VSDKIT_CACHE": str(cache)},
            folder=folder,
        )
        result[f"vsdkit score, {name}"] = taken._asdict()
    found = {}
    for side in ("vsdkit", "pycocoevalcap"):
        child = [sys.executable, __file__, "--child", side, str(folder)]
        taken = measure(f"BLEU by {side}", child)
        result[f"BLEU by {side}"] = taken._asdict()
        found[side] = json.loads((folder / f"{side}.json").read_text(encoding="utf-8"))
    enter_differences(folder, found, result)


def enter_differences(
    folder: Path, found: dict[str, dict[str, Any]], result: dict[str, Any]
) -> None:
    """Enter how far the two sides are apart, in numbers, rows and tokens."""
    ours, theirs = found["vsdkit"], found["pycocoevalcap"]
    manifest = json.loads((folder / "items.jsonl.run.json").read_text(encoding="utf-8"))
    result["sentences_tokenised"] = len(ours["tokens"])
    result["sentences_with_other_tokens"] = sum(
        one != other for one, other in zip(ours["tokens"], theirs["tokens"], strict=True)
    )
    for name, (task, field) in NUMBERS.items():
        value = manifest["scores"][task][field]
        apart = [abs(value - theirs["numbers"][name])]
        rows = zip(ours["rows"].get(name, ()), theirs["rows"].get(name, ()), strict=True)
        apart += [abs(one - other) for one, other in rows]
        result[name] = {
            "vsdkit score": value,
            "pycocoevalcap": theirs["numbers"][name],
            "values_compared": len(apart),
            "largest_difference": max(apart),
        }


def bleu_here(side: str, folder: Path) -> None:
    """Make tokens and all readings of BLEU in this process, and write them."""
    gold = read_gold_rows(folder / "gold.jsonl")
    preds = read_prediction_rows(folder / "preds.jsonl")
    two, three = [], []
    for row, answer in zip(gold, preds, strict=True):
        if isinstance(answer.prediction, tuple):
            three.append(list(answer.prediction))
        elif row.task == 2:
            two.append((str(answer.prediction), list(row.references)))
    texts = dict.fromkeys(text for one, references in two for text in (one, *references))
    texts |= dict.fromkeys(text for row in three for text in row)
    tokenize, read = {
        "vsdkit": (tokenize_ours, read_ours),
        "pycocoevalcap": (tokenize_theirs, read_theirs),
    }[side]
    tokens = dict(zip(texts, tokenize(list(texts)), strict=True))
    numbers, rows = read(
        [tokens[one] for one, _ in two],
        [[tokens[text] for text in references] for _, references in two],
        [[tokens[text] for text in row] for row in three],
    )
    content = {"tokens": list(tokens.values()), "numbers": numbers, "rows": rows}
    (folder / f"{side}.json").write_text(json.dumps(content), encoding="utf-8")


def tokenize_ours(texts: list[str]) -> list[str]:
    """Return each text's tokens, with a blank between."""
    from vsdkit.jvm import tokenize

    return [" ".join(tokens) for tokens in tokenize(texts)]


def read_ours(
    sentences: list[str], references: list[list[str]], triples: list[list[str]]
) -> tuple[Numbers, Rows]:
    """Return the numbers, and those of the rows, by ``vsdkit.metrics``."""
    from vsdkit.metrics import bleu4_readings, score_mbleu4

    hypotheses = [text.split() for text in sentences]
    split = [[text.split() for text in texts] for texts in references]
    by_reference, together = bleu4_readings(hypotheses, split)
    best = [max(values) for values in by_reference]
    diverse = score_mbleu4([[text.split() for text in row] for row in triples])
    numbers = {
        "bleu4": fmean(best),
        "bleu4_coco": together.corpus,
        "mbleu4": diverse.mean,
        "mbleu4_corpus": diverse.corpus,
    }
    return numbers, {"bleu4": best, "bleu4_coco": together.sentences, "mbleu4": diverse.items}


def tokenize_theirs(texts: list[str]) -> list[str]:
    """Return each text's tokens by pycocoevalcap's ``PTBTokenizer``."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    # A line break inside a sentence shifts all that follow there.
    captions = {number: [{"caption": " ".join(text.split())}] for number, text in enumerate(texts)}
    tokens = PTBTokenizer().tokenize(captions)
    return [tokens[number][0] for number in range(len(texts))]


def read_theirs(
    sentences: list[str], references: list[list[str]], triples: list[list[str]]
) -> tuple[Numbers, Rows]:
    """Return the numbers, and those of the rows, by pycocoevalcap's ``Bleu``."""
    pairs = [
        (one, [text]) for one, texts in zip(sentences, references, strict=True) for text in texts
    ]
    values = iter(_bleu(pairs)[1])
    best = [max(next(values) for _ in texts) for texts in references]
    corpus, rows = _bleu(list(zip(sentences, references, strict=True)))
    places = [
        _bleu([(row[place], row[:place] + row[place + 1 :]) for row in triples])
        for place in range(3)
    ]
    items = [fmean(values) for values in zip(*(place[1] for place in places), strict=True)]
    numbers = {
        "bleu4": fmean(best),
        "bleu4_coco": corpus,
        "mbleu4": fmean(items),
        "mbleu4_corpus": fmean(place[0] for place in places),
    }
    return numbers, {"bleu4": best, "bleu4_coco": rows, "mbleu4": items}


def _bleu(cases: list[tuple[str, list[str]]]) -> tuple[float, list[float]]:
    from pycocoevalcap.bleu.bleu import Bleu

    corpus, sentences = Bleu(4).compute_score(
        {number: texts for number, (_, texts) in enumerate(cases)},
        {number: [one] for number, (one, _) in enumerate(cases)},
        verbose=0,
    )
    return 100 * corpus[3], [100 * value for value in sentences[3]]


def show(result: dict[str, Any]) -> None:
    """Print what is known."""
    for name, value in result.items():
        if isinstance(value, dict) and "seconds" in value:
            print(
                f"{name:30} {value['seconds']:8.1f} s {value['cpu_seconds']:8.1f} s of cores "
                f"{value['peak_mib']:7.0f} MiB"
            )
    again, bare = (result.get(f"vsdkit score, {name}") for name in list(RUNS)[1:])
    if again and bare:
        print(f"all but the first parse: {again['seconds']:.1f} s, goal {GOAL_SECONDS:g} s")
        error_bars = again["seconds"] - bare["seconds"]
        print(f"error bars: {error_bars:.1f} s, goal {GOAL_SECONDS_ERROR_BARS:g} s")
    for name in NUMBERS.keys() & result.keys():
        print(
            f"{name:15} {result[name]['vsdkit score']:9.4f}, {result[name]['values_compared']:>6,} "
            f"values compared, largest difference {result[name]['largest_difference']:.1e} "
            f"(goal {GOAL_DIFFERENCE:.0e})"
        )
    if "sentences_tokenised" in result:
        print(
            f"tokens differ in {result['sentences_with_other_tokens']:,} of "
            f"{result['sentences_tokenised']:,} sentences"
        )


if __name__ == "__main__":
    main()
