"""A chat template renders what Conversation.render does, to the character and to the id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError as JinjaError

from vsdkit.conversation import Conversation, load_conversation
from vsdkit.data.records import IMAGE_MARK
from vsdkit.errors import TemplateError
from vsdkit.model.bases import check_base, tiny_base_path
from vsdkit.model.chat_template import gives_same_ids, make_chat_template
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.model.prompt_ids import encode

VICUNA = load_conversation("vicuna_v1")
CONFIG = check_base("tiny")
IMAGE_ID = CONFIG.image_token_id
TOKENIZER = load_tokenizer(str(tiny_base_path()), CONFIG)
# What YAML can hold and Jinja might take for its own.
TEXT = st.text(max_size=12) | st.sampled_from(
    ["{{ x }}", "{% if %}", "{#", '"', "\\n", "\r\n", "'", "\U0001f600\u2028", "\x7f"]
)


def render(conversation: Conversation, messages: list[dict[str, Any]], **more: Any) -> str:
    template = make_chat_template(conversation, TOKENIZER, image_id=IMAGE_ID)
    text = TOKENIZER.apply_chat_template(messages, chat_template=template, tokenize=False, **more)
    return str(text)


def message(role: str, text: str, *, image: bool = False) -> dict[str, Any]:
    parts = [{"type": "text", "text": text}, *([{"type": "image"}] if image else [])]
    return {"role": role, "content": parts}


def test_one_question() -> None:
    text = render(VICUNA, [message("user", "Where is it?", image=True)], add_generation_prompt=True)
    assert text == "<s>" + VICUNA.render("Where is it?").text


def test_several_turns_and_the_last_answer() -> None:
    turns = [
        message("user", "One?", image=True),
        {"role": "assistant", "content": "Yes."},
        message("user", "Two?"),
        message("assistant", "No."),
    ]
    expected = VICUNA.render("Two?", "No.", earlier=[("One?", "Yes.")]).text
    assert render(VICUNA, turns) == f"<s>{expected}"
    asked = VICUNA.render("Two?", earlier=[("One?", "Yes.")]).text
    assert render(VICUNA, turns[:3], add_generation_prompt=True) == f"<s>{asked}"


@given(
    system=TEXT,
    before=TEXT,
    behind=TEXT,
    around=st.tuples(TEXT, TEXT),
    prompt=TEXT,
    lead=TEXT,
    after=TEXT,
    questions=st.lists(TEXT, min_size=1, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_any_conversation_format(
    system: str,
    before: str,
    behind: str,
    around: tuple[str, str],
    prompt: str,
    lead: str,
    after: str,
    questions: list[str],
) -> None:
    own = replace(
        VICUNA,
        system=system,
        image=IMAGE_MARK.join(around),
        user=(before, behind),
        prompt=prompt,
        lead=lead,
        after=after,
    )
    *earlier, last = questions
    try:
        expected = own.render(last, earlier=[(one, one) for one in earlier]).text
    except TemplateError:
        return
    turns: list[dict[str, Any]] = []
    for one in earlier:
        turns += [message("user", one, image=not turns), message("assistant", one)]
    turns.append(message("user", last, image=not turns))
    assert render(own, turns, add_generation_prompt=True) == f"<s>{expected}"


def test_the_ids_are_those_of_training() -> None:
    question = "Where is the cup?"
    expected = encode(
        TOKENIZER, VICUNA.render(question).text, image_id=IMAGE_ID, image_tokens=1
    ).ids
    text = render(VICUNA, [message("user", question, image=True)], add_generation_prompt=True)
    # As servers do it: what the template gives stands as it is.
    assert TOKENIZER(text, add_special_tokens=False)["input_ids"] == expected
    template = make_chat_template(VICUNA, TOKENIZER, image_id=IMAGE_ID)
    assert gives_same_ids(template, VICUNA, TOKENIZER, image_id=IMAGE_ID)
    other = template.replace("USER: ", "HUMAN: ")
    assert not gives_same_ids(other, VICUNA, TOKENIZER, image_id=IMAGE_ID)


def test_text_alone_has_no_image() -> None:
    text = render(VICUNA, [{"role": "user", "content": "Hello?"}], add_generation_prompt=True)
    assert text.endswith("USER: Hello? ASSISTANT:")


def test_an_openai_image_is_an_image() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "What?"}]
    text = render(VICUNA, [{"role": "user", "content": parts}], add_generation_prompt=True)
    assert text == "<s>" + VICUNA.render("What?").text


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ([{"role": "system", "content": "Be brief."}, message("user", "x")], "own system text"),
        ([message("user", "x"), message("user", "y")], "must go user, assistant"),
        ([message("assistant", "x")], "must go user, assistant"),
        (
            [message("user", "x"), message("assistant", "y"), message("user", "z", image=True)],
            "one image, in the first message",
        ),
        (
            [{"role": "user", "content": [{"type": "image"}, {"type": "image"}]}],
            "one image, in the first message",
        ),
    ],
)
def test_what_was_never_trained_on_is_refused(turns: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(JinjaError, match=told):
        render(VICUNA, turns)
