"""What an error's body says, of whichever server; no body at all makes it fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.chat_client.problem import Problem, shorten

NAMES = st.sampled_from(
    ["error", "message", "code", "type", "param", "detail", "loc", "msg", "innererror", "status"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": "no", "code": "x", "type": "t", "param": "seed"}, ("no", "x t", "seed")),
        ({"error": {"message": "no", "code": 404}}, ("no", "404", "")),
        ({"error": "no such model"}, ("no such model", "", "")),
        ({"detail": "Not Found"}, ("Not Found", "", "")),
        ({"detail": [{"loc": ["body", "seed"], "msg": "extra"}]}, ("seed: extra", "", "seed")),
        ([{"error": {"message": "no", "status": "BAD"}}], ("no", "BAD", "")),
        ({"message": "no", "innererror": {"code": "ResponsibleAI"}}, ("no", "ResponsibleAI", "")),
        ("<html><head>x</head><p>Bad gateway</p></html>", ("Bad gateway", "", "")),
        ([], ("", "", "")),
        (None, ("", "", "")),
        (5, ("", "", "")),
    ],
)
def test_bodies_of_servers(body: Any, expected: tuple[str, str, str]) -> None:
    found = Problem.of(body)
    assert (" ".join(found.message.split()), found.code, found.parameter) == expected


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "The response was filtered ... content management policy.", "filtered"),
        (400, "Invalid prompt: flagged as potentially violating our usage policy", "filtered"),
        (451, "moderation", "filtered"),
        (400, "This model's maximum context length is 4096 tokens", "too long"),
        (400, "Input is too long for requested model", "too long"),
        (413, "", "too long"),
        (400, "invalid value", None),
        (401, "content policy", None),
        (404, "context length", None),
        (429, "Request too large: too many tokens per minute", None),
        (500, "content filter crashed", None),
    ],
)
def test_whether_one_question_is_meant(status: int, text: str, expected: str | None) -> None:
    assert Problem(message=text).of_one_question(status) == expected


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem(parameter="seed"), "seed"),
        (Problem(parameter="body.seed"), "seed"),
        (Problem("no temperature, please", parameter="model"), None),
        (Problem("Unsupported value: 'temperature' does not support 0"), "temperature"),
        (Problem("use max_completion_tokens instead of max_tokens"), "max_tokens"),
        (Problem("max_new_tokens is wrong"), None),
        (Problem("seed and temperature"), "seed"),
    ],
)
def test_which_parameter_is_refused(problem: Problem, expected: str | None) -> None:
    sent = ["temperature", "seed", "max_tokens"]
    assert problem.refused_parameter(400, sent) == expected
    assert problem.refused_parameter(500, sent) is None


@given(JSON, st.sampled_from([400, 403, 413, 422, 429, 500]))
def test_any_body_is_read(body: Any, status: int) -> None:
    problem = Problem.of(body)
    problem.of_one_question(status)
    problem.refused_parameter(status, ["seed"])
    assert problem.error(status).message.startswith(f"the server answered {status}")


def test_a_message_is_one_short_line_without_what_a_terminal_obeys() -> None:
    assert shorten("a\x1b[31m\n\tb\ud83d c") == "a [31m b c"
    assert len(shorten("x" * 999)) == 240
