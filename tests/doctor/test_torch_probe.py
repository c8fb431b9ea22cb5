"""The child process on the real torch."""

from __future__ import annotations

from importlib import metadata

from vsdkit.doctor import checks


def test_what_the_child_tells_of_the_real_torch() -> None:
    seen, trouble = checks._probe_torch()
    assert trouble == ""
    assert seen is not None
    assert seen["torch"].partition("+")[0] == metadata.version("torch").partition("+")[0]
    assert seen["error"] is None
    assert "SDPA attention" in seen["precision"]
