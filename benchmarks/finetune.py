"""Shared pictures against rows alone: tokens of an epoch, and seconds of a step, in one run.

    python benchmarks/finetune.py [DATA] [--tokenizer FOLDER]
    python benchmarks/finetune.py --device cuda --shape 13b        (one GPU of 80 GB or more)

Tokens: DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. Their
rows, as the paper makes them, are shared out for eight processes as training does it; every
picture counts as one of 480 x 640, for the files hold no sizes. Without ``--tokenizer`` (a folder
with LLaVA's) the tiny base's is taken, which has more tokens a word. DATA may be left out.

Time: a model of the given shape with random weights trains both ways on the same rows, in turns,
with gradient checkpointing: ``tiny``, the packaged base; ``small``, 13B's proportions in 4 layers
of 512; ``13b``, all of it. Prints rows a second and the ratio, on a GPU also MFU and memory beside
what the dry run says. Keeps everything in ``results/finetune.json``.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from random_base import make_random_base
from surroundings import keep, name_machine
from torch.nn.functional import cross_entropy

from vsdkit.conversation import load_conversation
from vsdkit.data.jsonl import read_rows
from vsdkit.data.records import InstructionRow
from vsdkit.finetune.estimate import Layout, MicroBatch, Shape, Task, count_flop, peak_memory
from vsdkit.finetune.estimate.machine import peak_tflops
from vsdkit.finetune.examples import IGNORED, EncodedRow, Example, RowEncoder, collate_rows
from vsdkit.finetune.order import Division, RowTokens, count_tokens, make_batches
from vsdkit.finetune.packing import PADDED_TO, SEGMENTS, attention_mask, collate_images
from vsdkit.instructions import build_instructions
from vsdkit.model.bases import TINY_BASE, check_base, tiny_base_path
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.model.families import ImagePreparer
from vsdkit.model.lora import count_trained
from vsdkit.settings.defaults import Batching

RESULT = Path(__file__).parent / "results" / "finetune.json"
SIZE = (480, 640)
"""Height and width of every picture."""
IMAGE_TOKENS = {"single": 577, "anyres": 2340}
"""Of LLaVA-1.6 for that size."""
PROCESSES, PER_DEVICE = 8, 16
PASSES = 3
BATCHINGS: tuple[Batching, ...] = ("rows", "pictures")
ROWS_AT_ONCE = {"single": 6, "anyres": 2}


class Work(NamedTuple):
    """Rows to train on in turns."""

    config: Any
    model: Any
    preparer: ImagePreparer
    examples: list[Example]
    rows_at_once: int
    """Rows alone in a micro-batch; of pictures it has one."""


def main() -> None:
    """Count, measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("VSDKIT_DATA"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--shape", action="append", choices=("tiny", "small", "13b"))
    parser.add_argument("--pictures", type=int, default=2, help="pictures of a timed step")
    parser.add_argument("--rows", type=int, default=6, help="rows of each")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    result: dict[str, Any] = name_machine() | {"torch": torch.__version__}
    if options.device == "cuda":
        result["gpu"] = torch.cuda.get_device_name()
    if options.data is not None:
        result["tokens"] = count_mix(Path(options.data), options.tokenizer)
    result["steps"] = [
        measure(shape, image_mode, options)
        for shape in options.shape or ("tiny", "small")
        for image_mode in ("single", "anyres")
    ]
    keep(result, options.output)


def count_mix(data: Path, folder: Path | None) -> dict[str, Any]:
    """Return the language model's tokens of an epoch of VSD's rows, both ways.

    Args:
        data: Holds the two annotation files.
        folder: Holds LLaVA's tokenizer; None takes the tiny base's.
    """
    config = check_base(TINY_BASE)
    if folder is not None:
        # Which LLaVA adds behind Llama's 32,000.
        config.image_token_id = 32_000
    encoder = RowEncoder(
        load_tokenizer(str(folder or tiny_base_path()), config),
        load_conversation("vicuna_v1"),
        image_id=config.image_token_id,
        longest=100_000,
        source=data,
    )
    with tempfile.TemporaryDirectory() as place:
        instructions = Path(place) / "instructions.jsonl"
        build_instructions(
            v1=data / "vsdv1_val.json",
            v2=data / "vsdv2_val.json",
            output=instructions,
            gold=Path(place) / "gold.jsonl",
        )
        rows = [InstructionRow.from_dict(row) for _, row in read_rows(instructions)]
    encoded = [encoder.encode(row, image_tokens=1) for row in rows]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(row.image for row in rows))}
    found: dict[str, Any] = {
        "rows": len(rows),
        "pictures": len(numbers),
        "tokenizer": "LLaVA's" if folder else "the tiny base's",
    }
    for image_mode, in_image in IMAGE_TOKENS.items():
        tokens = [
            RowTokens(len(one.ids) - 1 + in_image, in_image, one.prefix - 1 + in_image)
            for one in encoded
        ]
        images = [numbers[row.image] for row in rows]
        counts = {"rows": sum(one.row for one in tokens), "pictures": _packed(tokens, images)}
        ratio = counts["pictures"] / counts["rows"]
        found[image_mode] = counts | {"ratio": round(ratio, 4)}
        print(
            f"{image_mode}: {len(rows):,} rows about {len(numbers):,} pictures: "
            f"{counts['rows']:,} tokens as rows, {counts['pictures']:,} as pictures: {ratio:.4f}"
        )
    return found


def _packed(tokens: list[RowTokens], images: list[int]) -> int:
    """Return the tokens of an epoch's sequences on eight processes, padding included."""
    division = Division(-(-len(tokens) // (PROCESSES * PER_DEVICE)), PER_DEVICE, 1, PROCESSES)
    batches = make_batches("pictures", division, image_of_row=images, tokens=tokens, rank=0, seed=0)
    return sum(
        -(-sum(count_tokens(bundle, tokens) for bundle in micro) // PADDED_TO) * PADDED_TO
        for step in batches.micro_batches_of_steps()
        for micro in step
    )


def measure(shape: str, image_mode: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds and tokens of a step both ways, medians of passes in turns."""
    work = _make_work(shape, image_mode, options)
    cuda = options.device == "cuda"
    seconds: dict[Batching, list[float]] = {batching: [] for batching in BATCHINGS}
    facts: dict[Batching, dict[str, Any]] = {batching: {} for batching in BATCHINGS}
    # The first pass warms up.
    for number in range(PASSES + 1):
        for batching in BATCHINGS:
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            facts[batching]["loss"] = round(_step(work, batching, options.device), 5)
            if number:
                seconds[batching].append(time.perf_counter() - began)
            if cuda:
                facts[batching]["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    rows = sum(len(example.rows) for example in work.examples)
    found: dict[str, Any] = {"shape": shape, "image_mode": image_mode, "rows_of_a_step": rows}
    for batching in BATCHINGS:
        took = statistics.median(seconds[batching])
        found[batching] = {
            "tokens": sum(one["input_ids"].numel() for one in _batches(work, batching)),
            "seconds": round(took, 4),
            "rows_per_second": round(rows / took, 3),
            **facts[batching],
            **(_beside_the_estimate(work, batching, took) if cuda else {}),
        }
    alone, shared = (found[batching] for batching in BATCHINGS)
    found["tokens_ratio"] = round(shared["tokens"] / alone["tokens"], 3)
    found["times_faster"] = round(alone["seconds"] / shared["seconds"], 2)
    print(found, flush=True)
    return found


def _make_work(shape: str, image_mode: str, options: argparse.Namespace) -> Work:
    """Return a model with random weights and LoRA, and pictures with random rows."""
    config, model, preparer = make_random_base(shape, image_mode, options.device)
    model.base_model.model.activation_checkpointing_enable({"use_reentrant": False})
    model.train()
    picture = preparer.prepare(Image.new("RGB", (SIZE[1], SIZE[0]), (120, 90, 60)))
    chance = random.Random(0)

    def words(count: int) -> list[int]:
        ids = [one for one in range(3, 1000) if one != config.image_token_id]
        return chance.choices(ids, k=count)

    def make_row(prefix: list[int]) -> EncodedRow:
        # VSD's rows have about 60 tokens behind the picture, 15 of them answer.
        own = words(60)
        labels = [IGNORED] * (len(prefix) + 45) + own[45:]
        return EncodedRow(prefix + own, labels, len(prefix))

    examples = []
    for _ in range(options.pictures):
        # The system line of vicuna_v1 has about 35 tokens.
        prefix = words(35)
        prefix += [config.image_token_id] * picture.n_tokens
        rows = tuple(make_row(prefix) for _ in range(options.rows))
        examples.append(Example(rows, picture, options.rows))
    at_once = ROWS_AT_ONCE[image_mode]
    return Work(config, model, preparer, examples, at_once)


def _batches(work: Work, batching: Batching) -> list[dict[str, Any]]:
    if batching == "pictures":
        return [collate_images([one], pad=0, preparer=work.preparer) for one in work.examples]
    rows = [one._replace(rows=(row,)) for one in work.examples for row in one.rows]
    return [
        collate_rows(rows[start : start + work.rows_at_once], pad=0, preparer=work.preparer)
        for start in range(0, len(rows), work.rows_at_once)
    ]


def _step(work: Work, batching: Batching, device: str) -> float:
    """Return the loss of a step of all rows, its gradients computed."""
    work.model.zero_grad()
    batches = _batches(work, batching)
    trained = sum(int((one["shift_labels"] != IGNORED).sum()) for one in batches)
    total = 0.0
    for batch in batches:
        given = {name: value.to(device) for name, value in batch.items()}
        labels = given.pop("shift_labels")
        del given["rows_of_image"]
        given["pixel_values"] = given["pixel_values"].to(work.model.dtype)
        if SEGMENTS in given:
            given["attention_mask"] = attention_mask(given.pop(SEGMENTS))
        logits = work.model(**given).logits.float().flatten(0, 1)
        loss = cross_entropy(logits, labels.flatten(), ignore_index=IGNORED, reduction="sum")
        (loss / trained).backward()  # type: ignore[no-untyped-call]
        total += loss.item() / trained
    return total


def _beside_the_estimate(work: Work, batching: Batching, seconds: float) -> dict[str, float]:
    """Return the memory that the dry run would tell of such a step, and the share of the peak."""
    task = Task(
        Shape.of(work.config),
        count_trained(work.model).parameters,
        dtype_bytes=2,
        has_dropout=False,
        on_gpu=True,
    )
    layout = Layout(1, work.rows_at_once, 2, gradient_checkpointing=True, image_mode="")
    batches = [
        MicroBatch(
            sequences=batch["input_ids"].shape[0],
            longest=batch["input_ids"].shape[1],
            tokens=batch["input_ids"].numel(),
            image_tokens=int((batch["input_ids"] == work.config.image_token_id).sum()),
            kept=len(batch["logits_to_keep"]),
        )
        for batch in _batches(work, batching)
    ]
    memory = peak_memory(task, layout, batches)
    # Without what is not here: an optimizer (of what trains only the gradients, in 16 bits), and
    # the context, which torch does not count.
    parts = memory.weights + memory.activations + memory.logits + 2 * task.trainable_parameters
    found = {"estimated_memory_gb": round(parts / 1e9, 2)}
    peak = peak_tflops(torch.cuda.get_device_name())
    if peak is not None:
        flop = count_flop(task, layout, batches)
        found["share_of_peak"] = round(flop / seconds / (peak * 1e12), 3)
    return found


if __name__ == "__main__":
    main()
