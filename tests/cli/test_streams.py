"""Standard streams that are closed, full or abandoned: the right exit code, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VERSION = "--version"
MISSING = "build-instructions nowhere1.json nowhere2.json"
UNKNOWN = "scor"

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $RUN is this Python."""
    return subprocess.run(
        ["bash", "-c", line],
        env=os.environ | {"RUN": sys.executable, "COLUMNS": "80"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("streams", ["", ">&-", "2>&-", ">&- 2>&-", "<&-", "2>/dev/full"])
@pytest.mark.parametrize(("command", "code"), [(VERSION, 0), (MISSING, 3), (UNKNOWN, 2)])
def test_exit_code_does_not_depend_on_who_listens(
    tmp_path: Path, streams: str, command: str, code: int
) -> None:
    done = shell(f'"$RUN" -m vsdkit {command} {streams}', tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    # An error is no result, whatever is closed.
    assert done.stdout == "" or (command, code) == (VERSION, 0)


@pytest.mark.parametrize("arguments", [VERSION, "--help", "score --help"])
@pytest.mark.parametrize("messages", ["", "2>/dev/full", "2>&-"])
def test_full_disk_under_the_result_is_exit_code_1(
    tmp_path: Path, arguments: str, messages: str
) -> None:
    done = shell(f'"$RUN" -m vsdkit {arguments} >/dev/full {messages}', tmp_path)
    assert done.returncode == 1
    if not messages:
        assert done.stderr == (
            "error: the result cannot be printed: No space left on device\n  where: stdout\n"
        )


LONG = "print('line\\n' * 100_000)"


@pytest.mark.parametrize("code", [0, 3])
def test_reader_that_leaves_early_changes_no_exit_code(tmp_path: Path, code: int) -> None:
    script = f"""
import sys
from vsdkit.cli.streams import guard_streams
guard_streams()
{LONG}
sys.exit({code})
"""
    (tmp_path / "run.py").write_text(script)
    done = shell('"$RUN" run.py | head -1; exit ${PIPESTATUS[0]}', tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, "line\n", "")


# What a library may do while a command works: Python's print, C's by the number, a child's.
NOISE = """
import os, subprocess, sys
print("python"); os.write(1, b"number\\n"); subprocess.run(["echo", "child"], check=True)
"""
DOCUMENT = """
from dataclasses import dataclass
from vsdkit.cli.output import Output
from vsdkit.cli.streams import guard_streams
from vsdkit.reporting import Report
class Answer(Report):
    def to_dict(self): return {"answer": 42}
guard_streams()
out = Output(as_json=True)
out.message("a message")
"""


def test_document_stands_alone_whatever_libraries_print(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(f"{DOCUMENT}\n{NOISE}\nout.show(Answer())\n{NOISE}")
    done = shell('"$RUN" run.py', tmp_path)
    # After the document, too, only Python's own print reaches stdout.
    document, _, rest = done.stdout.partition("}\n")
    assert json.loads(document + "}") == {"answer": 42}
    assert rest == "python\n"
    assert sorted(done.stderr.split()) == sorted(
        ["a", "message", "python", "number", "child", "number", "child"]
    )


def test_closed_stream_is_no_file_of_the_program(tmp_path: Path) -> None:
    script = f"""
from vsdkit.cli.streams import guard_streams
guard_streams()
file = open("kept", "w")
{NOISE}
file.write("kept")
"""
    (tmp_path / "run.py").write_text(script)
    done = shell('"$RUN" run.py <&- >&- 2>&-', tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "kept").read_text() == "kept"


def test_pipe_that_does_not_wait_gets_everything(tmp_path: Path) -> None:
    script = f"""
import os
from vsdkit.cli.streams import guard_streams
os.set_blocking(1, False)
guard_streams()
{LONG}
"""
    (tmp_path / "run.py").write_text(script)
    done = shell('"$RUN" run.py | (sleep 0.5; wc -c)', tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("500001", "")


def test_order_of_results_and_messages_in_one_file(tmp_path: Path) -> None:
    script = """
import sys
from vsdkit.cli.streams import guard_streams
guard_streams()
print("first", flush=True); print("second", file=sys.stderr); print("\\ud800", flush=True)
"""
    (tmp_path / "run.py").write_text(script)
    shell('"$RUN" run.py >both 2>&1', tmp_path)
    assert (tmp_path / "both").read_text() == "first\nsecond\n\\ud800\n"
