"""The folder of what is kept between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.data.cache import cache_folder
from vsdkit.errors import ConfigError


def test_cache_folder_is_the_users_or_the_one_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VSDKIT_CACHE", raising=False)
    assert cache_folder().name == "vsdkit"
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}/a:b", "Java cannot use a folder with ':' in its name"),
        ("~no-such-user-here/cache", "not a folder's name"),
        ("{}/\udcff", "not a folder's name"),
        (__file__, "a file, expected a folder"),
    ],
)
def test_a_cache_that_cannot_be_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, message: str
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", name.format(tmp_path))
    with pytest.raises(ConfigError, match=message) as caught:
        cache_folder()
    assert "VSDKIT_CACHE" in caught.value.where
