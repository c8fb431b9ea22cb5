"""run.json: what a run was, whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vsdkit import __version__
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.manifest import (
    Manifest,
    hash_file,
    manifest_path,
    read_manifest,
    read_output_facts,
    refuse_input,
    refuse_other,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = tmp_path / "in.txt"
    made.write_text("content", encoding="utf-8")
    path = tmp_path / "runs" / "run.json"
    manifest = Manifest(
        "score",
        settings={"seed": 3, "path": Path("a")},
        origins={"seed": "flag"},
        packages=("orjson", "no-such-distribution"),
    )
    manifest.write(path, inputs=[made], outputs=[made], rows=5, text="é")
    run = read_manifest(path)
    digest = hashlib.sha256(b"content").hexdigest()
    assert run["command"] == "score"
    assert run["settings"] == {"seed": 3, "path": "a"}
    assert run["origins"] == {"seed": "flag"}
    assert run["inputs"] == run["outputs"] == {str(made): digest}
    assert (run["rows"], run["text"]) == (5, "é")
    assert run["versions"]["vsdkit"] == __version__
    assert run["versions"]["python"] == platform.python_version()
    assert run["versions"]["no-such-distribution"] == "not installed"
    assert run["versions"]["orjson"][0].isdigit()
    assert run["seconds"] >= 0
    started = datetime.fromisoformat(run["started"])
    assert abs((datetime.now(UTC) - started).total_seconds()) < 60


def test_the_hash_of_a_file_longer_than_a_chunk(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000
    (tmp_path / "big").write_bytes(content)
    assert hash_file(tmp_path / "big") == hashlib.sha256(content).hexdigest()


def test_an_input_that_is_gone_leaves_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        Manifest("score", settings={}).write(path, inputs=[tmp_path / "gone"])
    assert path.read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"made_with": {"seed": 1', "not JSON"),
        (b'{"seed": NaN}', "not JSON"),
        (b"{}{}", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not JSON"),
        (b"\x00" * 512, "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"made_with"', "not a JSON object"),
        (b"1", "not a JSON object"),
    ],
)
def test_a_damaged_manifest_is_named_and_never_passed_over(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = manifest_path(tmp_path / "preds.jsonl")
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_manifest(path)
    assert caught.value.where == str(path)
    assert "remove it" in caught.value.hint
    with pytest.raises(DataError, match=message):
        read_output_facts(tmp_path / "preds.jsonl")


def test_a_manifest_that_is_a_folder_or_that_nobody_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(MissingInputError, match="cannot be read: Is a directory"):
        read_manifest(tmp_path / "run.json")

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(MissingInputError, match="cannot be read: Permission denied"):
        read_manifest(tmp_path / "run.json")


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="cannot be read: No such file"):
        read_manifest(tmp_path / "run.json")


def test_a_manifest_stands_beside_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert manifest_path(Path(".")) == tmp_path.with_name(f"{tmp_path.name}.run.json")
    assert manifest_path(Path("a/preds.jsonl")) == Path("a/preds.jsonl.run.json")


def test_the_same_making_may_go_on_whatever_else_was_noted() -> None:
    refuse_other(Path("x"), {"seed": 1, "base": "b", "older": 5}, {"seed": 1, "base": "b"})


def test_another_making_is_refused_with_what_differs() -> None:
    with pytest.raises(
        ConfigError, match="seed was '1', is '2'; base was 'None', is 'b'"
    ) as caught:
        refuse_other(Path("x"), {"seed": 1, "same": 0}, {"seed": 2, "same": 0, "base": "b"})
    assert caught.value.where == "x"
    assert "--overwrite" in caught.value.hint


@pytest.mark.parametrize("before", [None, [], "text"])
def test_an_unknown_making_is_refused(before: object) -> None:
    with pytest.raises(ConfigError, match="how it was made is not known"):
        refuse_other(Path("x"), before, {"seed": 1})


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gold.jsonl")
    gold = tmp_path / "gold.jsonl"
    refuse_input(tmp_path / "preds.jsonl", {"items": gold})
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refuse_input(tmp_path / "loop", {"items": gold})
    with pytest.raises(ConfigError, match="--output and items are the same file"):
        refuse_input(tmp_path / "link", {"items": gold})


def test_an_output_without_a_manifest_has_no_facts(tmp_path: Path) -> None:
    output = tmp_path / "preds.jsonl"
    assert read_output_facts(output) == {}
    Manifest("infer", settings={}).write(manifest_path(output), rows=3)
    assert read_output_facts(output)["rows"] == 3


def test_no_password_of_an_address_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://me:secret@localhost:8000/v1"
    monkeypatch.setattr("sys.argv", ["vsdkit", "infer", f"--base-url={address}"])
    place = tmp_path / "run.json"
    Manifest("infer", settings={"base_url": address, "items": "a"}).write(place)
    content = json.loads(place.read_text())
    assert content["argv"] == ["infer", "--base-url=http://***@localhost:8000/v1"]
    assert content["settings"] == {"base_url": "http://***@localhost:8000/v1", "items": "a"}
