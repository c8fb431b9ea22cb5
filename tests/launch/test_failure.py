"""What a started process failed of, as the command that started it gets it."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vsdkit.errors import DataError, VsdkitError
from vsdkit.launch.failure import Failure, read_failures


def _of(error: Exception, folder: Path) -> Failure:
    return Failure.of(error, rank=1, folder=folder, elsewhere="train elsewhere: --runs FOLDER")


def test_failure_is_read_as_it_was_written(tmp_path: Path) -> None:
    later = _of(DataError("no label", where="row 7", hint="repair it"), tmp_path)
    first = Failure(0, later.time - 1, "RuntimeError", "out of luck")
    for failure in (later, first):
        failure.write(tmp_path)
    assert read_failures(tmp_path) == [first, later]
    assert first.error() is None
    error = later.error()
    assert isinstance(error, DataError)
    assert (error.message, error.where, error.hint) == ("no label", "row 7", "repair it")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "larger than this system's limit"),
    ],
)
def test_no_room_is_one_error_whoever_met_it(tmp_path: Path, number: int, message: str) -> None:
    plain = OSError(number, os.strerror(number), str(tmp_path / "checkpoint-4" / "x.pt"))
    in_rust = RuntimeError(f"Error while serializing: I/O error: no (os error {number})")
    behind = VsdkitError("cannot write")
    behind.__cause__ = plain
    for error in (plain, in_rust, behind):
        found = _of(error, tmp_path).error()
        assert found is not None
        assert message in found.message
        assert found.where.startswith(str(tmp_path))
        assert found.hint == "make room there (df -h), or train elsewhere: --runs FOLDER"
    assert _of(OSError(errno.EACCES, "Permission denied"), tmp_path).error() is None


def test_torch_save_without_room_is_told_with_the_room_that_there_is(tmp_path: Path) -> None:
    """With torch's own error, so that other words of a later version are seen here."""
    code = f"""
import pathlib, torch
from vsdkit.launch.failure import Failure
folder = pathlib.Path({str(tmp_path)!r})
try:
    torch.save(torch.ones(1 << 20), folder / "weights.pt")
except Exception as error:
    Failure.of(error, rank=0, folder=folder, elsewhere="train elsewhere").write(folder)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, preexec_fn=limit, env=environment)
    (failure,) = read_failures(tmp_path)
    error = failure.error()
    assert error is not None
    assert "a checkpoint could not be written" in error.message
    assert "MiB are free" in error.message


class _Broken(torch.utils.data.Dataset[int]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        try:
            raise DataError("not a picture\nthat can be opened", where="a.png", hint="no")
        except DataError as error:
            raise error.at("rows.jsonl: id 'row-3', task 2", hint="put it back") from error


def test_error_of_the_loaders_process_comes_out_as_it_was(tmp_path: Path) -> None:
    loader = torch.utils.data.DataLoader(_Broken(), num_workers=1)
    with pytest.raises(DataError) as raised:
        next(iter(loader))
    assert "Traceback" in raised.value.message, "else this module may go"
    error = _of(raised.value, tmp_path).error()
    assert isinstance(error, DataError)
    assert error.message == "not a picture\nthat can be opened"
    assert error.where == "rows.jsonl: id 'row-3', task 2, a.png"
    assert error.hint == "put it back"
