"""Questions that share an image get the answers of prompts of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from vsdkit.conversation import load_conversation
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import DataError, TemplateError
from vsdkit.model import shared_image
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.generation import (
    Generated,
    Prompt,
    encode_question,
    first_logits,
    generate,
    stop_id,
)
from vsdkit.model.precision import choose_precision
from vsdkit.model.shared_image import AskedImage, Question, answer_images

VICUNA = load_conversation("vicuna_v1")
QUESTIONS = (
    Question("What is the red box to the blue ball?", 6),
    Question("Describe where the red box is, seen from the blue ball.", 14),
    Question("Say it three times.", 24),
    Question("Is there a lamp?", 3),
    Question("What stands on the left?", 9),
)
SIZES = ((64, 64), (150, 60), (50, 180))


@pytest.fixture(scope="module", params=["single", "anyres"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return load_base("tiny", image_mode=request.param, precision=choose_precision("cpu"))


@pytest.fixture(scope="module")
def asked(loaded: Loaded) -> list[AskedImage]:
    """Images of different length with one, three and five questions."""
    made = []
    for number, ((width, height), count) in enumerate(zip(SIZES, (5, 1, 3), strict=True)):
        picture = Image.new("RGB", (width, height), (246, 246, 246))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((4, 4, width // 2, height // 2), fill=(214, 40, 80 * number))
        made.append(AskedImage(loaded.preparer.prepare(picture), QUESTIONS[:count]))
    return made


def prompt_of(loaded: Loaded, image: Any, text: str) -> Prompt:
    return Prompt(encode_question(loaded, VICUNA, text, image_tokens=image.n_tokens), image)


@pytest.fixture
def never_stops(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> int:
    """The id that ends an answer is one that the tiny base does not write: answers get long."""
    stop = int(loaded.tokenizer.bos_token_id)
    monkeypatch.setattr(shared_image, "stop_id", lambda *_: stop)
    return stop


def alone(loaded: Loaded, one: AskedImage, stop: int | None = None) -> list[Generated]:
    stop = stop_id(loaded, VICUNA) if stop is None else stop
    return [
        generate(
            loaded,
            [prompt_of(loaded, one.image, question.text)],
            stop=stop,
            max_new_tokens=question.max_new_tokens,
        )[0]
        for question in one.questions
    ]


def test_every_answer_is_that_of_a_prompt_of_its_own(
    loaded: Loaded, asked: list[AskedImage]
) -> None:
    together = answer_images(loaded, VICUNA, asked)
    for one, answers in zip(asked, together, strict=True):
        assert [(it.text, it.finished) for it in answers] == alone(loaded, one)
        assert answer_images(loaded, VICUNA, [one])[0] == answers
    assert len({answer.text for answers in together for answer in answers}) > 1


def test_answers_of_any_length_too(
    loaded: Loaded, asked: list[AskedImage], never_stops: int
) -> None:
    together = answer_images(loaded, VICUNA, asked)
    for one, answers in zip(asked, together, strict=True):
        assert [(it.text, it.finished) for it in answers] == alone(loaded, one, never_stops)
    assert not any(answer.finished for answers in together for answer in answers)


def watch(monkeypatch: pytest.MonkeyPatch) -> list[list[torch.Tensor]]:
    """Return a list that gets the logits of each step."""
    extend, seen = shared_image.Sequences.extend, []

    def watched(self: Any, pieces: Any, **more: Any) -> Any:
        seen.append(extend(self, pieces, **more))
        return seen[-1]

    monkeypatch.setattr(shared_image.Sequences, "extend", watched)
    return seen


def test_the_logits_are_those_of_a_prompt_of_its_own(
    loaded: Loaded, asked: list[AskedImage], never_stops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = watch(monkeypatch)
    answer_images(loaded, VICUNA, asked)
    first = torch.cat(steps[0])
    prompts = [
        prompt_of(loaded, one.image, question.text) for one in asked for question in one.questions
    ]
    wanted = first_logits(loaded, prompts, stop=stop_id(loaded, VICUNA))
    torch.testing.assert_close(first, wanted, rtol=1e-4, atol=1e-4)
    # Later ones: what is written goes on as if it stood in the prompt.
    image, question = asked[0].image, asked[0].questions[2]
    steps.clear()
    answer_images(loaded, VICUNA, [AskedImage(image, [question])])
    own = [step[0][0] for step in steps]
    assert len(own) == question.max_new_tokens
    prompt = prompt_of(loaded, image, question.text)
    for number, logits in list(enumerate(own))[::6]:
        before = [int(earlier.argmax()) for earlier in own[:number]]
        whole = Prompt([*prompt.ids, *before], image)
        again = first_logits(loaded, [whole], stop=stop_id(loaded, VICUNA))[0]
        torch.testing.assert_close(logits, again, rtol=1e-4, atol=1e-4)


def test_another_question_beside_it_changes_no_logit(
    loaded: Loaded, asked: list[AskedImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = watch(monkeypatch)
    one = asked[0]
    other = [
        one.questions[0],
        Question("Describe where the blue box is, seen from the red ball.", 14),
    ]
    answer_images(loaded, VICUNA, [AskedImage(one.image, one.questions[:2])])
    before = steps[0]
    steps.clear()
    answer_images(loaded, VICUNA, [AskedImage(one.image, other)])
    assert torch.equal(before[0], steps[0][0])
    assert not torch.equal(before[1], steps[0][1])


def _all_see_all(owners: torch.Tensor, own: torch.Tensor, others: torch.Tensor, before: int) -> Any:
    place = torch.arange(owners.shape[1])
    causal = place[before:, None] >= place[None, :]
    return causal.expand(len(own), 1, -1, -1)


def _no_mask(owners: torch.Tensor, own: torch.Tensor, others: torch.Tensor, before: int) -> Any:
    return None


@pytest.mark.parametrize("mask", [_all_see_all, _no_mask])
def test_what_a_question_sees_is_what_makes_it_right(
    loaded: Loaded,
    asked: list[AskedImage],
    monkeypatch: pytest.MonkeyPatch,
    mask: Callable[..., Any],
) -> None:
    steps = watch(monkeypatch)
    answer_images(loaded, VICUNA, asked[:1])
    right = steps[0]
    steps.clear()
    monkeypatch.setattr(shared_image, "_mask", mask)
    answer_images(loaded, VICUNA, asked[:1])
    assert (steps[0][1] - right[1]).abs().max() > 1e-2


def test_a_label_has_the_likelihood_of_its_tokens_and_the_stop_token(
    loaded: Loaded, asked: list[AskedImage]
) -> None:
    weighed = [
        AskedImage(one.image, [one.questions[0]._replace(labels=RELATIONS), *one.questions[1:]])
        for one in asked
    ]
    for one, answers in zip(weighed, answer_images(loaded, VICUNA, weighed), strict=True):
        answer, *others = answers
        likely = list(_likelihoods(loaded, one.image, one.questions[0].text))
        shares = torch.tensor(likely, dtype=torch.float64).softmax(0).tolist()
        assert answer.probabilities == pytest.approx(
            dict(zip(RELATIONS, shares, strict=True)), abs=1e-5
        )
        assert answer.text == max(RELATIONS, key=answer.probabilities.__getitem__)
        assert answer.finished
        # The labels leave no trace in what is written beside them.
        plain = alone(loaded, one)[1:]
        assert [(it.text, it.finished) for it in others] == plain


def _likelihoods(loaded: Loaded, image: Any, text: str) -> Iterator[float]:
    prompt, stop = prompt_of(loaded, image, text), stop_id(loaded, VICUNA)
    for label in RELATIONS:
        # As an answer stands behind its prompt; all labels are plain words.
        ids = loaded.tokenizer.encode(f" {label}", add_special_tokens=False)
        rendered = VICUNA.render(text, label).text
        assert rendered.endswith(f" {label}</s>")
        sum_ = 0.0
        for number, token in enumerate([*ids, stop]):
            before = Prompt([*prompt.ids, *ids[:number]], image)
            logits = first_logits(loaded, [before], stop=stop)[0]
            sum_ += float(logits.log_softmax(-1)[token])
        yield sum_


def test_a_question_that_cannot_be_asked_is_named(loaded: Loaded, asked: list[AskedImage]) -> None:
    for text, error in (("Where is <image>?", TemplateError), ("Where is <unk>?", DataError)):
        with pytest.raises(error):
            answer_images(loaded, VICUNA, [AskedImage(asked[0].image, [Question(text, 3)])])
