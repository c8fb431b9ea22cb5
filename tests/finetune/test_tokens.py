"""Tokens of rows and micro-batches, as training has them, and assumptions where that cannot be."""

from __future__ import annotations

import pytest

from vsdkit.errors import DataError
from vsdkit.finetune.examples import RowEncoder, TrainingRows, collate_rows
from vsdkit.finetune.order import Division, make_batches
from vsdkit.finetune.packing import SEGMENTS, collate_images
from vsdkit.finetune.preflight import Inputs, OpenedImages, check_inputs, open_images
from vsdkit.finetune.tokens import CountedRows, RowCounter
from vsdkit.model.bases import DEFAULT_BASE, check_base, family_of, resolve_base
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.progress import SILENT
from vsdkit.settings.defaults import Batching
from vsdkit.settings.finetune import FinetuneSettings


def _read(settings: FinetuneSettings) -> tuple[Inputs, OpenedImages]:
    inputs = check_inputs(settings)
    return inputs, open_images(settings, inputs)


def _counter(settings: FinetuneSettings) -> RowCounter:
    inputs, opened = _read(settings)
    config = check_base(settings.base, image_mode=settings.image_mode, only_plans=True)
    return RowCounter(
        settings,
        inputs.rows,
        files=opened.images.files,
        conversation=inputs.conversation,
        config=config,
    )


@pytest.mark.parametrize("batching", ["rows", "pictures"])
@pytest.mark.parametrize("image_mode", ["single", "anyres"])
def test_counts_and_micro_batches_are_those_of_training(
    settings: FinetuneSettings, image_mode: str, batching: Batching
) -> None:
    settings = settings.model_copy(update={"image_mode": image_mode})
    counter = _counter(settings)
    counted = counter.count(listener=SILENT)
    assert counter.assumptions == []

    inputs, opened = _read(settings)
    config = check_base("tiny", image_mode=image_mode)
    source = resolve_base("tiny")
    preparer = family_of(config).load_preparer(source, config, image_mode=image_mode)
    encoder = RowEncoder(
        tokenizer=load_tokenizer(source, config),
        conversation=inputs.conversation,
        image_id=config.image_token_id,
        longest=2048,
        source=settings.instructions,
    )
    data = TrainingRows(inputs.rows, files=opened.images.files, encoder=encoder, preparer=preparer)
    assert counted.lengths() == [data.count_tokens(place).row for place in range(20)]
    assert counted.image_of_row == data.image_of_row()
    # Two processes, two micro-batches each; the last of three steps has fewer rows.
    division = Division(steps=3, per_device=2, accumulation=2, processes=2)
    collate = collate_rows if batching == "rows" else collate_images
    trained = [
        collate([data[bundle] for bundle in micro], pad=3, preparer=preparer)
        for rank in (0, 1)
        for micro in make_batches(
            batching,
            division,
            image_of_row=data.image_of_row(),
            tokens=[data.count_tokens(place) for place in range(20)],
            rank=rank,
            seed=3,
        )
    ]
    found = counted.micro_batches(division, batching=batching, seed=3)
    assert sorted((one.sequences, one.longest, one.kept) for one in found) == sorted(
        (*batch["input_ids"].shape, len(batch["logits_to_keep"])) for batch in trained
    )
    assert sum(one.tokens for one in found) == sum(
        int(
            batch["attention_mask"].sum() if batching == "rows" else (batch[SEGMENTS][0] >= 0).sum()
        )
        for batch in trained
    )
    image_id = config.image_token_id
    assert sum(one.image_tokens for one in found) == sum(
        int((batch["input_ids"] == image_id).sum()) for batch in trained
    )


def test_positions_that_several_rows_learn_from_are_kept_once() -> None:
    counted = CountedRows(
        text=[10, 12, 30],
        trained=[4, 4, 2],
        image=[5, 5, 5],
        prefix=[3, 3, 3],
        image_of_row=[0, 0, 0],
    )
    division = Division(steps=1, per_device=3, accumulation=1, processes=1)
    (batch,) = counted.micro_batches(division, batching="rows", seed=0)
    # Answers at 11-14, 13-16, 33-34; each is predicted one position before.
    assert batch == (3, 35, 15 + 17 + 35, 15, 6 + 2)
    assert (batch.positions, batch.logits) == (105, 24)
    (batch,) = counted.micro_batches(division, batching="pictures", seed=0)
    # Three tokens and the image once, then 7, 9 and 27; nothing is predicted twice.
    assert batch == (1, 64, 3 + 5 + 7 + 9 + 27, 5, 4 + 4 + 2)


def test_a_row_that_is_too_long_is_named(settings: FinetuneSettings) -> None:
    text = settings.instructions.read_text()
    settings.instructions.write_text(
        text.replace("row-7", "long").replace("ball 7", "ball " * 2100)
    )
    with pytest.raises(DataError, match=r"2,\d\d\d tokens, the model has positions for 2,048") as e:
        _counter(settings).count(listener=SILENT)
    assert "id 'long'" in e.value.where


def test_absent_images_and_tokenizer_are_assumed_and_said(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.images[0] / "below" / "3.png").unlink()
    tiny = _counter(settings.model_copy(update={"dry_run": True}))
    assert (tiny.absent_images, tiny.assumptions) == (1, []), "one tile, whatever the size"
    tiny = _counter(settings.model_copy(update={"dry_run": True, "image_mode": "anyres"}))
    assert tiny.assumptions == ["480 x 640 pixels for each image that is not here"]
    away = {"base": DEFAULT_BASE, "images": (settings.images[0] / "nowhere",), "dry_run": True}
    counter = _counter(settings.model_copy(update={**away, "image_mode": "anyres"}))
    if counter.tokenizer is not None:
        pytest.skip("the default base's tokenizer lies in the hub's cache")
    counted = counter.count(listener=SILENT)
    assert counted.image == [2_340] * 20
    assert counter.assumptions[0].startswith("3.9 characters a token")
    assert counter.absent_images == 8
    row = next(iter(_read(settings.model_copy(update={"dry_run": True}))[0].rows))
    assert counted.text[0] == pytest.approx((238 - 7 + len(row.question)) / 3.9, abs=12)
