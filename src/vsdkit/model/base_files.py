"""The files of a base model: which commit they are, and how they come from the hub, once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import WEIGHTS, find_config, resolve_base
from vsdkit.progress import SILENT, Listener, Tracker

if TYPE_CHECKING:
    from huggingface_hub.file_download import DryRunFileInfo
    from tqdm import tqdm

    from vsdkit.model.run_folder import TrainedRun

__all__ = ["base_commit", "commit_under", "fetch_base", "is_hub_commit", "weight_files"]

_HASHED_BYTES: Final = 1 << 20
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")

_SMALL: Final = ("*.json", "*.jinja", "*.model", "*.txt")
"""Configuration, tokenizer and preprocessor; they lie in the repository's first level."""
_BELOW: Final = ("*/*",)
_MB: Final = 10**6


def base_commit(base: str) -> str:
    """Return what tells one base model from another of the same name.

    Args:
        base: ``tiny``, a local folder, or a hub id.

    Returns:
        40 hexadecimal digits, the hub's commit, for a hub id or a snapshot in the hub's cache; 64
        for another folder, the hash of its files. Of each file the first MiB is read: weights of
        26 GB are not worth minutes, and training changes all of them.

    Raises:
        CheckpointError: If there is no such base, or it cannot be reached.
    """
    folder = find_config(base).parent
    if folder.parent.name == "snapshots" and is_hub_commit(folder.name):
        return folder.name
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors"):
            with path.open("rb") as file:
                digest.update(f"{path.name} {path.stat().st_size}\n".encode())
                digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()


def is_hub_commit(commit: str) -> bool:
    """Say whether a base's commit is the hub's, and not a hash of files."""
    return _COMMIT.fullmatch(commit) is not None


def commit_under(run: TrainedRun, named: str | None, *, listener: Listener = SILENT) -> str:
    """Return the commit of the base under an adapter: of a hub's the one that it was trained on.

    Where the files are others than those, the base must have been named to be taken.

    Args:
        run: The adapter's run.
        named: The base that is asked for; None takes the run's own.
        listener: Hears of a base that is not the one the adapter was trained on.

    Raises:
        CheckpointError: If the run's own base has other files now, or is not there.
    """
    base = named or run.base
    trained = run.base_commit
    if trained is not None and base == run.base and is_hub_commit(trained):
        return trained
    found = base_commit(base)
    if trained in (None, found):
        return found
    told = (
        f"the adapter was trained on base {run.base} with files {trained[:12]}, "
        f"base {base} has files {found[:12]}"
    )
    if named is None:
        raise CheckpointError(
            told,
            where=str(run.folder),
            hint=f"put that base back; if the weights are the same, name it: --base {base}",
        )
    listener.message(f"warning: {told}: with other weights it gives other answers")
    return found


def fetch_base(
    base: str, *, commit: str, weights: bool = True, listener: Listener = SILENT
) -> Path:
    """Return the folder with a base's files, after fetching what is not in the hub's cache.

    Several processes may call this at the same time: the hub's client locks each file, and what one
    has fetched the others find.

    Args:
        base: ``tiny``, a local folder, or a hub id.
        commit: From ``base_commit``: of a hub id these files and no newer ones.
        weights: Whether the weights are wanted too; only safetensors are ever fetched.
        listener: Shows a bar of megabytes.

    Raises:
        CheckpointError: If something is missing and cannot be fetched.
    """
    source = resolve_base(base)
    if Path(source).is_dir():
        return Path(source)
    folder = _fetch(source, commit, _SMALL, listener)
    if weights:
        names = weight_files(folder)
        _fetch(source, commit, names, listener)
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise CheckpointError(
                f"base model {source} is not whole in the cache: {len(missing)} of its "
                f"{len(names)} files of weights are missing (first: {missing[0]})",
                where=str(folder),
                hint=f"with a network: hf download {source} --revision {commit}",
            )
    return folder


def weight_files(folder: Path) -> list[str]:
    """Return the names of a checkpoint's files of weights: one, or those that its index names.

    Raises:
        CheckpointError: If the index cannot be read.
    """
    whole, index = WEIGHTS
    place = folder / index
    if not place.is_file():
        return [whole]
    try:
        names = set(json.loads(place.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            "the index of the weights cannot be read", where=str(place), hint="fetch it again"
        ) from error
    return sorted(names)


def _fetch(source: str, commit: str, patterns: Sequence[str], listener: Listener) -> Path:
    """Fetch the files that fit a pattern and return the snapshot's folder."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import DryRunError

    wanted: dict[str, Any] = {
        "revision": commit,
        "allow_patterns": list(patterns),
        "ignore_patterns": list(_BELOW),
    }
    try:
        try:
            files: list[DryRunFileInfo] = snapshot_download(source, dry_run=True, **wanted)
        except DryRunError:
            # Without a network: what the cache has, if as far as it knows that is all.
            return Path(snapshot_download(source, local_files_only=True, **wanted))
        lacking = [file for file in files if file.will_download]
        if lacking:
            total = sum(file.file_size or 0 for file in lacking) // _MB
            with listener.track(f"fetching {source} (MB)", total=total) as tracker:
                bar = _bar_class(tracker)
                # One after another: each is fetched in parts at the same time.
                for file in lacking:
                    hf_hub_download(source, file.filename, revision=commit, tqdm_class=bar)
        return find_config(source, commit=commit).parent
    except CheckpointError:
        raise
    # Which classes they are depends on the HTTP library that the hub's client came with.
    except Exception as error:
        raise CheckpointError(
            f"base model {source} cannot be fetched: {(str(error).splitlines() or [''])[0]}",
            where=f"https://huggingface.co/{source}/tree/{commit}",
            hint="the same command goes on with what is there already; or name a local folder",
        ) from error


def _bar_class(tracker: Tracker) -> type[tqdm[Any]]:
    """Return a class of bars, as the hub's client makes them, that move a tracker by megabytes."""
    from tqdm import tqdm

    done = 0

    def count(size: float) -> None:
        nonlocal done
        before, done = done, done + int(size)
        if done // _MB > before // _MB:
            tracker.advance(done // _MB - before // _MB)

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(
            self, *_: Any, initial: float = 0, total: float | None = None, **__: Any
        ) -> None:
            super().__init__(total=total, disable=True)
            # Of a file that was begun before.
            count(initial)

        def update(self, n: float | None = 1) -> None:
            count(n or 0)

        # With these two the client makes no second bar, of what is received but not yet written.
        def update_transfer(self, n: float | None = 1) -> None: ...

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None: ...

    return Bar
