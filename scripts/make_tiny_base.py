"""Make the packaged tiny base: a LLaVA-NeXT of about a million parameters that sees drawn pictures.

One command, seeds fixed, CPU, one thread, about a quarter of an hour::

    OMP_NUM_THREADS=1 python scripts/make_tiny_base.py src/vsdkit/model/tiny

The base learns to see in words that VSD does not use ("carried by", "west of"). It never meets a
VSD question, nor a VSD label beside a picture, so that fine-tuning has something to teach.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
import yaml
from rich.progress import track
from tiny_base_layout import PATCH, TILE, Layout, layout_of
from tiny_base_lessons import (
    MEETINGS,
    PLAIN_WORDS,
    Sample,
    english_sentences,
    sample_lesson,
    tell_meeting,
)
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import nn
from torch.nn import functional
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)

from vsdkit.conversation import load_conversation
from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import COLOURS, Scene, sample_scenes
from vsdkit.model.families import ImagePreparer, PreparedImage
from vsdkit.model.families.llava_next import LlavaNext
from vsdkit.model.prompt_ids import encode

GRID: Final = [[32, 64], [64, 32], [64, 64]]
VISION_WIDTH: Final = 64
WIDTH: Final = 128
SPECIALS: Final = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
MERGES_UP_TO: Final = 1100
PHRASE_FROM_CHARACTERS: Final = 12
SCENE_SEED: Final = 900
"""Seeds of the scenes lie far from those that the demo and the tests draw with."""


class Exercise(NamedTuple):
    """A scene, prepared once and asked about many times."""

    scene: Scene
    image: PreparedImage


# --- the tokenizer


def template_phrases() -> list[str]:
    """Return the fixed stretches of our own templates: as single tokens they keep prompts short."""
    folder = resources.files("vsdkit.templates")
    phrases = {load_conversation("vicuna_v1").system.strip()}
    for file in sorted(folder.joinpath("tasks").iterdir(), key=lambda entry: entry.name):
        for questions in yaml.safe_load(file.read_text(encoding="utf-8"))["questions"].values():
            for question in questions:
                phrases.update(re.split(r" \{\w+\}|\{\w+\}", question))
    return sorted(phrase for phrase in phrases if len(phrase) >= PHRASE_FROM_CHARACTERS)


def corpus(rng: random.Random) -> Iterator[str]:
    """Yield the text that the tokenizer's merges are learnt from."""
    for scene in sample_scenes(3000, seed=SCENE_SEED):
        yield from (f" {text}" for text in (*scene.captions, *scene.descriptions))
        lesson = sample_lesson(rng, scene)
        yield f" USER: \n{lesson.question} ASSISTANT: {lesson.answer}"
    yield from islice(english_sentences(rng), 1500)
    yield from (f" {word}" for word in PLAIN_WORDS for _ in range(4))
    yield from (f" {relation}" for relation in RELATIONS for _ in range(50))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer: any text encodes, digits one by one, words kept apart."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    words = Regex(r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGES_UP_TO,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(random.Random(0)), trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in template_phrases()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


# --- the model


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlavaNextForConditionalGeneration:
    """Return the model, initialised at unit scale: with the usual 0.02 it stays at chance."""
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=4 * VISION_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=TILE,
        patch_size=PATCH,
        projection_dim=VISION_WIDTH,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    config = LlavaNextConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=GRID,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=(TILE // PATCH) ** 2,
        tie_word_embeddings=False,
    )
    model = LlavaNextForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "position_embedding" in name:
                weight.mul_(20)
            elif "embed_tokens" in name:
                weight.normal_(0, 0.5)
            elif weight.dim() >= 2:
                fan_in = weight[0].numel()
                # What the language model's layers add must not drown the words: who is who is
                # learnt from them.
                adds = "language_model" in name and ("o_proj" in name or "down_proj" in name)
                weight.normal_(0, (0.4 if adds else 1.0) / math.sqrt(fan_in))
    return model


def image_processor() -> LlavaNextImageProcessorPil:
    """Return the image processor of LLaVA-1.6 with our tile."""
    return LlavaNextImageProcessorPil(
        size={"shortest_edge": TILE},
        crop_size={"height": TILE, "width": TILE},
        image_grid_pinpoints=GRID,
    )


def save_base(
    folder: Path, model: LlavaNextForConditionalGeneration, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Write the checkpoint in half precision, with its tokenizer and processor."""
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    image_processor().save_pretrained(folder)
    LlavaNextProcessor(
        image_processor=image_processor(),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    model.to(torch.float32)


# --- stage 1: what lies where, patch by patch

_READ: Final = 2 * len(COLOURS) + 1 + 1 + 4 + len(MEETINGS)
"""Coverage by colour, owner's colour or none, ball, middle (2), size (2), meeting."""


def learn_layout(
    model: LlavaNextForConditionalGeneration, pool: list[Exercise], *, steps: int, batch: int
) -> None:
    """Train tower and projector to tell from each patch what lies there, and how it lies."""
    rng = random.Random(1)
    reader = nn.Linear(WIDTH, _READ)
    parts_of_sight = (model.model.vision_tower, model.model.multi_modal_projector, reader)
    trained = [weight for part in parts_of_sight for weight in part.parameters()]
    optimizer, schedule = _optimizer(trained, lr=1.5e-3, steps=steps)
    pixels = torch.cat([exercise.image.tensors["pixel_values"][:1] for exercise in pool])
    layout = layout_of([exercise.scene for exercise in pool])
    parts = [len(COLOURS), len(COLOURS) + 1, 1, 4, len(MEETINGS)]
    for step in track(range(steps), description="layout"):
        rows = torch.tensor(rng.choices(range(len(pool)), k=batch))
        wanted = Layout(*(column[rows] for column in layout))
        seen = model.model.vision_tower(pixels[rows], output_hidden_states=True).hidden_states[-1]
        read = reader(model.model.multi_modal_projector(seen[:, 1:]))
        coverage, owner, ball, place, how = read.split(parts, dim=-1)
        full = wanted.owner < len(COLOURS)
        losses = (
            4 * functional.mse_loss(coverage, wanted.coverage),
            functional.cross_entropy(owner.flatten(0, 1), wanted.owner.flatten()),
            functional.binary_cross_entropy_with_logits(ball[full][:, 0], wanted.ball[full]),
            functional.mse_loss(place[full], wanted.place[full]),
            2 * functional.cross_entropy(how[full], wanted.meeting[full]),
        )
        _update(torch.stack(losses).sum(), trained, optimizer, schedule)
        if step % 100 == 99:
            right = (how[full].argmax(-1) == wanted.meeting[full]).float().mean()
            whose = (owner.argmax(-1) == wanted.owner).float().mean()
            print(f"layout {step + 1}: owners {whose:.2f}, meetings {right:.2f}", flush=True)


# --- stage 2: questions and answers


LessonMaker = Callable[[random.Random, Scene], Sample]


class Examples:
    """Cuts lessons and plain sentences into batches of ids, labels and pixels."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, preparer: ImagePreparer, seed: int
    ) -> None:
        self.tokenizer = tokenizer
        self.preparer = preparer
        self.conversation = load_conversation("vicuna_v1")
        self.rng = random.Random(seed)
        self.sentences = english_sentences(self.rng)

    def pictured(
        self, pool: list[Exercise], batch: int, lesson_of: LessonMaker
    ) -> dict[str, torch.Tensor]:
        """Return a batch of questions about pictures; the answer and its stop token are trained."""
        rows: list[tuple[list[int], list[int]]] = []
        chosen = self.rng.choices(pool, k=batch)
        for scene, image in chosen:
            lesson = lesson_of(self.rng, scene)
            text, (answer,), _ = self.conversation.render(lesson.question, lesson.answer)
            ids, offsets = encode(
                self.tokenizer,
                text,
                image_id=self.tokenizer.convert_tokens_to_ids("<image>"),
                image_tokens=image.n_tokens,
            )
            labels = [
                token if start >= answer.start else -100
                for token, (start, _) in zip(ids, offsets, strict=True)
            ]
            rows.append((ids, labels))
        padded = self._pad(rows)
        images = self.preparer.collate([row.image for row in chosen], padded["input_ids"])
        return images | padded

    def plain(self, batch: int) -> dict[str, torch.Tensor]:
        """Return a batch of sentences without pictures; everything is trained."""
        rows = [self.tokenizer(f" {next(self.sentences)}</s>")["input_ids"] for _ in range(batch)]
        return self._pad([(ids, ids) for ids in rows])

    def _pad(self, rows: list[tuple[list[int], list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(ids) for ids, _ in rows)
        pad = self.tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]
            ),
            "labels": torch.tensor(
                [labels + [-100] * (longest - len(labels)) for _, labels in rows]
            ),
        }


def learn_words(
    model: LlavaNextForConditionalGeneration,
    examples: Examples,
    single: list[Exercise],
    anyres: list[Exercise],
    held_out: list[Exercise],
    *,
    steps: int,
    batch: int,
) -> None:
    """Train the whole model on questions; one batch in ten in high resolution, one in ten text."""
    trained = list(model.parameters())
    optimizer, schedule = _optimizer(trained, lr=1.5e-3, steps=steps)
    set_grid = {"single": [[0, 0]], "anyres": GRID}
    for step in track(range(steps), description="words"):
        kind = "anyres" if step % 10 == 3 else "plain" if step % 10 == 7 else "single"
        if kind == "plain":
            inputs = examples.plain(batch)
        else:
            model.config.image_grid_pinpoints = set_grid[kind]
            pool = anyres if kind == "anyres" else single
            inputs = examples.pictured(pool, batch, partial(sample_lesson, progress=step / steps))
        loss = model(**inputs).loss
        _update(loss, trained, optimizer, schedule)
        if step % 200 == 199:
            right = answers_right(model, examples, held_out)
            print(f"words {step + 1}: loss {loss.item():.3f}, right {right:.2f}", flush=True)
    model.config.image_grid_pinpoints = GRID


@torch.no_grad()
def answers_right(
    model: LlavaNextForConditionalGeneration, examples: Examples, held_out: list[Exercise]
) -> float:
    """Return how often a single-tile model knows how two things meet, each token given the last."""
    model.config.image_grid_pinpoints = [[0, 0]]
    inputs = examples.pictured(held_out, 128, tell_meeting)
    labels = inputs.pop("labels")[:, 1:]
    said = model(**inputs).logits[:, :-1].argmax(-1)
    return float(((said == labels) | (labels == -100)).all(-1).float().mean())


def _optimizer(
    trained: list[nn.Parameter], *, lr: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.AdamW(
        trained, lr=lr, weight_decay=0.01, betas=(0.9, 0.98), foreach=True
    )

    def factor(step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        return min(1.0, (step + 1) / 100) * (0.05 + 0.95 * cosine)

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _update(loss: torch.Tensor, trained: list[nn.Parameter], optimizer: Any, schedule: Any) -> None:
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad(set_to_none=True)


# --- all of it


def load_preparer(config: LlavaNextConfig, folder: Path, *, mode: str) -> ImagePreparer:
    """Return what prepares images in one of the image modes."""
    return LlavaNext().load_preparer(str(folder), config, image_mode=mode)


def draw_pool(
    preparer: ImagePreparer, *, scenes: int, seeds: list[int], mode: str
) -> list[Exercise]:
    """Return prepared scenes of several seeds."""
    return [
        Exercise(scene, preparer.prepare(scene.draw()))
        for seed in track(seeds, description=f"pictures, {mode}")
        for scene in sample_scenes(scenes, seed=seed)
    ]


def write_origin(folder: Path, command: str) -> None:
    """Write what the files are, and their hashes."""
    (folder / "README.md").write_text(
        "# The tiny base\n\n"
        "A LLaVA-NeXT of about a million parameters (tile 32, patch 8), for trials and tests: it\n"
        "sees the drawn pictures of `vsdkit demo` and describes them in words that VSD does\n"
        "not use. Made from nothing but this\n"
        f"project's own texts and drawings by\n\n    {command}\n\n"
        "`SHA256SUMS` holds the hashes of the files. Licence: the project's.\n",
        encoding="utf-8",
    )
    names = sorted(
        path.name for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS"
    )
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    """Make the base in a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the checkpoint goes")
    parser.add_argument("--layout-steps", type=int, default=1800)
    parser.add_argument("--word-steps", type=int, default=1800)
    parser.add_argument("--seeds", type=int, default=4, help="scenes are drawn 4,000 a seed")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    started = time.monotonic()

    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer):,} tokens")
    save_base(arguments.folder, model, tokenizer)
    if arguments.layout_steps or arguments.word_steps:
        one_tile = load_preparer(model.config, arguments.folder, mode="single")
        tiles = load_preparer(model.config, arguments.folder, mode="anyres")
        seeds = [SCENE_SEED + 1 + number for number in range(arguments.seeds)]
        single = draw_pool(one_tile, scenes=4000, seeds=seeds, mode="single")
        anyres = draw_pool(tiles, scenes=2000, seeds=seeds[-1:], mode="anyres")
        learn_layout(model, single, steps=arguments.layout_steps, batch=64)
        examples = Examples(tokenizer, one_tile, seed=2)
        held_out = draw_pool(one_tile, scenes=500, seeds=[SCENE_SEED], mode="single")
        learn_words(model, examples, single, anyres, held_out, steps=arguments.word_steps, batch=32)
        save_base(arguments.folder, model, tokenizer)
    write_origin(arguments.folder, "python scripts/make_tiny_base.py src/vsdkit/model/tiny")
    print(
        json.dumps(
            {"seconds": round(time.monotonic() - started), "parameters": model.num_parameters()}
        )
    )


if __name__ == "__main__":
    main()
