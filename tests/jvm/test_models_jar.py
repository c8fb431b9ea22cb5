"""Which members of the models jar are taken, and that the small jar's bytes are always the same."""

from __future__ import annotations

import zipfile
from pathlib import Path

from vsdkit.jvm.models_jar import PARSER, copy_models

FOLDER = "edu/stanford/nlp/models/"
READ = (f"{FOLDER}dcoref/demonyms.txt", PARSER)
PASSED_OVER = tuple(
    FOLDER + name
    for name in ("dcoref/", "dcoref/coref.dict1.tsv", "dcoref/gender.data.gz", "ner/english.ser.gz")
)


def _jar(path: Path, names: tuple[str, ...], compression: int, year: int) -> zipfile.ZipFile:
    with zipfile.ZipFile(path, "w") as jar:
        for name in names:
            entry = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            jar.writestr(entry, name.encode() * 9, compression)
    return zipfile.ZipFile(path)


def test_only_what_spice_reads_and_always_the_same_bytes(tmp_path: Path) -> None:
    for number, (names, compression) in enumerate(
        ((READ + PASSED_OVER, zipfile.ZIP_STORED), (PASSED_OVER + READ[::-1], zipfile.ZIP_DEFLATED))
    ):
        with _jar(tmp_path / f"{number}.jar", names, compression, 1990 + number) as jar:
            copy_models(jar, tmp_path / f"small{number}.jar")
    small = [(tmp_path / f"small{number}.jar").read_bytes() for number in (0, 1)]
    assert small[0] == small[1]
    with zipfile.ZipFile(tmp_path / "small0.jar") as jar:
        assert jar.namelist() == sorted(READ)
        assert jar.read(PARSER) == PARSER.encode() * 9
