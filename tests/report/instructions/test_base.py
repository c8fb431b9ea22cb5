"""Which base counts, without asking any server."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import MissingInputError
from vsdkit.model.bases import DEFAULT_BASE, tiny_base_path
from vsdkit.report.instructions.base import find_here


def test_what_is_here_is_taken_as_it_is_named() -> None:
    folder = str(tiny_base_path())
    assert [find_here(one) for one in (DEFAULT_BASE, "tiny", folder)] == [
        DEFAULT_BASE,
        "tiny",
        folder,
    ]


def test_a_base_of_the_hub_is_its_folder_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda base, name: str(tmp_path / base / name)
    )
    assert find_here("owner/base") == str(tmp_path / "owner" / "base")


@pytest.mark.parametrize("base", ["owner/base", "misspelt"])
def test_a_base_that_is_not_here_is_refused_and_not_fetched(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(MissingInputError, match="not on this machine") as caught:
        find_here(base)
    assert f"hf download {base}" in caught.value.hint
