"""SPICE's files from what somebody carried over: the bytes that would have been fetched."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from vsdkit.errors import DataError, MissingInputError, VsdkitError
from vsdkit.jvm.files import CORENLP, FETCHED, MODELS, missing_files
from vsdkit.jvm.install import install_spice_files
from vsdkit.jvm.models_jar import PARSER

BIG = "stanford-corenlp-3.6.0-models.jar"
EXTRAS = (
    "edu/stanford/nlp/models/ner/english.all.3class.distsim.crf.ser.gz",
    "edu/stanford/nlp/models/dcoref/coref.dict1.tsv",
    "META-INF/MANIFEST.MF",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("VSDKIT_CACHE", str(folder))
    return folder / "spice-1.0"


@pytest.fixture
def models(spice_files: Path, tmp_path: Path) -> Path:
    """CoreNLP's models jar, as far as SPICE is concerned: the real members among others."""
    (tmp_path / "carried").mkdir()
    path = tmp_path / "carried" / BIG
    with zipfile.ZipFile(spice_files / MODELS.name) as small, zipfile.ZipFile(path, "w") as big:
        for name in EXTRAS:
            big.writestr(name, "x" * 100)
        for name in reversed(small.namelist()):
            big.writestr(name, small.read(name), zipfile.ZIP_DEFLATED, compresslevel=1)
    return path


@pytest.fixture
def corenlp_zip(models: Path, spice_files: Path) -> Path:
    path = models.with_name("stanford-corenlp-full-2015-12-09.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        folder = path.stem
        archive.writestr(f"{folder}/README.txt", "CoreNLP")
        archive.write(spice_files / CORENLP.name, f"{folder}/{CORENLP.name}")
        archive.write(models, f"{folder}/{BIG}")
    return path


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_from_the_zip(corenlp_zip: Path, cache: Path, spice_files: Path) -> None:
    install_spice_files(corenlp_zip)
    assert missing_files() == []
    assert _names(cache) == sorted(file.name for file in FETCHED)
    for file in FETCHED:
        assert (cache / file.name).read_bytes() == (spice_files / file.name).read_bytes()


def test_from_the_models_jar_with_the_code_jar_beside(
    models: Path, cache: Path, spice_files: Path
) -> None:
    with pytest.raises(MissingInputError, match=rf"still missing: {CORENLP.name}") as caught:
        install_spice_files(models)
    assert "beside it" in caught.value.hint
    assert _names(cache) == [MODELS.name]
    shutil.copy(spice_files / CORENLP.name, models.with_name(CORENLP.name))
    install_spice_files(models)
    assert missing_files() == []


@pytest.mark.parametrize("named", ["", CORENLP.name, MODELS.name])
def test_from_the_folder_of_another_machine(spice_files: Path, cache: Path, named: str) -> None:
    install_spice_files(spice_files / named)
    assert missing_files() == []


def test_from_a_folder_with_the_two_published_jars(models: Path, spice_files: Path) -> None:
    shutil.copy(spice_files / CORENLP.name, models.with_name(CORENLP.name))
    install_spice_files(models.parent)
    assert missing_files() == []


def test_a_folder_without_the_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="the folder holds none of the files"):
        install_spice_files(tmp_path)


def test_a_single_file_of_another_machine_under_any_name(
    spice_files: Path, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(MissingInputError, match=rf"still missing: {CORENLP.name}"):
        install_spice_files(Path(shutil.copy(spice_files / MODELS.name, tmp_path / "renamed.bin")))
    install_spice_files(Path(shutil.copy(spice_files / CORENLP.name, tmp_path / "code.bin")))
    assert missing_files() == []


def test_what_is_not_corenlp_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        install_spice_files(tmp_path / "none.zip")
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match="neither a zip nor a jar"):
        install_spice_files(tmp_path / "a.txt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("stanford-corenlp-4.5.0/stanford-corenlp-4.5.0.jar", "x")
    with pytest.raises(DataError, match=rf"it holds no {CORENLP.name}"):
        install_spice_files(tmp_path / "other.zip")
    with zipfile.ZipFile(tmp_path / "models.jar", "w") as archive:
        archive.writestr(PARSER, "another grammar")
    with pytest.raises(DataError, match=r"this is not CoreNLP 3\.6\.0: .*spice-models.jar"):
        install_spice_files(tmp_path / "models.jar")
    assert _names(cache) == []


def test_damaged_zip(models: Path, cache: Path) -> None:
    content = bytearray(models.read_bytes())
    with zipfile.ZipFile(models) as archive:
        at = archive.getinfo(PARSER).header_offset
    content[at + 5_000] ^= 0xFF
    models.write_bytes(content)
    with pytest.raises((DataError, VsdkitError), match=r"damaged"):
        install_spice_files(models)
    assert _names(cache) == []


def test_folder_that_cannot_be_written(
    spice_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(VsdkitError, match="cannot be installed: Not a directory"):
        install_spice_files(spice_files / CORENLP.name)
