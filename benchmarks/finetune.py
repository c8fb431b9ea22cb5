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
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from surroundings import keep, name_machine
from torch.nn.functional import cross_entropy
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerBase

from vsdkit.conversation import Conversation, load_conversation
from vsdkit.data.jsonl import read_rows
from vsdkit.data.records import InstructionRow
from vsdkit.finetune.estimate import Layout, MicroBatch, Shape, Task, count_flop, peak_memory
from vsdkit.finetune.examples import IGNORED, EncodedRow, Example, RowEncoder, collate_rows
from vsdkit.finetune.order import Bundle, Division, RowTokens, StepBatches, make_batches
from vsdkit.finetune.packing import SEGMENTS, attention_mask, collate_images
from vsdkit.instructions import build_instructions
from vsdkit.model.bases import check_base, family_of, source_to_plan, tiny_base_path
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.model.families import ImagePreparer, PreparedImage
from vsdkit.model.lora import count_trained, with_lora
from vsdkit.settings.defaults import BASE, Batching

RESULT = Path(__file__).parent / "results" / "finetune.json"
SIZE = (480, 640)
"""Height and width of every picture."""
PROCESSES, PER_DEVICE = 8, 16
PASSES = 5
BATCHINGS: tuple[Batching, ...] = ("rows", "pictures")
LORA_RANK = 128
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
    """Return the language model's tokens of an epoch of VSD's rows, both ways."""
    config = check_base("tiny")
    tokenizer = load_tokenizer(str(folder or tiny_base_path()), _with_image(config, folder))
    conversation = load_conversation("vicuna_v1")
    with tempfile.TemporaryDirectory() as place:
        instructions = Path(place) / "instructions.jsonl"
        build_instructions(
            v1=data / "vsdv1_val.json",
            v2=data / "vsdv2_val.json",
            output=instructions,
            gold=Path(place) / "gold.jsonl",
        )
        rows = [InstructionRow.from_dict(row) for _, row in read_rows(instructions)]
    counts = {"single": 577, "anyres": 2340}
    found: dict[str, Any] = {
        "rows": len(rows),
        "pictures": len({row.image for row in rows}),
        "tokenizer": "LLaVA's" if folder else "the tiny base's",
    }
    for image_mode, image_tokens in counts.items():
        encoder = _encoder(tokenizer, conversation)
        lengths = [
            RowTokens(len(one.ids), image_tokens, one.prefix)
            for one in (encoder.encode(row, image_tokens=image_tokens) for row in rows)
        ]
        found[image_mode] = _compare_tokens(rows, lengths)
        alone, shared = (found[image_mode][one] for one in BATCHINGS)
        print(
            f"{image_mode}: {len(rows):,} rows of {found['pictures']:,} pictures, rows alone "
            f"{alone:,} tokens, shared {shared:,}: {shared / alone:.4f}"
        )
    return found


def _with_image(config: Any, folder: Path | None) -> Any:
    if folder is not None:
        # LLaVA-1.6's, which its tokenizer adds behind Llama's 32,000.
        config.image_token_id = 32_000
    return config


def _encoder(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> RowEncoder:
    image_id = int(tokenizer.convert_tokens_to_ids("<image>"))
    return RowEncoder(
        tokenizer, conversation, image_id=image_id, longest=100_000, source=Path("rows")
    )


def _compare_tokens(rows: list[InstructionRow], lengths: list[RowTokens]) -> dict[str, float]:
    """Return an epoch's tokens: of rows without their padding, of sequences with it."""
    numbers = {name: place for place, name in enumerate(dict.fromkeys(row.image for row in rows))}
    images = [numbers[row.image] for row in rows]
    size = PROCESSES * PER_DEVICE
    division = Division(-(-len(rows) // size), PER_DEVICE, 1, PROCESSES)
    batches = make_batches(
        "pictures", division, image_of_row=images, tokens=lengths, rank=0, seed=0
    )
    shared = sum(
        -(-sum(_count(lengths, bundle) for bundle in micro) // 16) * 16
        for step in batches.micro_batches_of_steps()
        for micro in step
    )
    alone = sum(length.row for length in lengths)
    return {"rows": alone, "pictures": shared, "ratio": round(shared / alone, 4)}


def _count(lengths: list[RowTokens], bundle: Bundle) -> int:
    first = lengths[bundle.rows[0]]
    return first.prefix + sum(lengths[row].row - first.prefix for row in bundle.rows)


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
    found: dict[str, Any] = {"shape": shape, "image_mode": image_mode, "rows": rows}
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
    tiny = shape == "tiny"
    source = str(tiny_base_path()) if tiny else source_to_plan(BASE)
    config = check_base("tiny" if tiny else source, image_mode=image_mode)
    if shape == "small":
        text, vision = config.text_config, config.vision_config
        # 13B's proportions: heads of 128, 2.7 times as wide inside.
        text.hidden_size, text.intermediate_size, text.num_hidden_layers = 512, 1382, 4
        text.num_attention_heads = text.num_key_value_heads = 4
        vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers = 128, 512, 4
        vision.num_attention_heads = 4
    family = family_of(config)
    dtype = torch.bfloat16 if options.device == "cuda" else torch.float32
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    with torch.device(options.device):
        model = AutoModelForImageTextToText.from_config(config, attn_implementation="sdpa")
        rank = 16 if tiny else LORA_RANK
        model = with_lora(
            model, family, rank=rank, alpha=2 * rank, dropout=0.0, train_projector=False
        )
    torch.set_default_dtype(torch.float32)
    model.base_model.model.activation_checkpointing_enable({"use_reentrant": False})
    model.train()
    preparer = family.load_preparer(source, config, image_mode=image_mode)
    picture = preparer.prepare(Image.new("RGB", (SIZE[1], SIZE[0]), (120, 90, 60)))
    chance = random.Random(0)

    def make_row(prefix: list[int]) -> EncodedRow:
        # VSD's rows have about 60 tokens behind the picture, 15 of them answer.
        own = [chance.randrange(3, 1000) for _ in range(60)]
        labels = [IGNORED] * (len(prefix) + 45) + own[45:]
        return EncodedRow(prefix + own, labels, len(prefix))

    examples = []
    for _ in range(options.pictures):
        # The system line of vicuna_v1 has about 35 tokens.
        prefix = [chance.randrange(3, 1000) for _ in range(35)]
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
        (loss / trained).backward()
        total += loss.item() / trained
    return total


def _beside_the_estimate(work: Work, batching: Batching, seconds: float) -> dict[str, float]:
    """Return MFU, and the memory that the dry run would tell, of a step without an optimizer."""
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
            *batch["input_ids"].shape,
            tokens=batch["input_ids"].numel(),
            image_tokens=int((batch["input_ids"] == work.config.image_token_id).sum()),
            kept=len(batch["logits_to_keep"]),
        )
        for batch in _batches(work, batching)
    ]
    memory = peak_memory(task, layout, batches)
    parts = memory.weights + memory.activations + memory.logits + memory.overhead
    # No optimizer here: of what trains only the gradients are there, in 16 bits.
    parts += 2 * task.trainable_parameters
    flop = count_flop(task, layout, batches)
    peak = named_machine(next(n for n in ("h100", "h200") if n in GPU().lower())).tflops
    return {
        "estimated_memory_gb": round(parts / 1e9, 2),
        "mfu": round(flop / seconds / (float(peak or 0) * 1e12), 3),
    }


def GPU() -> str:
    return torch.cuda.get_device_name()


if __name__ == "__main__":
    main()
