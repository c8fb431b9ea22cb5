from __future__ import annotations

from vsdkit.doctor import Check, DoctorReport

GOOD = Check("Python", "ok", "3.13")
NOTE = Check("GPU", "note", "none")
BAD = Check("torch", "failed", "cannot be imported", "pip install torch")


def test_a_failing_line_ends_with_what_repairs_it() -> None:
    report = DoctorReport((GOOD, BAD))
    assert report.tables()[0].rows == [
        ("Python", "ok", "3.13"),
        ("torch", "failed", "cannot be imported -> pip install torch"),
    ]
    assert report.to_dict()["ok"] is False
    assert report.to_dict()["checks"][1]["mend"] == "pip install torch"


def test_only_a_failed_check_is_a_problem() -> None:
    assert not DoctorReport((GOOD, NOTE)).failures
    (failure,) = DoctorReport((GOOD, BAD, NOTE)).failures
    assert failure.message == "1 of 3 checks failed: torch"
    assert (failure.hint, failure.exit_code) == ("pip install torch", 1)
