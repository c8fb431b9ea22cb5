"""Rows that share an image learn what they learn alone, and see nothing of each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image
from torch.nn import functional

from vsdkit.conversation import load_conversation
from vsdkit.data.records import InstructionRow
from vsdkit.errors import ConfigError, DataError, TemplateError
from vsdkit.finetune.examples import IGNORED, EncodedRow, Example, RowEncoder, collate_rows
from vsdkit.finetune.packing import SEGMENTS, attention_mask, collate_images
from vsdkit.finetune.trainer import _require_sdpa
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.lora import with_lora
from vsdkit.model.precision import choose_precision

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")

ANSWERS = ("on", "The red box is to the left of the ball.", "cup on table. A cup is there.")
SIZES = ((48, 40), (96, 40), (40, 90))


class World(NamedTuple):
    """A model in 64 bits with LoRA that does something, and images with one to five rows."""

    loaded: Loaded
    model: Any
    examples: list[Example]


def _encoder(loaded: Loaded) -> RowEncoder:
    conversation = load_conversation("vicuna_v1")
    return RowEncoder(
        loaded.tokenizer, conversation, image_id=loaded.image_id, longest=512, source=Path("rows")
    )


def _row(encoder: RowEncoder, number: int, image_tokens: int, question: str = "") -> EncodedRow:
    row = InstructionRow(
        f"row-{number}",
        "a.png",
        2,
        question or f"Where is the box, seen from ball {number}?",
        ANSWERS[number % 3],
    )
    return encoder.encode(row, image_tokens=image_tokens)


@pytest.fixture(scope="module", params=["single", "anyres"])
def world(request: pytest.FixtureRequest) -> World:
    precision = choose_precision("cpu")
    loaded = load_base("tiny", image_mode=request.param, precision=precision, training=True)
    torch.manual_seed(1)
    model = with_lora(
        loaded.model, loaded.family, rank=4, alpha=8, dropout=0.0, train_projector=True
    ).double()
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            # As made they are 0, and no gradient would reach the A beside them.
            torch.nn.init.normal_(weight, std=0.05)
    encoder = _encoder(loaded)
    examples = []
    for place, size in enumerate(SIZES):
        image = loaded.preparer.prepare(Image.new("RGB", size, (90 * place, 120, 50)))
        count = 1 + 2 * place
        rows = tuple(_row(encoder, 10 * place + n, image.n_tokens) for n in range(count))
        examples.append(Example(rows, image, count))
    return World(loaded, model, examples)


def _alone(example: Example) -> list[Example]:
    return [example._replace(rows=(row,)) for row in example.rows]


def _loss(world: World, batch: dict[str, Any]) -> torch.Tensor:
    """Return the sum of the losses of the trained tokens."""
    batch = {
        name: value.double() if value.is_floating_point() else value
        for name, value in batch.items()
    }
    labels = batch.pop("shift_labels")
    del batch["rows_of_image"]
    if SEGMENTS in batch:
        batch["attention_mask"] = attention_mask(batch.pop(SEGMENTS))
    logits = world.model(**batch).logits
    return functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def _gradients(world: World, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    world.model.zero_grad()
    loss.backward()
    return {
        name: weight.grad.clone()
        for name, weight in world.model.named_parameters()
        if weight.requires_grad
    }


def _pack(world: World, examples: list[Example]) -> dict[str, Any]:
    return collate_images(examples, pad=0, preparer=world.loaded.preparer)


def _by_row(world: World, examples: list[Example]) -> dict[str, Any]:
    rows = [row for example in examples for row in _alone(example)]
    return collate_rows(rows, pad=0, preparer=world.loaded.preparer)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_are_those_of_rows_alone(world: World, checkpointing: bool) -> None:
    """Images of different size in one sequence. The model's norms stay in 32 bits."""
    model = world.model.base_model.model
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    try:
        model.train(checkpointing)
        alone = _loss(world, _by_row(world, world.examples))
        gradients = _gradients(world, alone)
        packed = _loss(world, _pack(world, world.examples))
        torch.testing.assert_close(packed, alone, rtol=1e-6, atol=0)
        found = _gradients(world, packed)
    finally:
        model.activation_checkpointing_disable()
        model.eval()
    assert len(found) == 3 * 7 * 2 + 4, "LoRA on 7 projections of 3 layers, and the projector"
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=2e-6, msg=name)


def test_an_image_in_two_parts_adds_up_to_the_image(world: World) -> None:
    whole = world.examples[2]
    parts = [whole._replace(rows=whole.rows[:2]), whole._replace(rows=whole.rows[2:])]
    with torch.no_grad():
        together = _loss(world, _pack(world, [whole]))
        apart = sum(_loss(world, _pack(world, [part])) for part in parts)
    torch.testing.assert_close(together, apart, rtol=1e-6, atol=0)


def _without(batch: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name not in names}


def _plain_mask(batch: dict[str, Any]) -> dict[str, Any]:
    mask = (batch[SEGMENTS][0] >= 0).long()[None]
    return _without(batch, SEGMENTS) | {"attention_mask": mask}


@pytest.mark.parametrize(
    "change",
    [
        lambda batch: _without(batch, "position_ids"),
        lambda batch: _without(batch, SEGMENTS),
        _plain_mask,
    ],
    ids=["no positions", "no mask", "2-D mask"],
)
def test_each_part_is_needed(world: World, change: Any) -> None:
    """What the models take without a word, and what it would do to the loss."""
    batch = _pack(world, [world.examples[2]])
    with torch.no_grad():
        right = _loss(world, batch)
        wrong = _loss(world, change(batch))
    assert abs(wrong - right) / right > 1e-3


def test_no_row_sees_anothers_words(world: World) -> None:
    example = world.examples[2]
    encoder = _encoder(world.loaded)
    changed = _row(encoder, 21, example.image.n_tokens, "Where is the ball, seen from box 21?")
    assert len(changed.ids) == len(example.rows[1].ids)
    assert changed.ids != example.rows[1].ids
    other = example._replace(rows=(example.rows[0], changed, *example.rows[2:]))
    logits = []
    for one in (example, other):
        batch = _pack(world, [one, world.examples[1]])
        segments = batch.pop(SEGMENTS)
        del batch["logits_to_keep"], batch["shift_labels"], batch["rows_of_image"]
        batch |= {"attention_mask": attention_mask(segments)}
        batch["pixel_values"] = batch["pixel_values"].double()
        with torch.no_grad():
            logits.append(world.model(**batch).logits[0])
    own = (segments[0] == 0) & (segments[1] == 2)
    assert torch.equal(logits[0][~own], logits[1][~own])
    assert not torch.equal(logits[0][own], logits[1][own])


def test_logits_are_those_of_each_row_alone(world: World) -> None:
    example = world.examples[1]
    batch = _pack(world, [example])
    with torch.no_grad():
        packed = _logits(world, batch)
        alone = [_logits(world, _by_row(world, [one])) for one in _alone(example)]
    torch.testing.assert_close(packed, torch.cat(alone), rtol=0, atol=1e-5)


def _logits(world: World, batch: dict[str, Any]) -> torch.Tensor:
    batch = dict(batch)
    del batch["shift_labels"], batch["rows_of_image"]
    if SEGMENTS in batch:
        batch["attention_mask"] = attention_mask(batch.pop(SEGMENTS))
    batch["pixel_values"] = batch["pixel_values"].double()
    return world.model(**batch).logits[0]


def test_a_row_predicts_its_stop_token_and_nothing_of_the_next(world: World) -> None:
    example = world.examples[2]
    batch = _pack(world, [example])
    expected = [
        label for row in example.rows for label in row.labels[row.prefix + 1 :] if label != IGNORED
    ]
    assert batch["shift_labels"][0].tolist() == expected
    stops = [label for label in expected if label == world.loaded.tokenizer.eos_token_id]
    assert len(stops) == len(example.rows)


def test_length_is_a_multiple_of_16_and_padding_sees_itself_alone(world: World) -> None:
    batch = _pack(world, world.examples)
    length = batch["input_ids"].shape[1]
    assert length % 16 == 0
    padding = batch[SEGMENTS][0] < 0
    assert 0 < padding.sum() < 16
    mask = attention_mask(batch[SEGMENTS])
    assert mask.dtype == torch.bool
    assert mask.shape == (1, 1, length, length)
    assert mask[0, 0].diagonal().all()
    assert not mask[0, 0][padding][:, ~padding].any()
    assert not mask[0, 0][~padding][:, padding].any()


def test_images_that_only_pad_have_a_loss_of_zero(world: World) -> None:
    rows = tuple(row._replace(labels=[IGNORED] * len(row.ids)) for row in world.examples[1].rows)
    with torch.no_grad():
        assert _loss(world, _pack(world, [world.examples[1]._replace(rows=rows)])).item() == 0


def test_positions_go_on_where_the_image_ends(world: World) -> None:
    example = world.examples[1]
    batch = _pack(world, [example])
    start = example.rows[0].prefix
    for number, row in enumerate(example.rows, start=1):
        own = (batch[SEGMENTS][0] == 0) & (batch[SEGMENTS][1] == number)
        assert batch["position_ids"][0, own].tolist() == list(range(start, len(row.ids)))
        assert batch["input_ids"][0, own].tolist() == row.ids[start:]


def test_rows_that_do_not_begin_alike_are_refused(world: World) -> None:
    example = world.examples[1]
    other = example.rows[1]._replace(ids=[7, *example.rows[1].ids[1:]])
    with pytest.raises(DataError, match="do not begin alike"):
        _pack(world, [example._replace(rows=(example.rows[0], other))])


def test_an_answer_right_behind_the_image_is_refused(world: World) -> None:
    row = world.examples[0].rows[0]
    labels = [*row.labels[: row.prefix], 5, *row.labels[row.prefix + 1 :]]
    with pytest.raises(TemplateError, match="begins right behind the image"):
        _pack(world, [world.examples[0]._replace(rows=(row._replace(labels=labels),))])


@pytest.mark.parametrize("attention", ["eager", "flash_attention_2"])
def test_attention_that_would_misread_the_mask_is_refused(world: World, attention: str) -> None:
    precision = world.loaded.precision._replace(attention=attention)
    with pytest.raises(ConfigError, match="cannot be shared with"):
        _require_sdpa(replace(world.loaded, precision=precision))
