"""Kept replies: asked for once, and again only of another engine, sentence or attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from vsdkit.diversify.engines import ENGINES
from vsdkit.diversify.guards import Ask
from vsdkit.diversify.replies import KeptReplies
from vsdkit.diversify.rules import RuleEngine
from vsdkit.progress import SILENT


@dataclass(frozen=True)
class CountingRules(RuleEngine):
    asked: list[str] = field(default_factory=list)

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        self.asked.extend(f"{ask.id}{attempt}" for ask in asks)
        return super().rewrite(asks, attempt)


def asked_anew(output: Path, seed: int, asks: Sequence[Ask], attempt: int = 0) -> list[str]:
    engine = CountingRules(seed)
    KeptReplies(output, engine).complete(asks, attempt, SILENT)
    return engine.asked


def test_a_reply_is_asked_for_once(asks: list[Ask], tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    assert asked_anew(output, 0, asks[:1]) == ["a0"]
    assert asked_anew(output, 0, asks) == ["b0"]
    assert asked_anew(output, 0, asks) == []
    KeptReplies(output, ENGINES["rules"]()).forget()
    assert asked_anew(output, 0, asks) == ["a0", "b0"]


@pytest.mark.parametrize(
    "change", [{"sentence": "a lamp behind the crate"}, {"subject": "bulb"}, {"others": ("x",)}]
)
def test_another_question_is_another_reply(
    asks: list[Ask], tmp_path: Path, change: dict[str, object]
) -> None:
    output = tmp_path / "out.jsonl"
    asked_anew(output, 0, asks)
    assert asked_anew(output, 0, [replace(asks[0], **change)]) == ["a0"]


def test_another_attempt_or_engine_is_another_reply(asks: list[Ask], tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    asked_anew(output, 0, asks)
    assert asked_anew(output, 0, asks, attempt=1) == ["a1", "b1"]
    assert asked_anew(output, 1, asks) == ["a0", "b0"]
