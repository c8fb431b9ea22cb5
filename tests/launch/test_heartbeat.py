"""A run's heartbeat as others see it: going, stopped, left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vsdkit.launch import heartbeat
from vsdkit.launch.heartbeat import (
    HEARTBEAT,
    PATIENCE_S,
    Pulse,
    beating,
    end_left_behind,
    is_beating,
)


class Clock:
    """Stands for ``time`` in the one module; elsewhere, as in a process's join, it goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(heartbeat, "time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _look_on(pulse: Pulse, clock: Clock, *, seconds: float) -> None:
    for _ in range(int(seconds / 2)):
        clock.now += 2
        pulse.look()


def _beat(folder: Path, *, mtime: int, start: str = "a") -> None:
    (folder / ".heartbeat").write_text(start)
    # Of another machine's clock, hours off: it is never compared with this one's.
    os.utime(folder / ".heartbeat", (mtime, mtime))


def test_heartbeat_that_goes_on_is_never_stopped(tmp_path: Path, clock: Clock) -> None:
    pulse = Pulse(tmp_path, "a")
    for beat in range(100):
        _beat(tmp_path, mtime=1_000 + beat)
        _look_on(pulse, clock, seconds=10)
        assert not pulse.stopped
    assert pulse.beats == 100


def test_heartbeat_without_a_beat_is_stopped_after_a_while(tmp_path: Path, clock: Clock) -> None:
    pulse = Pulse(tmp_path, "a")
    _beat(tmp_path, mtime=1_000)
    _look_on(pulse, clock, seconds=PATIENCE_S - 2)
    assert not pulse.stopped
    _look_on(pulse, clock, seconds=8)
    assert pulse.stopped
    assert not pulse.removed


def test_removed_heartbeat_is_seen_at_once(tmp_path: Path, clock: Clock) -> None:
    pulse = Pulse(tmp_path, "a")
    _beat(tmp_path, mtime=1_000)
    pulse.look()
    (tmp_path / ".heartbeat").unlink()
    pulse.look()
    assert pulse.stopped


def test_heartbeat_that_is_not_there_yet_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    pulse = Pulse(tmp_path, "a")
    _look_on(pulse, clock, seconds=PATIENCE_S - 2)
    assert not pulse.stopped
    _beat(tmp_path, mtime=1_000)
    _look_on(pulse, clock, seconds=2)
    assert pulse.silent_s == 0
    (tmp_path / ".heartbeat").unlink()
    _look_on(pulse, clock, seconds=2)
    assert pulse.stopped


def test_another_start_of_the_run_does_not_count(tmp_path: Path, clock: Clock) -> None:
    pulse = Pulse(tmp_path, "a")
    _beat(tmp_path, mtime=1_000)
    pulse.look()
    _beat(tmp_path, mtime=1_002, start="b")
    pulse.look()
    assert pulse.stopped, "somebody has begun the run anew: these processes are nobody's"


def test_a_disk_that_hangs_or_is_away_ends_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = Pulse(tmp_path, "a")
    _beat(tmp_path, mtime=1_000)
    pulse.look()
    clock.now += 3_600
    pulse.look()
    assert not pulse.stopped, "one look that took an hour"

    def away(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Pulse, "_read", away)
        _look_on(pulse, clock, seconds=600)
    assert not pulse.stopped


def test_command_beats_and_removes_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_BEAT_S", 0.02)
    file = tmp_path / ".heartbeat"
    with beating(tmp_path) as start:
        assert file.read_text() == start
        os.utime(file, (1_000, 1_000))
        pulse = Pulse(tmp_path, start)
        pulse.look()
        until = heartbeat.time.monotonic() + 10
        while pulse.beats < 2 and heartbeat.time.monotonic() < until:
            pulse.look()
        assert pulse.beats >= 2
    assert not file.exists()


def test_processes_that_were_left_behind_see_that_their_heartbeat_is_gone(
    tmp_path: Path, clock: Clock
) -> None:
    took = []
    for elsewhere in (False, True):
        (tmp_path / ".heartbeat").write_text("a")
        pulse = Pulse(tmp_path, "a")
        pulse.look()
        began = clock.now
        end_left_behind(tmp_path, elsewhere=elsewhere)
        took.append(clock.now - began)
        pulse.look()
        assert pulse.removed
    here, on_others = took
    assert 0 < here < on_others < PATIENCE_S


def test_one_look_tells_a_beat_of_now_from_an_old_one(tmp_path: Path) -> None:
    assert not is_beating(tmp_path)
    with beating(tmp_path):
        assert is_beating(tmp_path)
        old = time.time() - PATIENCE_S - 1
        os.utime(tmp_path / HEARTBEAT, (old, old))
        assert not is_beating(tmp_path)
