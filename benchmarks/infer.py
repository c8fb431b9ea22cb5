"""An image once for its three tasks against three prompts: answers, tokens and time in one run.

    python benchmarks/infer.py DEMO [--data DATA] [--tokenizer FOLDER]
    python benchmarks/infer.py --device cuda --shape 13b         (one GPU of 80 GB or more)

Answers: DEMO (or VSDKIT_DEMO) is a folder that `vsdkit demo` left. Its trained adapter answers
every held-out row, shared and in a prompt of its own; counted are rows with another text, for
several batch sizes, and the largest difference of a logit. Labels by likelihood stand beside those
that are written.

Tokens: DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``; every
image counts as one of 480 x 640, for the files hold no sizes. Without ``--tokenizer`` (a folder
with LLaVA's) the tiny base's is taken, which has more tokens a word.

Memory: the adapter answers with less memory than all images at once need (``ulimit -v``).

Time: a model of a given shape with random weights answers three tasks of some images with none,
one and more of the measures: adapter merged, image shared. Prints rows a second and the ratios, on
a GPU also the peak of the memory. Keeps everything in ``results/infer.json``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from random_base import SHAPES, make_random_base
from surroundings import keep, name_machine

from vsdkit.conversation import fill, load_conversation, load_template
from vsdkit.data.images import ImageFolders, check_images
from vsdkit.data.items import read_items
from vsdkit.data.jsonl import read_rows
from vsdkit.data.relations import RELATIONS
from vsdkit.infer import infer
from vsdkit.infer.local import load_answerer
from vsdkit.infer.model_choice import choose_model
from vsdkit.infer.plan import plan_batches
from vsdkit.instructions import build_instructions
from vsdkit.model import shared_image
from vsdkit.model.answerer import Answerer
from vsdkit.model.bases import TINY_BASE, check_base, family_of, tiny_base_path
from vsdkit.model.checkpoint import Loaded, load_tokenizer
from vsdkit.model.generation import Prompt, encode_question, first_logits, generate, stop_id
from vsdkit.model.precision import choose_precision
from vsdkit.model.shared_image import AskedImage, Question, answer_images
from vsdkit.settings.infer import InferSettings

RESULT = Path(__file__).parent / "results" / "infer.json"
SIZE = (480, 640)
"""Height and width of every picture."""
IMAGE_TOKENS = {"single": 577, "anyres": 2340}
"""Of LLaVA-1.6 for that size."""
LENGTHS = {1: 6, 2: 20, 3: 60}
"""Tokens of usual answers: a random model never stops by itself."""
CHILD = """
import resource, sys
from vsdkit.infer import infer

class Listener:
    shows_bars = False
    def message(self, text):
        print(text, flush=True)
        if text.startswith("loading adapter"):
            held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (held + {room}, held + {room}))
    def track(self, description, *, total):
        from vsdkit.progress import SILENT
        return SILENT.track(description, total=total)

infer(items={items!r}, images=[{images!r}], adapter={adapter!r}, output={output!r},
      batch_size=1024, listener=Listener())
"""


def main() -> None:
    """Compare, count, measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("demo", nargs="?", type=Path, default=os.environ.get("VSDKIT_DEMO"))
    parser.add_argument("--data", type=Path, default=os.environ.get("VSDKIT_DATA"))
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--shape", action="append", choices=SHAPES)
    parser.add_argument("--images", type=int, default=8, help="images of a timed pass")
    parser.add_argument("--passes", type=int, default=3, help="timed passes of each way")
    options = parser.parse_args()
    if options.device == "cpu":
        # Two threads that wait for each other would tell of the machine's load.
        torch.set_num_threads(1)
    found: dict[str, Any] = {"torch": torch.__version__, **name_machine()}
    if options.demo is not None:
        demo = Path(options.demo)
        found["answers"] = compare_answers(demo)
        found["little_memory"] = answer_in_little_memory(demo)
    else:
        print("answers and memory: left out, name a folder that `vsdkit demo` left")
    if options.data is not None:
        found["tokens"] = count_tokens(Path(options.data), options.tokenizer)
    else:
        print("tokens: left out, name the folder of the VSD data: --data, or VSDKIT_DATA")
    found["time"] = [
        measure(shape, image_mode, options)
        for shape in options.shape or ("tiny", "small")
        for image_mode in ("single", "anyres")
    ]
    keep(found, RESULT)


def compare_answers(demo: Path) -> dict[str, Any]:
    """Return how many rows of the demo get another text when their image is shared."""
    settings = InferSettings(adapter=demo / "runs" / "demo")
    answerer = load_answerer(choose_model(settings), settings)
    rows = read_items(demo / "heldout" / "gold.jsonl")
    paths = ImageFolders((demo / "heldout" / "images",)).find_all(row.image for row in rows)
    files = check_images(paths).files
    count = answerer.loaded.preparer.count_tokens
    tokens = {name: count((file.height, file.width)) for name, file in files.items()}
    prepared = {name: answerer.prepare(file) for name, file in files.items()}
    began = time.perf_counter()
    alone = {}
    for row in rows:
        question = answerer.question(row)
        alone[row.key] = _alone(answerer, prepared[row.image], [question])[0].text
    seconds = {"alone, one by one": round(time.perf_counter() - began, 2)}
    found: dict[str, Any] = {"rows": len(rows), "different": {}}
    for batch_size in (1, 4, 16, 64):
        began = time.perf_counter()
        said: dict[Any, str] = {}
        for batch in plan_batches(rows, tokens, batch_size=batch_size):
            asked = [
                (prepared[own[0].image], [answerer.question(row) for row in own]) for own in batch
            ]
            for own, answers in zip(batch, answerer.answer_images(asked), strict=True):
                said |= {row.key: one.text for row, one in zip(own, answers, strict=True)}
        seconds[f"shared, {batch_size} images"] = round(time.perf_counter() - began, 2)
        found["different"][str(batch_size)] = sum(said[key] != alone[key] for key in alone)
    found["largest_logit_difference"], found["largest_logit"] = _logits(answerer, rows, prepared)
    found["seconds"] = seconds
    found |= _labels(answerer, rows, prepared, alone)
    print(f"{len(rows)} rows; other text by images at once: {found['different']}")
    print(f"largest difference of a first logit: {found['largest_logit_difference']:.1e}")
    print(f"seconds: {seconds}")
    print(
        f"labels: likelihood agrees with what is written in {found['labels_agree']:.3f}; "
        f"right {found['right_by_likelihood']:.3f} and {found['right_as_written']:.3f}"
    )
    return found


def _alone(answerer: Answerer, image: Any, questions: list[Question]) -> list[Any]:
    loaded, conversation = answerer.loaded, answerer.conversation
    return [
        generate(
            loaded,
            [
                Prompt(
                    encode_question(
                        loaded, conversation, question.text, image_tokens=image.n_tokens
                    ),
                    image,
                )
            ],
            stop=stop_id(loaded, conversation),
            max_new_tokens=question.max_new_tokens,
        )[0]
        for question in questions
    ]


def _logits(answerer: Answerer, rows: Any, prepared: Any) -> tuple[float, float]:
    """Return the largest difference between first logits, and the largest logit."""
    loaded, conversation = answerer.loaded, answerer.conversation
    stop = stop_id(loaded, conversation)
    extend, seen = shared_image.Sequences.extend, []

    def watched(self: Any, pieces: Any, **more: Any) -> Any:
        seen.append(extend(self, pieces, **more))
        return seen[-1]

    shared_image.Sequences.extend = watched  # type: ignore[method-assign]
    largest, scale = 0.0, 0.0
    for row in rows[::7]:
        questions = [answerer.question(one) for one in rows if one.image == row.image]
        image = prepared[row.image]
        seen.clear()
        answer_images(loaded, conversation, [AskedImage(image, questions)])
        first = torch.cat(seen[0])
        prompts = [
            Prompt(
                encode_question(loaded, conversation, one.text, image_tokens=image.n_tokens), image
            )
            for one in questions
        ]
        wanted = torch.cat([first_logits(loaded, [prompt], stop=stop) for prompt in prompts])
        largest = max(largest, float((first - wanted).abs().max()))
        scale = max(scale, float(wanted.abs().max()))
    shared_image.Sequences.extend = extend  # type: ignore[method-assign]
    return largest, scale


def _labels(answerer: Answerer, rows: Any, prepared: Any, alone: Any) -> dict[str, float]:
    """Return how often the likeliest label is the one written, and how often each is right."""
    ones = [row for row in rows if row.task == 1]
    asked = [
        (prepared[row.image], [answerer.question(row)._replace(labels=RELATIONS)]) for row in ones
    ]
    likely = [
        own[0].text
        for start in range(0, len(asked), 16)
        for own in answerer.answer_images(asked[start : start + 16])
    ]
    written = [alone[row.key] for row in ones]
    pairs = list(zip(likely, written, strict=True))
    known = [set(row.relations) for row in ones]
    return {
        "labels_agree": statistics.fmean(one == other for one, other in pairs),
        "right_by_likelihood": statistics.fmean(
            one in truth for one, truth in zip(likely, known, strict=True)
        ),
        "right_as_written": statistics.fmean(
            one in truth for one, truth in zip(written, known, strict=True)
        ),
    }


def answer_in_little_memory(demo: Path) -> dict[str, Any]:
    """Return what is told and answered when the memory does not hold all images at once."""
    with tempfile.TemporaryDirectory() as folder:
        names = {
            "items": str(demo / "heldout" / "gold.jsonl"),
            "images": str(demo / "heldout" / "images"),
            "adapter": str(demo / "runs" / "demo"),
        }
        whole = Path(folder) / "whole.jsonl"
        infer(
            items=names["items"], images=[names["images"]], adapter=names["adapter"], output=whole
        )
        output = Path(folder) / "little.jsonl"
        program = CHILD.format(**names, output=str(output), room=100 * 2**20)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        )
        told = done.stdout.splitlines()
        found = {
            "exit_code": done.returncode,
            "told": [line for line in told if "does not hold" in line],
            "models_loaded": sum(line.startswith("loading adapter") for line in told),
            "same_bytes": output.exists() and output.read_bytes() == whole.read_bytes(),
        }
        if done.returncode:
            print(done.stderr[-2000:])
    print(f"little memory: {found}")
    return found


def count_tokens(data: Path, folder: Path | None) -> dict[str, Any]:
    """Return the prompt tokens of three tasks an item, shared and in prompts of their own."""
    config = check_base(TINY_BASE)
    if folder is not None:
        # Which LLaVA adds behind Llama's 32,000.
        config.image_token_id = 32_000
    tokenizer = load_tokenizer(str(folder or tiny_base_path()), config)
    template, conversation = load_template("paper"), load_conversation("vicuna_v1")
    with tempfile.TemporaryDirectory() as place:
        gold = Path(place) / "gold.jsonl"
        build_instructions(
            v1=data / "vsdv1_val.json",
            v2=data / "vsdv2_val.json",
            output=Path(place) / "instructions.jsonl",
            gold=gold,
        )
        rows = [numbered.row for numbered in read_rows(gold)]
    image_id = config.image_token_id
    prefix, own = 0, 0
    images = {row["image"] for row in rows}
    for row in rows:
        facts = {"T1": row["subject"], "T2": row["object"]}
        text = conversation.render(fill(template.questions[row["task"]][0], facts)).text
        ids = tokenizer.encode(text)
        prefix = ids.index(image_id)
        own += len(ids) - prefix - 1
    found: dict[str, Any] = {
        "tokenizer": "LLaVA's" if folder else "the tiny base's",
        "images": len(images),
        "rows": len(rows),
    }
    for image_mode, tokens in IMAGE_TOKENS.items():
        shared = len(images) * (prefix + tokens) + own
        separate = len(rows) * (prefix + tokens) + own
        ratio = shared / separate
        found[image_mode] = {"shared": shared, "separate": separate, "ratio": round(ratio, 4)}
        print(f"{image_mode}: {shared:,} of {separate:,} prompt tokens, {ratio:.4f}")
    return found


def measure(shape: str, image_mode: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of each way to answer the same rows, the median of some passes."""
    config, model, preparer = make_random_base(shape, image_mode, options.device)
    # Its words are few, and their ids are in the larger vocabularies too.
    known = check_base(TINY_BASE)
    tokenizer = load_tokenizer(str(tiny_base_path()), known)
    model.get_base_model().config.image_token_id = known.image_token_id
    loaded = Loaded(
        model.eval(),
        tokenizer,
        preparer,
        family_of(config),
        shape,
        choose_precision(options.device),
    )
    answerer = Answerer(loaded, load_template("paper"), load_conversation("vicuna_v1"))
    height, width = SIZE
    prepared = [
        preparer.prepare(Image.new("RGB", (width, height), (120, 90, 9 * number)))
        for number in range(options.images)
    ]
    texts = {
        task: fill(answerer.template.questions[task][0], {"T1": "man", "T2": "table"})
        for task in LENGTHS
    }
    questions = [Question(texts[task], LENGTHS[task]) for task in LENGTHS]

    def separate() -> None:
        for question in questions:
            ids = encode_question(
                loaded, answerer.conversation, question.text, image_tokens=prepared[0].n_tokens
            )
            # As infer did it: eight rows of one task.
            for start in range(0, len(prepared), 8):
                prompts = [Prompt(ids, image) for image in prepared[start : start + 8]]
                generate(
                    answerer.loaded,
                    prompts,
                    stop=stop_id(loaded, answerer.conversation),
                    max_new_tokens=question.max_new_tokens,
                )

    def shared() -> None:
        answerer.answer_images([(image, questions) for image in prepared])

    seconds = {"none": _time(separate, options)}
    model.merge_and_unload()
    object.__setattr__(loaded, "model", model.get_base_model().eval())
    seconds["merged"] = _time(separate, options)
    seconds["merged, shared"] = _time(shared, options)
    rows = len(prepared) * len(questions)
    found: dict[str, Any] = {
        "shape": shape,
        "image_mode": image_mode,
        "rows": rows,
        "image_tokens": prepared[0].n_tokens,
        "seconds": {name: round(one["seconds"], 3) for name, one in seconds.items()},
        "rows_per_second": {name: round(rows / one["seconds"], 2) for name, one in seconds.items()},
        "ratio": round(seconds["none"]["seconds"] / seconds["merged, shared"]["seconds"], 2),
    }
    if options.device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
        found["peak_gib"] = {name: round(one["gib"], 1) for name, one in seconds.items()}
    print(found)
    return found


def _time(work: Callable[[], None], options: argparse.Namespace) -> dict[str, float]:
    taken, device = [], options.device
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if device == "cuda":
        work()
    for _ in range(options.passes):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    peak = (
        torch.cuda.max_memory_allocated()
        if device == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return {"seconds": statistics.median(taken), "gib": peak / 2**30}


if __name__ == "__main__":
    main()
