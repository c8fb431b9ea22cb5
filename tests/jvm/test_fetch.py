from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from vsdkit.errors import MetricError
from vsdkit.jvm import fetch, files

CONTENT = b"a jar"
SMALL = files.FetchedFile("small.jar", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Messages:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def track(self, description: str, *, total: int | None) -> None:
        raise AssertionError


@pytest.fixture
def one_small_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], list[int]]:
    """Let one small file be all that is fetched, with the bytes that a test chooses."""
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(files, "FETCHED", (SMALL,))
    calls: list[int] = []

    def prepare(content: bytes) -> list[int]:
        def write(part: Path) -> Path:
            calls.append(1)
            target = part / "small.jar"
            target.write_bytes(content)
            return target

        monkeypatch.setattr(fetch, "_FETCH", {SMALL: write})
        return calls

    return prepare


def test_fetched_once_and_nothing_else_is_left(one_small_file, tmp_path: Path) -> None:
    calls = one_small_file(CONTENT)
    messages = Messages()
    fetch.fetch_spice_files(listener=messages)
    fetch.fetch_spice_files(listener=messages)
    assert len(calls) == 1
    assert messages.lines == ["fetching small.jar for SPICE, 0 MB, once"]
    assert sorted(os.listdir(tmp_path / "spice-1.0")) == [".lock", "small.jar"]


def test_damaged_file_is_fetched_again(one_small_file, tmp_path: Path) -> None:
    one_small_file(CONTENT)
    (tmp_path / "spice-1.0").mkdir()
    (tmp_path / "spice-1.0" / "small.jar").write_bytes(b"a jAr")
    fetch.fetch_spice_files()
    assert (tmp_path / "spice-1.0" / "small.jar").read_bytes() == CONTENT


def test_remains_of_a_killed_fetch_go(one_small_file, tmp_path: Path) -> None:
    one_small_file(CONTENT)
    (tmp_path / "spice-1.0" / ".part-abc" / "repository").mkdir(parents=True)
    fetch.fetch_spice_files()
    assert sorted(os.listdir(tmp_path / "spice-1.0")) == [".lock", "small.jar"]


def test_other_bytes_than_published_never_get_the_name(one_small_file, tmp_path: Path) -> None:
    one_small_file(b"b jar")
    with pytest.raises(MetricError, match="not what was published") as caught:
        fetch.fetch_spice_files()
    assert "copy that folder" in caught.value.hint
    assert not (tmp_path / "spice-1.0" / "small.jar").exists()


def test_second_fetcher_waits_and_fetches_nothing(one_small_file, tmp_path: Path) -> None:
    calls = one_small_file(CONTENT)
    folder = tmp_path / "spice-1.0"
    folder.mkdir()
    messages = Messages()
    first = FileLock(folder / ".lock", thread_local=False)
    first.acquire()
    second = threading.Thread(target=fetch.fetch_spice_files, kwargs={"listener": messages})
    second.start()
    while not messages.lines:
        time.sleep(0.01)
    (folder / "small.jar").write_bytes(CONTENT)
    first.release()
    second.join(30)
    assert messages.lines == ["another vsdkit is fetching SPICE's files: waiting for it"]
    assert not calls


def test_lock_that_is_never_released(
    one_small_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_small_file(CONTENT)
    monkeypatch.setattr(fetch, "_LOCK_TIMEOUT_S", 0.05)
    (tmp_path / "spice-1.0").mkdir()
    with (
        FileLock(tmp_path / "spice-1.0" / ".lock"),
        pytest.raises(MetricError, match="another process holds"),
    ):
        fetch.fetch_spice_files()


def test_no_network_names_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path))
    # Nobody listens on the discard port: the connection is refused at once.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(MetricError, match=r"cannot be fetched: .*refused") as caught:
        fetch.fetch_spice_files()
    assert caught.value.where == str(tmp_path / "spice-1.0")
    assert files.CORENLP.name in caught.value.hint


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(MetricError, match=r"cannot be fetched: Not a directory"):
        fetch.fetch_spice_files()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_file_system_without_locks_is_gone_on_with(
    one_small_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    one_small_file(CONTENT)

    def acquire(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", acquire)
    fetch.fetch_spice_files()
    assert (tmp_path / "spice-1.0" / "small.jar").read_bytes() == CONTENT


def test_lock_that_may_not_be_made_is_told(one_small_file, monkeypatch: pytest.MonkeyPatch) -> None:
    one_small_file(CONTENT)

    def acquire(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with pytest.raises(MetricError, match="Permission denied"):
        fetch.fetch_spice_files()
