"""pycocoevalcap's own SPICE on a Java of today, for comparison.

Its jar ends in an error on Java 15 and later, after all parsing: it wants the JavaScript engine
that Java no longer has. ``prepare_peer`` compiles a stand-in for that engine and fetches the whole
CoreNLP 3.6.0 that the jar loads (385 MB). The jar itself and pycocoevalcap's ``Spice`` stay as they
are, but for the command: ``-cp`` with those files instead of ``-jar``, and no ``-cache``, which
fails on Java 17 and later.

    python benchmarks/peer.py CASES OUT CLASS_PATH JAVA     (what the benchmarks start as a child)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "peer_spice" / "PlainScriptEngineFactory.java"
JARS = {
    None: "d341d5863276f55782c5ef73212222d6b3b48e02ae1951ab6de7618d28b12742",
    "models": "d285157bd7887ee3018094b5dbae092e49088b023361ccdb550ee1daf9b2c9bd",
}


@dataclass(frozen=True)
class Peer:
    """What the peer runs with."""

    java: str
    class_path: str

    def command(self, cases: Path, out: Path) -> list[str]:
        """Return the command that scores the cases and writes what ``Spice`` returns."""
        return [sys.executable, __file__, str(cases), str(out), self.class_path, self.java]

    def version(self) -> str:
        """Return the version of the Java."""
        done = subprocess.run([self.java, "-version"], capture_output=True, text=True, check=True)
        return done.stderr.splitlines()[0].split('"')[1]


def prepare_peer(folder: Path, *, models: Path, java: str | None, javac: str | None) -> Peer:
    """Return the peer, ready to run, or end with what is missing.

    Args:
        folder: Where the stand-in is built.
        models: Where CoreNLP is fetched to, or lies already.
        java: The Java to run it with; the one on PATH by default.
        javac: The compiler; the one on PATH by default.
    """
    java, javac = java or shutil.which("java"), javac or shutil.which("javac")
    if not java or not javac:
        sys.exit("the comparison needs a JDK, java and javac, on PATH or by --java and --javac")
    stand_in = _build_stand_in(folder, javac)
    return Peer(java, os.pathsep.join(map(str, (stand_in, *_fetch_corenlp(models)))))


def _build_stand_in(folder: Path, javac: str) -> Path:
    classes = folder / "classes"
    classes.mkdir(parents=True)
    options = ["--release", "8", "-nowarn", "-Xlint:-options"]
    subprocess.run([javac, *options, "-d", str(classes), str(SOURCE)], check=True)
    jar = folder / "stand_in.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/services/javax.script.ScriptEngineFactory", SOURCE.stem + "\n")
        for path in classes.rglob("*.class"):
            archive.write(path, path.relative_to(classes))
    return jar


def _fetch_corenlp(folder: Path) -> list[Path]:
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=folder, timeout=60)
    component = context.project("edu.stanford.nlp", "stanford-corenlp").at_version("3.6.0")
    paths = []
    for classifier, sha256 in JARS.items():
        print(f"CoreNLP 3.6.0 {classifier or 'code'}: fetching what is not in {folder}", flush=True)
        options = {"classifier": classifier} if classifier else {}
        path = Path(component.artifact(**options).resolve())
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            sys.exit(f"{path} is not what was published (SHA-256 {found})")
        paths.append(path)
    return paths


def run_spice(cases: Path, out: Path, class_path: str, java: str) -> None:
    """Score the cases in this process's child with pycocoevalcap's ``Spice``.

    Args:
        cases: JSON: [sentence, [reference, ...]] each, tokenised.
        out: Where the mean and every item's scores go.
        class_path: Stand-in and CoreNLP.
        java: The Java to run.
    """
    from pycocoevalcap.spice import spice

    jar = Path(spice.__file__).parent / spice.SPICE_JAR
    work = out.parent / "pycocoevalcap"
    work.mkdir(exist_ok=True)
    # It writes its files beside its own source.
    spice.__file__ = str(work / "spice.py")
    spice.get_stanford_models = lambda: None
    path = os.pathsep.join((class_path, str(jar)))
    spice.subprocess = _Adapted(path, java, subprocess.check_call)
    pairs = json.loads(cases.read_text(encoding="utf-8"))
    mean, scores = spice.Spice().compute_score(
        {number: references for number, (_, references) in enumerate(pairs)},
        {number: [sentence] for number, (sentence, _) in enumerate(pairs)},
    )
    out.write_text(json.dumps({"mean": float(mean), "items": scores}), encoding="utf-8")


class _Adapted:
    """Stands for the module ``subprocess`` in pycocoevalcap."""

    def __init__(self, class_path: str, java: str, call: Callable[..., int]) -> None:
        self._start = [java, "-Xmx8G", "-cp", class_path, "edu.anu.spice.SpiceScorer"]
        self._call = call

    def check_call(self, command: list[str], **options: Any) -> int:
        """Run pycocoevalcap's command from the class path and without -cache."""
        jar, rest = command.index("spice-1.0.jar"), list(command)
        assert rest[:jar] == ["java", "-jar", "-Xmx8G"], rest
        cache = rest.index("-cache")
        arguments = rest[jar + 1 : cache] + rest[cache + 2 :]
        return self._call([*self._start, *arguments], **options)


if __name__ == "__main__":
    run_spice(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
