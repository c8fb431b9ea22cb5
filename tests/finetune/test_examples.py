"""Labels, batches and the order of rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from vsdkit.conversation import Conversation, load_conversation
from vsdkit.data.images import check_images
from vsdkit.data.records import InstructionRow
from vsdkit.data.spans import Span
from vsdkit.errors import DataError, TemplateError
from vsdkit.finetune.examples import (
    IGNORED,
    Example,
    RowEncoder,
    TrainingRows,
    collate_rows,
    labels_of,
)
from vsdkit.finetune.order import Bundle
from vsdkit.finetune.preflight import check_inputs
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.precision import choose_precision
from vsdkit.model.prompt_ids import encode
from vsdkit.settings.finetune import FinetuneSettings

VICUNA = load_conversation("vicuna_v1")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_base("tiny", image_mode="single", precision=choose_precision("cpu"))


@pytest.fixture(scope="module")
def encoder(loaded: Loaded) -> RowEncoder:
    return RowEncoder(
        loaded.tokenizer, VICUNA, image_id=loaded.image_id, longest=512, source=Path("rows.jsonl")
    )


def _row(question: str = "Where is the box?", answer: str = "on") -> InstructionRow:
    return InstructionRow("row-7", "1.png", 2, question, answer)


ANSWERS = [
    "on",
    "The red box is to the left of the ball.",
    "cup on table. \n A cup on the table. \n There is a cup.",
    "5 cups, naïve ones",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_trained_labels_are_the_answer_and_its_stop_token(encoder: RowEncoder, answer: str) -> None:
    ids, labels, _ = encoder.encode(_row(answer=answer), image_tokens=5)
    trained = [label for label in labels if label != IGNORED]
    # A prompt before it, since a decoder drops the blank that text begins with.
    before = encoder.tokenizer.decode(ids[: -len(trained)])
    whole = encoder.tokenizer.decode(ids)
    assert whole.removeprefix(before) == f" {answer}</s>"
    assert trained == ids[-len(trained) :]
    assert trained[-1] == encoder.tokenizer.eos_token_id
    assert before.endswith("ASSISTANT:")


WORDS = st.text(alphabet=" abcdefgxyzABC.,'5é\n", min_size=1, max_size=40).filter(str.strip)


@given(WORDS, WORDS)
def test_ids_of_the_prompt_begin_the_ids_of_the_row(
    encoder: RowEncoder, question: str, answer: str
) -> None:
    ids, labels, prefix = encoder.encode(_row(question, answer), image_tokens=3)
    prompt = encode(
        encoder.tokenizer,
        VICUNA.render(question).text,
        image_id=encoder.image_id,
        image_tokens=3,
    ).ids
    assert ids[: len(prompt)] == prompt
    assert labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert labels[len(prompt) :] == ids[len(prompt) :]
    assert ids[prefix - 3 : prefix] == [encoder.image_id] * 3
    assert encoder.image_id not in ids[prefix:]


def test_a_token_across_the_border_of_the_answer_is_refused() -> None:
    with pytest.raises(TemplateError, match="characters 3 to 6 lies across the border"):
        labels_of([1, 2, 3], [(0, 3), (3, 6), (6, 9)], [Span(0, 3), Span(4, 9)])


def test_empty_spans_are_not_trained() -> None:
    assert labels_of([1, 2], [(0, 0), (4, 6)], [Span(0, 9)]) == [IGNORED, 2]


def test_every_answer_of_several_turns_is_trained() -> None:
    offsets = [(0, 2), (2, 4), (4, 6), (6, 8)]
    spans = [Span(2, 4), Span(6, 8)]
    assert labels_of([1, 2, 3, 4], offsets, spans) == [IGNORED, 2, IGNORED, 4]
    assert labels_of([1, 2, 3, 4], offsets, []) == [IGNORED] * 4


def _broken(encoder: RowEncoder, source: str, replaced: str) -> RowEncoder:
    text = VICUNA.text.replace(source, replaced)
    return replace(encoder, conversation=Conversation.parse(text, where="test"))


def test_row_without_labels_is_an_error_with_its_id(
    encoder: RowEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.finetune.examples.labels_of", lambda ids, *_: [IGNORED] * len(ids))
    with pytest.raises(DataError, match="no label: nothing of this row") as raised:
        encoder.encode(_row(), image_tokens=1)
    assert raised.value.where == "rows.jsonl: id 'row-7', task 2"


def test_stop_token_that_the_model_does_not_know(encoder: RowEncoder) -> None:
    wrong = _broken(encoder, "{content}</s>", "{content}###")
    with pytest.raises(
        DataError, match="does not end with the model's stop token '</s>'"
    ) as raised:
        wrong.encode(_row(), image_tokens=1)
    assert "row-7" in raised.value.where


def test_row_longer_than_the_model(encoder: RowEncoder) -> None:
    with pytest.raises(DataError, match=r"positions for 512") as raised:
        encoder.encode(_row(), image_tokens=600)
    assert "row-7" in raised.value.where


def test_answer_that_holds_the_stop_token(encoder: RowEncoder) -> None:
    with pytest.raises(DataError, match="must not hold <image> or </s>") as raised:
        encoder.encode(_row(answer="on</s> it"), image_tokens=1)
    assert "row-7" in raised.value.where


@pytest.mark.parametrize("token", ["<s>", "</s>", "<unk>", "<pad>", "<image>"])
def test_no_token_of_the_base_comes_of_a_rows_own_text(encoder: RowEncoder, token: str) -> None:
    for row in (_row(answer=f"a kite is {token} above it"), _row(f"Where is the {token}kite?")):
        with pytest.raises(
            DataError, match=rf"'{token}' is a special token|must not hold"
        ) as raised:
            encoder.encode(row, image_tokens=1)
        assert raised.value.where == "rows.jsonl: id 'row-7', task 2"


@pytest.fixture
def dataset(settings: FinetuneSettings, encoder: RowEncoder, loaded: Loaded) -> TrainingRows:
    inputs = check_inputs(settings)
    images = check_images(inputs.images).files
    return TrainingRows(inputs.rows, files=images, encoder=encoder, preparer=loaded.preparer)


def test_padding_rows_have_no_labels(dataset: TrainingRows) -> None:
    assert len(dataset) == 20
    ((row,), image, rows_of_image) = dataset[Bundle((3,))]
    (padding,) = dataset[Bundle((3,), trained=False)].rows
    assert row.ids == padding.ids
    assert set(padding.labels) == {IGNORED}
    # Twenty rows take eight images in turn.
    assert rows_of_image == 3
    assert dataset[Bundle((7,))].rows_of_image == 2
    assert row.ids.count(dataset._encoder.image_id) == image.n_tokens


def test_rows_of_a_bundle_have_one_image(dataset: TrainingRows) -> None:
    assert dataset.image_of_row() == [number % 8 for number in range(20)]
    example = dataset[Bundle((3, 11, 19))]
    assert [row.ids for row in example.rows] == [
        dataset[Bundle((n,))].rows[0].ids for n in (3, 11, 19)
    ]
    alone = dataset[Bundle((11,))].image.tensors["pixel_values"]
    torch.testing.assert_close(example.image.tensors["pixel_values"], alone, rtol=0, atol=0)


def test_image_that_vanishes_while_the_run_goes_on_names_its_row(
    dataset: TrainingRows, settings: FinetuneSettings
) -> None:
    picture = settings.images[0] / "below" / "3.png"
    for damage in (lambda: picture.write_bytes(picture.read_bytes()[:60]), picture.unlink):
        damage()
        with pytest.raises(DataError, match="not a picture that can be opened") as raised:
            dataset[Bundle((3,))]
        assert raised.value.where == f"rows.jsonl: id 'row-3', task 2, {picture}"
        assert raised.value.hint == "put the picture back as it was when the run began"
    assert dataset.name(3) == "id 'row-3', task 2"


def test_tokens_are_counted_without_opening_an_image(
    dataset: TrainingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((row,), image, _) = dataset[Bundle((5,))]
    monkeypatch.setattr("vsdkit.finetune.examples.open_image", None)
    count = dataset.count_tokens(5)
    assert count == (len(row.ids), image.n_tokens, row.prefix)


def _collate(examples: list[Example], loaded: Loaded) -> dict[str, torch.Tensor]:
    return collate_rows(examples, pad=0, preparer=loaded.preparer)


def _sum_of_losses(loaded: Loaded, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    batch = dict(batch)
    labels = batch.pop("shift_labels")
    del batch["rows_of_image"]
    with torch.no_grad():
        logits = loaded.model(**batch).logits
    return functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def test_logits_of_labelled_positions_give_the_loss_of_all(
    dataset: TrainingRows, loaded: Loaded
) -> None:
    examples = [dataset[Bundle((0,))], dataset[Bundle((1,))], dataset[Bundle((2,), trained=False)]]
    batch = _collate(examples, loaded)
    length = batch["input_ids"].shape[1]
    assert len(batch.pop("logits_to_keep")) < length
    short = _sum_of_losses(loaded, _collate(examples, loaded))
    # By hand: what each position is to predict is the label behind it.
    labels = torch.full((3, length), IGNORED)
    for place, example in enumerate(examples):
        own = example.rows[0].labels[1:]
        labels[place, : len(own)] = torch.tensor(own)
    torch.testing.assert_close(short, _sum_of_losses(loaded, batch | {"shift_labels": labels}))


def test_padding_and_rows_that_only_pad_change_no_loss(
    dataset: TrainingRows, loaded: Loaded
) -> None:
    ((row,), image, count) = dataset[Bundle((1,), trained=False)]
    longer = Example(
        (row._replace(ids=[*row.ids, 5, 5, 5], labels=[*row.labels, *[IGNORED] * 3]),), image, count
    )
    first = dataset[Bundle((0,))]
    alone = _sum_of_losses(loaded, _collate([first], loaded))
    beside = _sum_of_losses(loaded, _collate([first, longer], loaded))
    torch.testing.assert_close(alone, beside)
    pads = [dataset[Bundle((n,), trained=False)] for n in (0, 1)]
    assert _sum_of_losses(loaded, _collate(pads, loaded)).item() == 0
