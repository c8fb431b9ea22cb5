"""Ctrl-C is heard while it is held, and raised when it is pressed twice."""

from __future__ import annotations

import signal
import threading

import pytest

from vsdkit.infer.interrupts import stoppable


def test_ctrl_c_stops_and_twice_raises() -> None:
    with stoppable() as is_stopped:
        assert not is_stopped()
        signal.raise_signal(signal.SIGINT)
        assert is_stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert is_stopped()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_thread_hears_no_ctrl_c_and_may_talk_all_the_same() -> None:
    heard: list[bool] = []

    def work() -> None:
        with stoppable() as is_stopped:
            heard.append(is_stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]
