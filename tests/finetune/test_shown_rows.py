"""Rows as the model sees them."""

from __future__ import annotations

from vsdkit.finetune.preflight import check_inputs, open_images
from vsdkit.finetune.shown_rows import show_row
from vsdkit.finetune.tokens import RowCounter
from vsdkit.model.bases import check_base
from vsdkit.settings.finetune import FinetuneSettings


def test_a_row_shows_what_is_read_and_what_is_learned(settings: FinetuneSettings) -> None:
    inputs = check_inputs(settings)
    counter = RowCounter(
        settings,
        inputs.rows,
        files=open_images(settings, inputs).images.files,
        conversation=inputs.conversation,
        config=check_base("tiny"),
    )
    shown = show_row(
        inputs.rows[0], counter=counter, conversation=inputs.conversation, image_tokens=17
    )
    assert shown.read.startswith("<s>")
    assert "USER: <image> x 17" in shown.read
    assert "seen from ball 0?" in shown.read
    assert shown.read.endswith("ASSISTANT:")
    assert shown.trained.strip() == "The red box is to the right of the ball.</s>"
    assert shown.tokens is not None
    assert shown.trained_tokens is not None
    assert shown.tokens > 17 + shown.trained_tokens
    first, rest = shown.lines().split("\n", 1)
    assert first.startswith("[row-0, task 2, ")
    assert rest.endswith(f">>>{shown.trained}<<<")


def test_without_a_tokenizer_the_format_tells_it(settings: FinetuneSettings) -> None:
    inputs = check_inputs(settings)
    counter = RowCounter(
        settings,
        inputs.rows,
        files={},
        conversation=inputs.conversation,
        config=check_base("tiny"),
    )
    counter._encoder = counter.tokenizer = None
    shown = show_row(
        inputs.rows[1], counter=counter, conversation=inputs.conversation, image_tokens=2_340
    )
    assert "<image> x 2,340\nWhere is" in shown.read
    assert shown.trained == " The red box is to the left of the ball.</s>"
    assert (shown.tokens, shown.trained_tokens) == (None, None)
    assert shown.lines().startswith("[row-1, task 2]\n")
