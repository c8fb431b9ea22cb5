from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.doctor.cache import clear_cache, folder_size
from vsdkit.errors import VsdkitError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path))
    (tmp_path / "spice-1.0" / ".part-x").mkdir(parents=True)
    for name in (
        "parsed_sentences.sqlite",
        "parsed_sentences.sqlite-wal",
        "parsed_sentences.sqlite.damaged-17",
        "java_error_7.log",
        "spice-1.0/.part-x/half.jar",
        "spice-1.0/stanford.jar",
        "somebody's notes.txt",
    ):
        (tmp_path / name).write_bytes(b"12345")
    return tmp_path


def test_what_was_kept_goes_and_the_fetched_files_stay(folder: Path) -> None:
    assert folder_size(folder) == 7 * 5
    assert clear_cache() == 5 * 5
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left == {"stanford.jar", "somebody's notes.txt"}
    assert clear_cache() == 0


def test_no_cache_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "none"))
    assert clear_cache() == 0
    assert folder_size(tmp_path / "none") == 0


def test_file_that_cannot_be_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(VsdkitError, match="cannot be deleted: Permission denied"):
        clear_cache()
