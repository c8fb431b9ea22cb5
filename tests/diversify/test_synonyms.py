"""Synonyms as the METEOR jar of pycocoevalcap has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.diversify.synonyms import load_synonyms
from vsdkit.errors import MissingInputError


def test_the_whole_list_is_read() -> None:
    # 147,306 words: metrics of the jar itself, Meteor-1.5.jar!synonym/english.synsets.
    assert len(load_synonyms().senses) == 147_306


def test_replacements_are_close_and_single_words() -> None:
    synonyms = load_synonyms()
    assert synonyms.replacements("large") == ["big"]
    assert synonyms.replacements("grey") == ["gray"]
    assert synonyms.replacements("little")[0] == "small"
    assert "heavy" not in synonyms.replacements("big")
    assert synonyms.replacements("black") == []
    assert synonyms.replacements("no such word") == []


def test_without_the_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_synonyms.cache_clear()
    monkeypatch.setattr("vsdkit.diversify.synonyms.resources.files", lambda _: tmp_path)
    with pytest.raises(MissingInputError, match="the synonyms cannot be read") as caught:
        load_synonyms()
    assert "pip install" in caught.value.hint
    load_synonyms.cache_clear()
