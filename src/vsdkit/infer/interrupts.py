"""Ctrl-C that is heard and not raised, where it would break off in the midst of something."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["stoppable"]


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C was pressed meanwhile, or before; twice raises.

    A ``KeyboardInterrupt`` would end an answer in the midst of a step of the model, or a buffered
    file that has written its bytes and not yet noted it: it would write them again.
    """
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    try:
        before = signal.signal(signal.SIGINT, press)
    except ValueError:
        # Not the main thread, which alone hears Ctrl-C.
        yield lambda: pressed
        return
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
