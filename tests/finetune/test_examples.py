"""Labels, batches and the order of rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.conversation import Conversation, load_conversation
from vsdkit.data.images import check_images
from vsdkit.data.records import InstructionRow
from vsdkit.data.spans import Span
from vsdkit.errors import DataError, TemplateError
from vsdkit.finetune.examples import (
    IGNORED,
    Example,
    GlobalBatches,
    RowEncoder,
    TrainingRows,
    collate,
    labels_of,
)
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
    ids, labels = encoder.encode(_row(answer=answer), image_tokens=5)
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
    ids, labels = encoder.encode(_row(question, answer), image_tokens=3)
    prompt = encode(
        encoder.tokenizer,
        VICUNA.render(question).text,
        image_id=encoder.image_id,
        image_tokens=3,
    ).ids
    assert ids[: len(prompt)] == prompt
    assert labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert labels[len(prompt) :] == ids[len(prompt) :]


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


def _batches(rows: int, steps: int, *, processes: int, per_device: int, micro: int, seed: int = 0):
    share = [
        list(
            GlobalBatches(
                rows=rows,
                steps=steps,
                per_device=per_device,
                accumulation=micro,
                processes=processes,
                rank=rank,
                seed=seed,
            )
        )
        for rank in range(processes)
    ]
    return [
        [i for part in range(micro) for rank in share for i in rank[step * micro + part]]
        for step in range(steps)
    ]


def test_rows_of_a_step_do_not_depend_on_the_number_of_processes() -> None:
    one = _batches(20, 6, processes=1, per_device=8, micro=1)
    two = _batches(20, 6, processes=2, per_device=2, micro=2)
    four = _batches(20, 6, processes=4, per_device=2, micro=1)
    assert one == two == four
    assert one != _batches(20, 6, processes=1, per_device=8, micro=1, seed=1)


def test_rows_of_a_step_are_told_without_those_that_pad() -> None:
    settings = {"rows": 20, "steps": 6, "per_device": 4, "accumulation": 1, "processes": 2}
    taken = _batches(20, 6, processes=2, per_device=4, micro=1)
    batches = GlobalBatches(**settings, rank=1, seed=0)
    for step, rows in enumerate(taken, start=1):
        assert batches.rows_of_step(step) == [row for row in rows if row >= 0]
    assert len(batches.rows_of_step(3)) == 4, "the last of an epoch"


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_each_epoch_takes_every_row_once_and_pads(
    rows: int, processes: int, per_device: int, micro: int
) -> None:
    size = processes * per_device * micro
    steps = -(-rows // size)
    epochs = _batches(rows, 2 * steps, processes=processes, per_device=per_device, micro=micro)
    for epoch in (epochs[:steps], epochs[steps:]):
        taken = [index for step in epoch for index in step]
        assert sorted(index for index in taken if index >= 0) == list(range(rows))
        assert len(taken) == steps * size
        assert all(-rows <= index for index in taken)


@pytest.fixture
def dataset(settings: FinetuneSettings, encoder: RowEncoder, loaded: Loaded) -> TrainingRows:
    inputs = check_inputs(settings)
    images = check_images(inputs.images).files
    return TrainingRows(inputs.rows, files=images, encoder=encoder, preparer=loaded.preparer)


def test_padding_rows_have_no_labels(dataset: TrainingRows) -> None:
    assert len(dataset) == 20
    row, padding = dataset[3], dataset[~3]
    assert row.ids == padding.ids
    assert set(padding.labels) == {IGNORED}


def test_image_that_vanishes_while_the_run_goes_on_names_its_row(
    dataset: TrainingRows, settings: FinetuneSettings
) -> None:
    picture = settings.images[0] / "below" / "3.png"
    for damage in (lambda: picture.write_bytes(picture.read_bytes()[:60]), picture.unlink):
        damage()
        with pytest.raises(DataError, match="not a picture that can be opened") as raised:
            dataset[3]
        assert raised.value.where == f"rows.jsonl: id 'row-3', task 2, {picture}"
        assert raised.value.hint == "put the picture back as it was when the run began"
    assert dataset.name(3) == "id 'row-3', task 2"


def test_tokens_are_counted_without_opening_an_image(
    dataset: TrainingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = dataset[5]
    monkeypatch.setattr("vsdkit.finetune.examples.open_image", None)
    count = dataset.count_tokens(5)
    assert (count.row, count.image) == (len(example.ids), example.image.n_tokens)


def _collate(examples: list[Example], loaded: Loaded) -> dict[str, torch.Tensor]:
    return collate(examples, pad=0, preparer=loaded.preparer)


def _sum_of_losses(loaded: Loaded, batch: dict[str, torch.Tensor], **extra: object) -> torch.Tensor:
    with torch.no_grad():
        return loaded.model(**batch, num_items_in_batch=1, **extra).loss


def test_logits_of_labelled_positions_give_the_loss_of_all(
    dataset: TrainingRows, loaded: Loaded
) -> None:
    examples = [dataset[0], dataset[1], dataset[~2]]
    batch = _collate(examples, loaded)
    assert len(batch["logits_to_keep"]) < batch["input_ids"].shape[1]
    short = _sum_of_losses(loaded, batch)
    for name in ("logits_to_keep", "shift_labels"):
        del batch[name]
    torch.testing.assert_close(short, _sum_of_losses(loaded, batch))


def test_padding_and_rows_that_only_pad_change_no_loss(
    dataset: TrainingRows, loaded: Loaded
) -> None:
    longer = dataset[1]._replace(
        ids=[*dataset[1].ids, 5, 5, 5], labels=[*dataset[1].labels, *[IGNORED] * 3]
    )
    alone = _sum_of_losses(loaded, _collate([dataset[0]], loaded))
    beside = _sum_of_losses(loaded, _collate([dataset[0], _unlabelled(longer)], loaded))
    torch.testing.assert_close(alone, beside)
    nothing = _sum_of_losses(loaded, _collate([dataset[~0], dataset[~1]], loaded))
    assert nothing.item() == 0


def _unlabelled(example: Example) -> Example:
    return example._replace(labels=[IGNORED] * len(example.ids))
