"""What a started process failed of, left as a file for the command that started it."""

from __future__ import annotations

import errno
import re
import shutil
import socket
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import orjson

from vsdkit import errors
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import VsdkitError

__all__ = ["FAILURE", "Failure", "read_failures"]

FAILURE: Final = "failure.rank{rank}.json"
"""The error of a started process, for the parent to raise."""

_NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up",
            errno.EFBIG: "a file became larger than this system's limit (ulimit -f)"}  # fmt: skip
_OS_ERROR = re.compile(r"os error (\d+)")
"""How safetensors tells the system's number."""
_TORCH_WRITER = re.compile("inline_container|PytorchStreamWriter")
"""In what torch.save raises where a write failed; it does not tell why."""
_FROM_LOADER = re.compile(
    # The last: before it stand the errors that it came from.
    r".*\nvsdkit\.errors\.\w+: (?P<message>.*?)"
    r"(?:\n  where: (?P<where>.*?))?(?:\n  do:    (?P<hint>.*?))?\s*$",
    re.DOTALL,
)
"""An error of ours at the end of a traceback that a process of the data loader sent as text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of one started process, as JSON."""

    rank: int
    """Which process."""
    time: float
    """When, in seconds; several machines may differ in it."""
    type: str
    """Name of the error's class."""
    message: str
    where: str = ""
    hint: str = ""
    traceback: str = ""
    host: str = ""
    """The machine that it ran on."""

    @classmethod
    def of(cls, error: Exception, *, rank: int, folder: Path, elsewhere: str) -> Failure:
        """Return what is to be told of an error.

        Args:
            error: What was raised.
            rank: Which process this is.
            folder: Where it was writing, which a full disk is named by.
            elsewhere: What can be done about a full disk in place of making room, for the hint.
        """
        told = _said_by_loader(error) or _no_room(error, folder, elsewhere) or error
        ours = isinstance(told, VsdkitError)
        return cls(
            rank=rank,
            time=time.time(),
            type=type(told).__name__,
            message=told.message if isinstance(told, VsdkitError) else str(told),
            where=told.where if isinstance(told, VsdkitError) else "",
            hint=told.hint if isinstance(told, VsdkitError) else "",
            traceback=""
            if ours and told is not error
            else "".join(traceback.format_exception(error)),
            host=socket.gethostname(),
        )

    def error(self) -> VsdkitError | None:
        """Return it as the error of ours that it was; None for any other."""
        kind = getattr(errors, self.type, None)
        if isinstance(kind, type) and issubclass(kind, VsdkitError):
            return kind(self.message, where=self.where, hint=self.hint)
        return None

    def write(self, folder: Path) -> None:
        """Write it into the folder in which the parent looks for it."""
        with open_atomic(folder / FAILURE.format(rank=self.rank)) as file:
            file.write(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2).decode())


def read_failures(folder: Path) -> list[Failure]:
    """Return what the processes left in a folder, the first failure first."""
    names = {field.name for field in fields(Failure)}
    found = []
    for path in folder.glob(FAILURE.format(rank="*")):
        content = orjson.loads(path.read_bytes())
        found.append(Failure(**{name: content[name] for name in names & content.keys()}))
    return sorted(found, key=lambda failure: failure.time)


def _said_by_loader(error: Exception) -> VsdkitError | None:
    """Return an error of ours as it was raised in a process of torch's data loader.

    Of these torch passes on class and traceback, as one text.
    """
    if not isinstance(error, VsdkitError) or "DataLoader worker process" not in error.message:
        return None
    found = _FROM_LOADER.search(error.message)
    if found is None:
        return None
    return type(error)(found["message"], where=found["where"] or "", hint=found["hint"] or "")


def _no_room(error: Exception, folder: Path, elsewhere: str) -> VsdkitError | None:
    """Return the one error of a write that failed for want of room; None for any other."""
    hint = f"make room there (df -h), or {elsewhere}"
    for link in _chain(error):
        told = _OS_ERROR.search(str(link))
        number = link.errno if isinstance(link, OSError) else int(told[1]) if told else None
        if number in _NO_ROOM:
            named = getattr(link, "filename", None) or folder
            return VsdkitError(_NO_ROOM[number], where=str(named), hint=hint)
        if _TORCH_WRITER.search(str(link)):
            free = shutil.disk_usage(folder).free / 2**20
            return VsdkitError(
                f"a checkpoint could not be written, {free:,.0f} MiB are free on its disk",
                where=str(folder),
                hint=hint,
            )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
