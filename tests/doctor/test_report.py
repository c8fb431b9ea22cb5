from __future__ import annotations

import pytest

from vsdkit.doctor import Check, DoctorReport
from vsdkit.errors import VsdkitError

GOOD = Check("Python", "ok", "3.13")
NOTE = Check("GPU", "note", "none")
BAD = Check("torch", "failed", "cannot be imported", "pip install torch")


def test_a_failing_line_ends_with_what_mends_it() -> None:
    report = DoctorReport((GOOD, BAD))
    assert report.table() == [
        ("Python", "ok", "3.13"),
        ("torch", "failed", "cannot be imported -> pip install torch"),
    ]
    assert report.to_dict()["ok"] is False
    assert report.to_dict()["checks"][1]["mend"] == "pip install torch"


def test_only_a_failed_check_is_a_problem() -> None:
    DoctorReport((GOOD, NOTE)).require_healthy()
    with pytest.raises(VsdkitError, match="1 of 3 checks failed: torch") as caught:
        DoctorReport((GOOD, BAD, NOTE)).require_healthy()
    assert (caught.value.hint, caught.value.exit_code) == ("pip install torch", 1)
