"""Templates and conversation formats: shipped ones word for word, wrong ones refused."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.conversation import (
    Conversation,
    RewritingPrompt,
    Template,
    fill,
    load_conversation,
    load_rewriting_prompt,
    load_template,
)
from vsdkit.data.records import IMAGE_MARK, TASKS
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import MissingInputError, TemplateError

OWN = """\
name: own
questions:
  1: ["{T1} and {T2}?"]
  2: ["Say."]
  3: ["Say thrice."]
answers:
  1: "{R}"
  2: "{v1_caption}"
  3: "{R} {v1_caption} {v2_caption}"
"""


def _shipped(kind: str) -> list[str]:
    folder = resources.files("vsdkit.templates") / kind
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir())


def test_three_templates_are_shipped_and_each_loads() -> None:
    assert _shipped("tasks") == ["beyond", "paper", "varied"]
    assert [load_template(name).name for name in _shipped("tasks")] == _shipped("tasks")


def test_every_conversation_format_loads_under_its_name() -> None:
    assert [load_conversation(name).name for name in _shipped("conversations")] == ["vicuna_v1"]


def test_the_papers_template_word_for_word() -> None:
    # LLaVA-VSD (ACM MM 2024), Table 1; the stray closing quote of the first is left out.
    template = load_template("paper")
    assert template.questions == {
        1: (
            "Given the image, choose the most appropriate preposition to complete the sentence: "
            "'The {T1} is [BLANK] the {T2}'. Select from: on, in, next to, under, above, behind, "
            "in front of, to the left of, to the right of.",
        ),
        2: (
            "Based on the image, provide a concise textual description or phrase of the single "
            "spatial relationship between the two objects {T1} and {T2}.",
        ),
        3: (
            "Using the image as a reference, generate three detailed and diverse textual "
            "descriptions that describe the spatial relationship between the two objects {T1} "
            "and {T2}.",
        ),
    }
    assert template.answers == {
        1: "{R}",
        2: "{v1_caption}",
        3: "{T1} {R} {T2}. \n {v1_caption} \n {v2_caption}",
    }


def test_varied_asks_in_many_ways_and_answers_as_the_paper() -> None:
    varied, paper = load_template("varied"), load_template("paper")
    assert varied.answers == paper.answers
    for task in TASKS:
        questions = varied.questions[task]
        assert len(set(questions)) == len(questions) >= 8
        assert not set(questions) & set(paper.questions[task])
        assert all("{T1}" in question and "{T2}" in question for question in questions)
    for question in varied.questions[1]:
        assert ", ".join(RELATIONS) in question


def test_beyond_is_varied_with_another_first_sentence() -> None:
    beyond, varied = load_template("beyond"), load_template("varied")
    assert beyond.questions == varied.questions
    assert {task: beyond.answers[task] for task in (1, 2)} == {
        task: varied.answers[task] for task in (1, 2)
    }
    assert beyond.answers[3] == "there is a {T1} {R} the {T2}. \n {v1_caption} \n {v2_caption}"


def test_every_template_file_has_its_origin_written_down() -> None:
    text = (resources.files("vsdkit.templates") / "README.md").read_text(encoding="utf-8")
    for kind in ("tasks", "conversations", "rewriting"):
        for name in _shipped(kind):
            assert f"`{name}.yaml`" in text


def test_a_template_of_ones_own_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    template = load_template(str(path))
    assert (template.name, template.text) == ("own", OWN)
    assert Template.parse(template.text, where="run.json") == template


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: own", "", "'name' must be text, got None"),
        ("name: own", "name: 5", "'name' must be text, got 5"),
        ("name: own", "name: own\nquestion: x", "unknown key 'question'; known: answers, name"),
        ('  2: ["Say."]\n', "", "'questions' must have the keys 1, 2 and 3"),
        ('  1: "{R}"\n', "", "'answers' must have the keys 1, 2 and 3"),
        ('["Say."]', "Say.", "questions of task 2 must be a list of texts"),
        ('["Say."]', "[]", "questions of task 2 must be a list of texts"),
        ('["Say."]', "[5]", "expected text, got 5"),
        ('["Say."]', '[" "]', "expected text, got ' '"),
        ('"{R}"', "7", "expected text, got 7"),
        ('["Say."]', '["Say {T3}."]', "unknown placeholder {T3} in .*; known here: {T1}, {T2}"),
        ('["Say."]', '["Is it {R}?"]', "unknown placeholder {R}"),
        ('["Say."]', '["<image> Say."]', "<image> is put before the question by itself"),
        ('"{R}"', '"{v1_caption}"', "unknown placeholder {v1_caption}"),
        ('2: "{v1_caption}"', '2: "{v2_caption}"', "unknown placeholder {v2_caption}"),
        ("name: own", "name: [", "not YAML"),
        (OWN, "- a", "expected names and values"),
        (OWN, "", "expected names and values"),
    ],
)
def test_a_wrong_template_tells_what_and_where(old: str, new: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message.replace("{", r"\{")) as caught:
        Template.parse(OWN.replace(old, new, 1), where="own.yaml")
    assert caught.value.where.startswith("own.yaml")


def test_a_wrong_placeholder_names_its_task() -> None:
    with pytest.raises(TemplateError, match="unknown placeholder") as caught:
        Template.parse(OWN.replace("Say thrice.", "{R}"), where="own.yaml")
    assert caught.value.where == "own.yaml, questions of task 3"


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="unknown template 'papre'; known: beyond, paper, var"):
        load_template("papre")
    with pytest.raises(TemplateError, match="known: vicuna_v1"):
        load_conversation("llama_3")
    with pytest.raises(MissingInputError, match="cannot be read: No such file"):
        load_template(str(tmp_path / "none.yaml"))
    (tmp_path / "latin.yaml").write_bytes("name: \xe9".encode("latin-1"))
    with pytest.raises(TemplateError, match="not UTF-8 text"):
        load_template(str(tmp_path / "latin.yaml"))


def test_vicuna_v1_is_llavas_to_the_character() -> None:
    # haotian-liu/LLaVA llava/conversation.py, conv_vicuna_v1, SeparatorStyle.TWO, get_prompt():
    # system + sep + "USER: " + message + sep + "ASSISTANT: " + answer + sep2.
    text, trained, content = load_conversation("vicuna_v1").render("Where is it?", "on")
    assert text == (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions. "
        "USER: <image>\nWhere is it? ASSISTANT: on</s>"
    )
    assert [text[start:end] for start, end in trained] == [" on</s>"]
    assert [text[start:end] for start, end in content] == ["Where is it?", "on"]


def test_vicuna_v1_of_several_turns_is_llavas_too() -> None:
    # The same get_prompt(): sep2 ends an answer, and no separator stands before the next question.
    text, trained, content = load_conversation("vicuna_v1").render(
        "What?", "it", earlier=[("Where?", "on")]
    )
    assert text.endswith(
        "questions. USER: <image>\nWhere? ASSISTANT: on</s>USER: What? ASSISTANT: it</s>"
    )
    assert [text[start:end] for start, end in trained] == [" on</s>", " it</s>"]
    assert [text[start:end] for start, end in content] == ["Where?", "on", "What?", "it"]


@given(st.text(), st.text(min_size=1))
def test_the_prompt_is_the_beginning_of_what_is_trained(question: str, answer: str) -> None:
    conversation = load_conversation("vicuna_v1")
    if any(mark in question + answer for mark in (IMAGE_MARK, conversation.stop)):
        return
    prompt, nothing, _ = conversation.render(question)
    text, trained, _ = conversation.render(question, answer)
    assert nothing == ()
    assert text.startswith(prompt)
    assert text[len(prompt) :] == f" {answer}{conversation.stop}"
    assert trained == ((len(prompt), len(text)),)
    assert text.count(IMAGE_MARK) == 1


@pytest.mark.parametrize(("question", "answer"), [("<image> a", "b"), ("a", "b</s>"), ("</s>", "")])
def test_marks_inside_a_question_or_answer_are_refused(question: str, answer: str) -> None:
    with pytest.raises(TemplateError, match="must not hold <image> or </s>"):
        load_conversation("vicuna_v1").render(question, answer)


CHATML = (Path(__file__).parent / "model/families/chatml.yaml").read_text(encoding="utf-8")


def test_chatml_without_a_system_line() -> None:
    # QwenLM/Qwen2-VL's chat template, for messages without a system line of their own.
    chatml = Conversation.parse(CHATML, where="chatml.yaml")
    assert (chatml.stop, chatml.system) == ("<|im_end|>", "")
    one = "<|im_start|>user\n<|vision_start|><image><|vision_end|>Where?<|im_end|>\n"
    prompt = f"{one}<|im_start|>assistant\n"
    assert chatml.render("Where?")[:2] == (prompt, ())
    # Nothing stands behind the last stop token, so that a row ends with what is trained.
    answered = f"{prompt}on<|im_end|>"
    assert chatml.render("Where?", "on")[:2] == (answered, ((len(prompt), len(answered)),))
    two = f"{answered}\n<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n"
    assert chatml.render("What?", earlier=[("Where?", "on")])[:2] == (
        two,
        ((len(prompt), len(answered)),),
    )


def test_the_chatml_that_the_readme_shows_is_this_one() -> None:
    text = (resources.files("vsdkit.templates") / "README.md").read_text(encoding="utf-8")
    assert f"```yaml\n{CHATML}```" in text


def test_chatml_with_a_system_line() -> None:
    system = 'system: "<|im_start|>system\\nBe brief.<|im_end|>\\n"\n'
    chatml = Conversation.parse(CHATML + system, where="chatml.yaml")
    assert chatml.render("Where?").text.startswith(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|vision_start|><image>"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: chatml", "", "'name' must be text, got None"),
        ("name: chatml", "name: chatml\nroles: x", "unknown key 'roles'; known: assistant, image"),
        ("name: chatml", 'name: chatml\nsystem: ""', "'system' must be text, got ''"),
        ("user:", "human:", "unknown key 'human'"),
        ('"<|im_start|>user\\n{content}<|im_end|>\\n"', "USER", "'user' must hold {content} once"),
        ("<image>", "<picture>", "'image' must hold <image> once, got '<|vision_start|><picture>"),
        ("<image>", "<image><image>", "'image' must hold <image> once"),
        ("assistant:\n", "assistant: ASSISTANT\nx:\n", "unknown key 'x'"),
        ("  prompt:", "  before:", "unknown key 'before'; known: after, prompt, trained"),
        ('  prompt: "<|im_start|>assistant\\n"\n', "", "'prompt' must be text, got None"),
        ('{content}<|im_end|>"\n  after', '<|im_end|>"\n  after', "'trained' must hold {content}"),
        ('{content}<|im_end|>"\n  after', '{content}"\n  after', "must end with the stop token"),
        ('after: "\\n"', "after: 5", "'after' must be text, got 5"),
    ],
)
def test_a_wrong_conversation_format(old: str, new: str, message: str) -> None:
    assert old in CHATML
    with pytest.raises(TemplateError, match=re.escape(message)) as caught:
        Conversation.parse(CHATML.replace(old, new, 1), where="own.yaml")
    assert caught.value.where.startswith("own.yaml")


@pytest.mark.parametrize("assistant", ["", "assistant: ASSISTANT\n", "assistant: [a]\n"])
def test_an_assistant_without_its_parts(assistant: str) -> None:
    wrong = CHATML[: CHATML.index("assistant:\n")] + assistant
    with pytest.raises(TemplateError, match="'assistant' must have the keys prompt and trained"):
        Conversation.parse(wrong, where="own.yaml")


def test_filling_is_one_pass() -> None:
    assert fill("{T1}{T2}", {"T1": "{T2}", "T2": "x"}) == "{T2}x"


def test_an_unknown_conversation_format_is_called_so() -> None:
    with pytest.raises(TemplateError, match="unknown conversation format 'v0'; known: vicuna_v1"):
        load_conversation("v0")


def test_every_rewriting_prompt_loads_under_its_name() -> None:
    assert [load_rewriting_prompt(name).name for name in _shipped("rewriting")] == [
        "paper",
        "plain",
    ]


def test_the_papers_rewriting_prompt_is_the_papers_word_for_word() -> None:
    prompt = load_rewriting_prompt().prompt
    for name, printed in (("T1", "O_1"), ("T2", "O_2"), ("sentence", "description")):
        prompt = prompt.replace(f"{{{name}}}", printed)
    assert prompt == (
        "Given the image and a concise spatial relationship description between O_1 and O_2 : "
        "'description', generate a simpler sentence with a similar meaning. Keep the main "
        "structure of the sentence, but replace words or phrases with simpler adjectives, verbs, "
        "or synonyms, ensuring no consecutive words from the original description remain the same."
    )


def test_a_rewriting_prompt_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("name: own\nprompt: 'Say it anew: {sentence}'\n", encoding="utf-8")
    assert load_rewriting_prompt(str(own)) == RewritingPrompt("own", "Say it anew: {sentence}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("name: a\nprompt: Rewrite {T1}", "no {sentence}, the place of the sentence"),
        ("name: a\nprompt: '{sentence} {R}'", "unknown placeholder {R}"),
        ("name: a", "'prompt' must be text, got None"),
        ("name: [", "not YAML"),
        ("name: 2024-99-99", "not YAML"),
        ("name: a\nprompt: '{sentence}'\nseed: 1", "unknown key 'seed'"),
    ],
)
def test_a_wrong_rewriting_prompt_tells_what_and_where(source: str, message: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(message)) as caught:
        RewritingPrompt.parse(source, where="own.yaml")
    assert caught.value.where.startswith("own.yaml")


def test_an_unknown_rewriting_prompt_is_called_so() -> None:
    with pytest.raises(TemplateError, match="unknown rewriting prompt 'own'; known: paper, plain"):
        load_rewriting_prompt("own")


def test_a_rewriting_prompt_that_is_no_text(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(b"name: own\nprompt: '{sentence} \xff'")
    with pytest.raises(TemplateError, match="not UTF-8 text"):
        load_rewriting_prompt(str(own))
    with pytest.raises(MissingInputError, match="cannot be read"):
        load_rewriting_prompt(str(tmp_path / "none.yaml"))
