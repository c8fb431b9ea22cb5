"""Rewriting: the paper's Table 4 on real triples with the rules, and a model's sentences a second.

    python benchmarks/diversify.py [DATA]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``
(github.com/zhaoyucs/VSD, not ours to ship). Of each item the three sentences are "T1 R T2." with
its relation, its last caption in VSDv1 and its first in VSDv2; the references are its captions in
VSDv2. So the third sentence is itself a reference, and only the change of SPICE tells anything.
What the rules prefer was weighed on 400 of the items at even places; those at odd places are what
to quote.

The engine ``transformers`` is timed on a small model with random weights, made here: a process
against two, a sentence at a time against batches, each process on one core, all in one run. Replies
must be equal throughout.
Minutes; prints tables, keeps the numbers in ``results/diversify.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from split_shape import find_data
from surroundings import keep, name_machine

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, parse_box
from vsdkit.diversify import diversify
from vsdkit.diversify.guards import Ask
from vsdkit.diversify.inputs import make_asks
from vsdkit.diversify.rules import RuleEngine
from vsdkit.diversify.text_model import ModelEngine
from vsdkit.settings.diversify import DiversifySettings

RESULT = Path(__file__).parent / "results" / "diversify.json"
HALVES = {"all": slice(None), "quoted (odd places)": slice(1, None, 2)}
SENTENCES = 48
WARM_UP = 16
"""Sentences before the clock starts: two batches, so that two processes have loaded the weights."""
ROUNDS = 2
"""Each way is timed so often, one after the other, and its best time counts."""
WAYS = {
    "1 process, 1 at a time": (1, 1),
    "1 process, 8 at a time": (1, 8),
    "2 processes, 8 at a time": (2, 8),
}


def main() -> None:
    """Rewrite, measure, print and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    data = find_data(parser.parse_args().data)
    pairs = list(read_triples(data))
    with tempfile.TemporaryDirectory() as folder:
        result = {
            **name_machine(),
            "table_4": {
                name: table_4(pairs[chosen], Path(folder) / f"{number}")
                for number, (name, chosen) in enumerate(HALVES.items())
            },
            "replace_3": table_4(pairs, Path(folder) / "replace_3", replace=3, check_spice=False),
            # Of the last minute: other work on the machine makes times of little worth.
            "load_average": round(os.getloadavg()[0], 1),
            "rules_ms_a_row": time_rules(pairs),
            "transformers": time_model(pairs, Path(folder) / "model"),
        }
    show(result)
    keep(result, RESULT)


def read_triples(data: Path) -> Iterator[tuple[GoldRow, PredictionRow]]:
    """Yield of each item its gold row of task 3, and the three sentences as a prediction."""
    versions = [
        json.loads((data / f"vsd{version}_val.json").read_text(encoding="utf-8"))
        for version in ("v1", "v2")
    ]
    second = {key_of(item): item["captions"] for item in versions[1]}
    for number, item in enumerate(versions[0]):
        if key_of(item) not in second:
            continue
        triple, captions = item["triple_list"][0], second[key_of(item)]
        said = (f"{triple['s']} {triple['p']} {triple['o']}.", item["captions"][-1], captions[0])
        gold = GoldRow(
            id=str(number),
            task=3,
            image=item["img_id"],
            subject=triple["s"],
            object=triple["o"],
            subject_box=parse_box(triple["s_bbox"]),
            object_box=parse_box(triple["o_bbox"]),
            references=tuple(dict.fromkeys(captions)),
        )
        yield gold, PredictionRow(gold.id, 3, said)


def key_of(item: dict[str, Any]) -> tuple[str, str, str]:
    """Return what an item of VSDv1 and one of VSDv2 have in common."""
    triple = item["triple_list"][0]
    return item["img_id"], triple["s"], triple["o"]


def table_4(
    pairs: Sequence[tuple[GoldRow, PredictionRow]],
    folder: Path,
    *,
    replace: int = 2,
    check_spice: bool = True,
) -> dict[str, Any]:
    """Return what ``vsdkit diversify --engine rules`` reports of the triples."""
    folder.mkdir()
    gold, preds = folder / "gold.jsonl", folder / "preds.jsonl"
    write_rows(gold, (row.to_dict() for row, _ in pairs))
    write_rows(preds, (row.to_dict() for _, row in pairs))
    report = diversify(
        preds=preds,
        gold=gold,
        engine="rules",
        replace=replace,
        check_spice=check_spice,
        output=folder / "preds.diverse.jsonl",
    ).to_dict()
    return {name: value for name, value in report.items() if name not in ("output", "engine")}


def time_rules(pairs: Sequence[tuple[GoldRow, PredictionRow]]) -> float:
    """Return milliseconds of a core that the rules take for a row, the synonyms loaded before."""
    asks = make_asks([said for _, said in pairs], [gold for gold, _ in pairs], replace=2)
    engine = RuleEngine()
    list(engine.rewrite(asks[:1], 0))
    began = time.process_time()
    list(engine.rewrite(asks, 0))
    return round(1000 * (time.process_time() - began) / len(asks), 2)


def time_model(
    pairs: Sequence[tuple[GoldRow, PredictionRow]], folder: Path
) -> dict[str, dict[str, float]]:
    """Return sentences a second of each way, and how many times those of the first."""
    asks = make_asks(
        [said for _, said in pairs[: SENTENCES + WARM_UP]], [gold for gold, _ in pairs], replace=2
    )
    make_model(folder, [engine_of(folder, 1, 1).question(ask) for ask in asks])
    seconds = dict.fromkeys(WAYS, math.inf)
    replies = None
    for name, (processes, batch_size) in [*WAYS.items()] * ROUNDS:
        with closing(engine_of(folder, processes, batch_size)) as engine:
            said, taken = time_engine(engine, asks)
        assert replies in (None, said), f"{name}: other replies"
        replies = said
        seconds[name] = min(seconds[name], taken)
    rates = {name: (len(asks) - WARM_UP) / taken for name, taken in seconds.items()}
    first = next(iter(rates.values()))
    return {
        name: {"sentences_a_second": round(rate, 2), "times_the_first": round(rate / first, 2)}
        for name, rate in rates.items()
    }


def engine_of(folder: Path, processes: int, batch_size: int) -> ModelEngine:
    """Return an engine that is not loaded yet."""
    settings = DiversifySettings(model=str(folder), gpus=processes, batch_size=batch_size)
    return ModelEngine.from_settings(settings)


def time_engine(engine: ModelEngine, asks: Sequence[Ask]) -> tuple[dict[str, Any], float]:
    """Return the replies of a second attempt, and the seconds of those behind the warm-up."""
    said = dict(engine.rewrite(asks[:WARM_UP], 1))
    began = time.perf_counter()
    said |= dict(engine.rewrite(asks[WARM_UP:], 1))
    return said, time.perf_counter() - began


def make_model(folder: Path, texts: Sequence[str]) -> None:
    """Write a Qwen2 of a few million random weights and a tokenizer that knows the texts' words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    known = sorted({word for text in texts for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<end>", *known])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }} {% endfor %}"
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    for name, found in result["table_4"].items():
        print(f"\n{name}: {found['rows']:,} rows, {found['rewritten']:,} rewritten")
        print(f"{'':8}{'mBLEU-4':>10}{'SPICE':>10}")
        for when in ("before", "after"):
            print(f"{when:8}{found[f'mbleu4_{when}']:>10.4f}{found[f'spice_{when}']:>10.4f}")
        print(f"SPICE changed by {found['spice_change']:+.4f}")
    third = result["replace_3"]
    print(f"\nsentence 3: mBLEU-4 {third['mbleu4_before']} -> {third['mbleu4_after']}")
    print(f"\nrules: {result['rules_ms_a_row']} ms a row")
    for name, rates in result["transformers"].items():
        print(
            f"{name:28}{rates['sentences_a_second']:>8} sentences a second"
            f"{rates['times_the_first']:>8} times"
        )


if __name__ == "__main__":
    # Nothing is fetched: the model is made here.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # One core a process, or one process alone would have them all.
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
