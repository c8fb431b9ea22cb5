"""Templates and conversation formats: from a row's facts to text with the trained part marked.

A template holds the questions of each task and the shape of each answer; a conversation format
holds what a user's and an assistant's turn look like, and where the image stands. Both are YAML
files in ``vsdkit.templates`` or the user's own, and travel with an adapter as their full text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.data.records import IMAGE_MARK, TASKS
from vsdkit.data.spans import Span
from vsdkit.data.yaml_text import parse_mapping
from vsdkit.errors import MissingInputError, TemplateError

__all__ = [
    "Conversation",
    "Rendered",
    "RewritingPrompt",
    "Template",
    "fill",
    "load_conversation",
    "load_rewriting_prompt",
    "load_template",
    "pattern_of",
    "shipped_templates",
]

_KINDS = {
    "tasks": "template",
    "conversations": "conversation format",
    "rewriting": "rewriting prompt",
}

# A question must not tell its answer, and items of one's own have nothing but their two tags.
_IN_QUESTIONS = ("T1", "T2")
_IN_ANSWERS = {
    1: ("T1", "T2", "R"),
    2: ("T1", "T2", "R", "v1_caption"),
    3: ("T1", "T2", "R", "v1_caption", "v2_caption"),
}
_IN_REWRITING_PROMPTS = ("T1", "T2", "sentence")
_CONTENT = "{content}"
"""Where the question or answer stands in a turn."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Rendered(NamedTuple):
    """A conversation as text."""

    text: str
    """With one ``IMAGE_MARK`` in it."""
    trained: tuple[Span, ...]
    """Each answer with its stop token; none for a question that has no answer yet."""
    content: tuple[Span, ...]
    """Each question and answer alone: what does not come from the conversation format."""


@dataclass(frozen=True, slots=True)
class Template:
    """Questions and shapes of answers, as one file holds them."""

    name: str
    """The template's own name."""
    questions: Mapping[int, tuple[str, ...]]
    """Task to its questions, with placeholders."""
    answers: Mapping[int, str]
    """Task to the shape of its answers, with placeholders."""
    text: str
    """The whole file: it is stored with what was made from it."""

    @classmethod
    def parse(cls, source: str, *, where: str) -> Template:
        """Return the template in a YAML text.

        Raises:
            TemplateError: If a task has no question or answer, or a placeholder is unknown.
        """
        content = _mapping(source, where)
        _only_keys(content, {"name", "questions", "answers"}, where)
        questions = _by_task(content.get("questions"), "questions", where)
        answers = _by_task(content.get("answers"), "answers", where)
        for task, texts in questions.items():
            if not isinstance(texts, list) or not texts:
                raise TemplateError(
                    f"questions of task {task} must be a list of texts", where=where
                )
        template = cls(
            name=_line(content, "name", where),
            questions={task: tuple(texts) for task, texts in questions.items()},
            answers=answers,
            text=source,
        )
        for task in TASKS:
            _check_text(answers[task], _IN_ANSWERS[task], where=f"{where}, answers of task {task}")
            for text in questions[task]:
                _check_text(text, _IN_QUESTIONS, where=f"{where}, questions of task {task}")
        return template


@dataclass(frozen=True, slots=True)
class Conversation:
    """How questions and answers become one text.

    Source:
        ``vicuna_v1`` stands for haotian-liu/LLaVA ``llava/conversation.py``
        ``conv_vicuna_v1`` (``SeparatorStyle.TWO``).
    """

    name: str
    """The format's own name."""
    system: str
    """What stands before the first turn; may be empty."""
    image: str
    """What stands before the first question; ``IMAGE_MARK`` in it is the image's place."""
    user: tuple[str, str]
    """What stands before and behind a question."""
    prompt: str
    """What begins an assistant's turn; the text that a model answers to ends with it."""
    lead: str
    """What stands between ``prompt`` and the answer; the model writes it, so it is trained."""
    stop: str
    """The stop token, trained as the end of each answer."""
    after: str
    """What stands behind the stop token where another turn follows; not trained."""
    text: str
    """The whole file: it is stored with what was made from it."""

    @classmethod
    def parse(cls, source: str, *, where: str) -> Conversation:
        """Return the conversation format in a YAML text.

        Raises:
            TemplateError: If a field is missing, unknown or lacks its mark, or no stop token
                follows the answer.
        """
        content = _mapping(source, where)
        _only_keys(content, {"name", "system", "image", "user", "assistant"}, where)
        assistant = content.get("assistant")
        in_assistant = f"{where}, assistant"
        if not isinstance(assistant, dict):
            raise TemplateError(
                f"'assistant' must have the keys prompt and trained, got {assistant!r}", where=where
            )
        _only_keys(assistant, {"prompt", "trained", "after"}, in_assistant)
        lead, stop = _around(assistant, "trained", _CONTENT, in_assistant)
        if not stop.strip():
            raise TemplateError(
                f"'trained' must end with the stop token, behind {_CONTENT}",
                where=in_assistant,
                hint="without it a model never learns where to stop",
            )
        return cls(
            name=_line(content, "name", where),
            system=_line(content, "system", where) if "system" in content else "",
            image=IMAGE_MARK.join(_around(content, "image", IMAGE_MARK, where)),
            user=_around(content, "user", _CONTENT, where),
            prompt=_line(assistant, "prompt", in_assistant),
            lead=lead,
            stop=stop,
            after=_line(assistant, "after", in_assistant) if "after" in assistant else "",
            text=source,
        )

    def render(
        self, question: str, answer: str | None = None, *, earlier: Sequence[tuple[str, str]] = ()
    ) -> Rendered:
        """Return the text of a conversation about an image.

        Without an answer it is the prompt, which ends where the model begins to write. With one,
        the prompt is its beginning to the character, and the rest is what is trained and what a
        model generates: the answer and the stop token.

        Args:
            question: The last question, without the image's mark.
            answer: Its answer.
            earlier: Questions and answers before it, in order.

        Raises:
            TemplateError: If a question or answer holds the image's mark or the stop token.
        """
        text = self.system
        trained: list[Span] = []
        content: list[Span] = []
        before, behind = self.user
        for asked, said in (*earlier, (question, answer)):
            self._refuse_marks(asked, said or "")
            # Behind the last answer nothing follows: a row ends with its stop token.
            first = self.after if trained else ""
            image = "" if trained else self.image
            text += f"{first}{before}{image}"
            content.append(Span(len(text), len(text) + len(asked)))
            text += f"{asked}{behind}{self.prompt}"
            if said is not None:
                start = len(text)
                content.append(Span(start + len(self.lead), start + len(self.lead) + len(said)))
                text += f"{self.lead}{said}{self.stop}"
                trained.append(Span(start, len(text)))
        return Rendered(text, tuple(trained), tuple(content))

    def _refuse_marks(self, *texts: str) -> None:
        for text in texts:
            if IMAGE_MARK in text or self.stop in text:
                raise TemplateError(
                    f"a question or answer must not hold {IMAGE_MARK} or {self.stop}: {text!r}"
                )


@dataclass(frozen=True, slots=True)
class RewritingPrompt:
    """What a text model is told to rewrite a sentence, as one file holds it."""

    name: str
    """What a run records of it: the shipped prompt's name, or what the file calls its own."""
    prompt: str
    """With ``{sentence}`` in the sentence's place; ``{T1}`` and ``{T2}`` are the two objects'."""

    @classmethod
    def parse(cls, source: str, *, where: str) -> RewritingPrompt:
        """Return the prompt in a YAML text.

        Raises:
            TemplateError: If a placeholder is unknown, or the sentence to rewrite has no place.
        """
        content = _mapping(source, where)
        _only_keys(content, {"name", "prompt"}, where)
        found = cls(_line(content, "name", where), _line(content, "prompt", where))
        _check_text(found.prompt, _IN_REWRITING_PROMPTS, where=f"{where}, prompt")
        if "{sentence}" not in found.prompt:
            raise TemplateError(
                "the prompt has no {sentence}, the place of the sentence to rewrite",
                where=f"{where}, prompt",
            )
        return found


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Return a template's text with its placeholders filled in, in one pass.

    >>> fill("the {T1} is {R} the {T2}", {"T1": "cat", "R": "on", "T2": "mat {T1}"})
    'the cat is on the mat {T1}'
    """
    return _PLACEHOLDER.sub(lambda match: facts[match[1]], text)


def pattern_of(text: str) -> re.Pattern[str]:
    """Return the pattern of what ``fill`` makes of a text, with a group for each placeholder.

    Where two readings fit, as of "salt and pepper and a mat", the first fact is the shortest.

    >>> pattern_of("is the {T1} on it?").fullmatch("is the red cat on it?")["T1"]
    'red cat'
    """
    pattern = ""
    # Text and names of placeholders in turn, since the names are a group of the pattern.
    for place, part in enumerate(_PLACEHOLDER.split(text)):
        if place % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if f"(?P<{part}>" in pattern else f"(?P<{part}>.+?)"
    return re.compile(pattern, re.DOTALL)


def shipped_templates() -> list[Template]:
    """Return every template that comes with vsdkit, by name."""
    return [load_template(name) for name in _shipped("tasks")]


def load_template(name: str) -> Template:
    """Return a shipped template by its name, or one's own by its path.

    Raises:
        TemplateError: If the name is unknown or the content wrong.
        MissingInputError: If a file is not there.
    """
    source, where = _read(name, "tasks")
    return Template.parse(source, where=where)


def load_conversation(name: str) -> Conversation:
    """Return a shipped conversation format by its name, or one's own by its path.

    Raises:
        TemplateError: If the name is unknown or the content wrong.
        MissingInputError: If a file is not there.
    """
    source, where = _read(name, "conversations")
    return Conversation.parse(source, where=where)


def load_rewriting_prompt(name: str = "paper") -> RewritingPrompt:
    """Return a shipped rewriting prompt by its name, or one's own by its path.

    Raises:
        TemplateError: If the name is unknown or the content wrong.
        MissingInputError: If a file is not there.
    """
    source, where = _read(name, "rewriting")
    return RewritingPrompt.parse(source, where=where)


def _shipped(kind: str) -> list[str]:
    folder = resources.files("vsdkit.templates") / kind
    return sorted(
        file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")
    )


def _read(name: str, kind: str) -> tuple[str, str]:
    if name in _shipped(kind):
        file = resources.files("vsdkit.templates") / kind / f"{name}.yaml"
        return file.read_text(encoding="utf-8"), f"template {name}"
    if not name.endswith((".yaml", ".yml")):
        known = ", ".join(_shipped(kind))
        raise TemplateError(
            f"unknown {_KINDS[kind]} {name!r}; known: {known}",
            hint="or name a .yaml file of your own",
        )
    try:
        return Path(name).read_text(encoding="utf-8"), name
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=name) from error
    except UnicodeDecodeError as error:
        raise TemplateError("not UTF-8 text", where=name) from error


def _mapping(source: str, where: str) -> dict[Any, Any]:
    try:
        content = parse_mapping(source)
    except ValueError as error:
        raise TemplateError(str(error), where=where) from error
    if not content:
        raise TemplateError("expected names and values, got nothing", where=where)
    return content


def _only_keys(content: Mapping[Any, Any], known: set[str], where: str) -> None:
    unknown = set(content) - known
    if unknown:
        raise TemplateError(
            f"unknown key {sorted(map(str, unknown))[0]!r}; known: {', '.join(sorted(known))}",
            where=where,
        )


def _line(content: Mapping[Any, Any], field: str, where: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or not value:
        raise TemplateError(f"{field!r} must be text, got {value!r}", where=where)
    return value


def _around(content: Mapping[Any, Any], field: str, mark: str, where: str) -> tuple[str, str]:
    """Return what stands before and behind the one mark in a field."""
    value = _line(content, field, where)
    if value.count(mark) != 1:
        raise TemplateError(f"{field!r} must hold {mark} once, got {value!r}", where=where)
    before, _, behind = value.partition(mark)
    return before, behind


def _by_task(value: object, field: str, where: str) -> dict[int, Any]:
    if not isinstance(value, dict) or set(value) != set(TASKS):
        raise TemplateError(f"{field!r} must have the keys 1, 2 and 3", where=where)
    return value


def _check_text(text: object, placeholders: Sequence[str], *, where: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise TemplateError(f"expected text, got {text!r}", where=where)
    if IMAGE_MARK in text:
        raise TemplateError(f"{IMAGE_MARK} is put before the question by itself", where=where)
    for name in _PLACEHOLDER.findall(text):
        if name not in placeholders:
            known = ", ".join(f"{{{known}}}" for known in placeholders)
            raise TemplateError(
                f"unknown placeholder {{{name}}} in {text!r}; known here: {known}", where=where
            )
