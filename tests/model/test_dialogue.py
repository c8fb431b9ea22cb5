"""A conversation turn by turn gives the answers of its whole prompts, and computes less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image, ImageDraw

from vsdkit.conversation import load_conversation
from vsdkit.errors import DataError, TemplateError
from vsdkit.model import dialogue as module
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.dialogue import Dialogue
from vsdkit.model.families import PreparedImage
from vsdkit.model.generation import Generated, Prompt, generate, stop_id
from vsdkit.model.precision import choose_precision
from vsdkit.model.prompt_ids import encode

VICUNA = load_conversation("vicuna_v1")
QUESTIONS = (
    "What is the red box to the blue ball?",
    "Describe it once more.",
    "And the lamp?",
    "Is it near?",
)


@pytest.fixture(scope="module", params=["single", "anyres"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return load_base("tiny", image_mode=request.param, precision=choose_precision("cpu"))


@pytest.fixture(scope="module")
def image(loaded: Loaded) -> PreparedImage:
    picture = Image.new("RGB", (150, 60), (246, 246, 246))
    ImageDraw.Draw(picture).rectangle((4, 4, 70, 40), fill=(214, 40, 80))
    return loaded.preparer.prepare(picture)


@pytest.fixture
def never_stops(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> int:
    """The id that ends an answer is one that the tiny base does not write: answers get long."""
    stop = int(loaded.tokenizer.bos_token_id)
    monkeypatch.setattr(module, "stop_id", lambda *_: stop)
    monkeypatch.setattr(module, "MAX_ANSWER", 24)
    return stop


@pytest.fixture
def computed(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens that each pass of the model has computed."""
    passes: list[int] = []
    decoder = loaded.model.get_decoder()
    forward = type(decoder).forward

    def count(self: Any, *arguments: Any, **more: Any) -> Any:
        passes.append(more["inputs_embeds"].shape[1])
        return forward(self, *arguments, **more)

    monkeypatch.setattr(type(decoder), "forward", count)
    return passes


def whole_prompt(
    loaded: Loaded,
    image: PreparedImage,
    question: str,
    earlier: Sequence[tuple[str, str]],
    stop: int | None = None,
) -> Generated:
    rendered = VICUNA.render(question, earlier=earlier)
    ids = encode(
        loaded.tokenizer, rendered.text, image_id=loaded.image_id, image_tokens=image.n_tokens
    ).ids
    stop = stop_id(loaded, VICUNA) if stop is None else stop
    return generate(loaded, [Prompt(ids, image)], stop=stop, max_new_tokens=module.MAX_ANSWER)[0]


def test_each_answer_is_that_of_the_whole_prompt(
    loaded: Loaded, image: PreparedImage, never_stops: int
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    earlier: list[tuple[str, str]] = []
    for question in QUESTIONS:
        answer = talk.ask(question)
        assert answer == whole_prompt(loaded, image, question, earlier, never_stops)
        earlier.append((question, answer.text))
        assert talk.turns == earlier
    assert len({answer for _, answer in earlier}) > 1


def test_only_what_is_new_is_computed(
    loaded: Loaded, image: PreparedImage, computed: list[int], never_stops: int
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    first = len(talk._encode(QUESTIONS[0]))
    talk.ask(QUESTIONS[0])
    assert computed[0] == first
    computed.clear()
    second = len(talk._encode(QUESTIONS[1]))
    talk.ask(QUESTIONS[1])
    assert computed[0] < second - first
    # A new conversation computes its question alone, and not the image.
    computed.clear()
    talk.begin_anew()
    assert talk.turns == []
    again = talk.ask(QUESTIONS[1])
    assert computed[0] < second - image.n_tokens
    assert again == whole_prompt(loaded, image, QUESTIONS[1], [], never_stops)


def test_pieces_are_told_as_they_are_written(
    loaded: Loaded, image: PreparedImage, never_stops: int
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    pieces: list[str] = []
    answer = talk.ask(QUESTIONS[0], tell=pieces.append)
    assert "".join(pieces).strip() == answer.text
    assert len(pieces) > 1
    assert not answer.finished


def test_an_answer_can_be_stopped_and_the_conversation_goes_on(
    loaded: Loaded, image: PreparedImage, never_stops: int
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    asked = 0

    def after_three() -> bool:
        nonlocal asked
        asked += 1
        return asked == 3

    short = talk.ask(QUESTIONS[0], is_stopped=after_three)
    assert asked == 3
    whole = whole_prompt(loaded, image, QUESTIONS[0], [], never_stops)
    assert whole.text.startswith(short.text)
    assert talk.turns == [(QUESTIONS[0], short.text)]
    following = talk.ask(QUESTIONS[1])
    expected = [(QUESTIONS[0], short.text)]
    assert following == whole_prompt(loaded, image, QUESTIONS[1], expected, never_stops)


def test_a_failed_answer_leaves_nothing_behind(
    loaded: Loaded, image: PreparedImage, never_stops: int
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    talk.ask(QUESTIONS[0])
    before = list(talk.turns)

    def fail() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk.ask(QUESTIONS[1], is_stopped=fail)
    assert talk.turns == before
    assert talk.ask(QUESTIONS[2]) == whole_prompt(loaded, image, QUESTIONS[2], before, never_stops)


@pytest.mark.parametrize(
    ("question", "kind", "message"),
    [
        ("is </s> ok?", TemplateError, "must not hold"),
        ("an <image>?", TemplateError, "must not hold"),
        ("a <s> of what?", DataError, "special token"),
        ("long " * 9000, DataError, "the model has positions for"),
    ],
)
def test_a_question_that_cannot_be_asked_leaves_the_conversation_as_it_was(
    loaded: Loaded, image: PreparedImage, question: str, kind: type[Exception], message: str
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    talk.note("before", "something")
    with pytest.raises(kind, match=message):
        talk.ask(question)
    assert talk.turns == [("before", "something")]


@pytest.mark.parametrize("answer", ["so </s> it is", "an <image> of it", "a <s>", ""])
def test_an_answer_that_no_prompt_can_hold_is_no_turn(
    loaded: Loaded, image: PreparedImage, answer: str
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    talk.note("what?", answer)
    assert talk.turns == []


def test_an_answer_takes_no_more_than_the_positions_that_are_left(
    loaded: Loaded, image: PreparedImage, never_stops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Dialogue(loaded, VICUNA, image)
    needed = len(talk._encode(QUESTIONS[0]))
    monkeypatch.setattr(Loaded, "positions", property(lambda _: needed + 17))
    answer = talk.ask(QUESTIONS[0])
    assert not answer.finished
    monkeypatch.setattr(Loaded, "positions", property(lambda _: needed + 15))
    with pytest.raises(DataError, match="begin anew") as caught:
        Dialogue(loaded, VICUNA, image).ask(QUESTIONS[0])
    assert f"{needed:,} tokens" in caught.value.message
