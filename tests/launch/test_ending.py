"""What is told of a launcher that ended; tests of ``finetune`` and ``infer`` show the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vsdkit.launch import ending


def test_room_is_looked_for_by_writing(tmp_path: Path) -> None:
    code = f"""
import pathlib
from vsdkit.launch.ending import _has_room
print(_has_room(pathlib.Path({str(tmp_path)!r})))
"""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))

    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, preexec_fn=limit, text=True
    )
    assert found.stdout == "False\n"
    assert ending._has_room(tmp_path)
    assert not list(tmp_path.iterdir())
