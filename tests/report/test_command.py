"""The command on a page is the one that writes it."""

from __future__ import annotations

import shlex
from pathlib import Path

from vsdkit.report.command import describe_writing
from vsdkit.settings.report import ReportSettings


def test_what_is_not_the_default_is_in_the_command() -> None:
    settings = ReportSettings(
        inputs=(Path("runs/my run"), Path("-x")), images=(Path("a"), Path("b")), seed=3
    )
    words = shlex.split(describe_writing(settings)["command"])
    assert words[:2] == ["vsdkit", "report"]
    assert {"runs/my run", "./-x"} <= set(words)
    assert words[words.index("--seed") + 1] == "3"
    assert [words[at + 1] for at, word in enumerate(words) if word == "--images"] == ["a", "b"]
    assert "--output" not in words


def test_a_name_that_is_no_utf8_can_stand_in_a_page() -> None:
    told = describe_writing(ReportSettings(inputs=(Path("a\udcff.jsonl"),)))
    told["command"].encode()
