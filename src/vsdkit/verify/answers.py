"""What a loaded model answers, and the comparison of two models' answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.data.images import open_image
from vsdkit.model.generation import (
    MAX_NEW_TOKENS,
    Prompt,
    encode_question,
    first_logits,
    generate,
    stop_id,
)
from vsdkit.verify.report import Comparison

if TYPE_CHECKING:
    import torch

    from vsdkit.conversation import Conversation
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.progress import Listener
    from vsdkit.settings.verify import VerifySettings
    from vsdkit.verify.questions import Question

__all__ = ["Answer", "answer_all", "compare", "min_equal", "torch_name"]

# What roundings of weights and of each layer's output may come to in the logits.
_MAX_DIFFERENCE = {"float32": 0.01, "float16": 0.25, "bfloat16": 1.0}
# As safetensors writes them.
_NAMES = {"F32": "float32", "F16": "float16"}
# Where two words are equally likely, a rounding decides between them.
_MIN_EQUAL_16_BITS = 0.9


class Answer(NamedTuple):
    """What a model says to one question."""

    text: str
    """All of it, without the stop token."""
    logits: torch.Tensor
    """Of the first token ``[vocabulary]``, in float32 on the CPU."""


def answer_all(
    loaded: Loaded,
    conversation: Conversation,
    questions: Sequence[Question],
    *,
    what: str,
    listener: Listener,
) -> list[Answer]:
    """Return a model's answers, each asked alone: padding beside others would move roundings."""
    stop = stop_id(loaded, conversation)
    answers = []
    with listener.track(f"ask {what}", total=len(questions)) as tracker:
        for question in questions:
            image = loaded.preparer.prepare(open_image(Path(question.image.path)))
            ids = encode_question(loaded, conversation, question.text, image_tokens=image.n_tokens)
            prompts = [Prompt(ids, image)]
            (logits,) = first_logits(loaded, prompts, stop=stop)
            (said,) = generate(
                loaded, prompts, stop=stop, max_new_tokens=MAX_NEW_TOKENS[question.task]
            )
            answers.append(Answer(said.text, logits))
            tracker.advance()
    return answers


def torch_name(dtype: str) -> str:
    """Return torch's name of a number format of safetensors; the coarsest for any unusual one."""
    return _NAMES.get(dtype, "bfloat16")


def min_equal(settings: VerifySettings, *, is_fp32: bool) -> float:
    """Return the least share of equal texts that passes."""
    if settings.min_equal is not None:
        return settings.min_equal
    return 1.0 if is_fp32 else _MIN_EQUAL_16_BITS


def compare(
    other: str,
    answers: Sequence[Answer],
    others: Sequence[Answer],
    *,
    questions: Sequence[Question],
    settings: VerifySettings,
    dtype_names: Collection[str],
) -> Comparison:
    """Return how far two models' answers to the same questions agree.

    A logit that is not a number is an infinite difference.

    Args:
        other: What the second model is called.
        answers: The first model's, one a question.
        others: The second's.
        questions: What both were asked.
        settings: What counts as the same.
        dtype_names: Number formats that the models answered in and are stored in; the coarsest
            decides what is a rounding.
    """
    differing = [
        (question.key, one.text, two.text)
        for question, one, two in zip(questions, answers, others, strict=True)
        if one.text != two.text
    ]
    largest = max(
        (one.logits - two.logits).abs().nan_to_num(nan=float("inf")).max().item()
        for one, two in zip(answers, others, strict=True)
    )
    limit = settings.max_difference
    if limit is None:
        limit = max(_MAX_DIFFERENCE[name] for name in dtype_names)
    return Comparison(
        other=other,
        equal=len(questions) - len(differing),
        rows=len(questions),
        min_equal=min_equal(settings, is_fp32=set(dtype_names) == {"float32"}),
        difference=largest,
        max_difference=limit,
        unit="logit",
        first_other=differing[0] if differing else None,
    )
