"""Bars of transformers are hidden from who is shown none, and come back."""

from __future__ import annotations

from transformers.utils import logging

from vsdkit.cli.output import Output
from vsdkit.model.bars import bars_for
from vsdkit.progress import SILENT


class Shown(Output):
    """An output on a terminal."""

    shows_bars = True


def test_bars_are_hidden_from_a_silent_listener_and_come_back() -> None:
    logging.enable_progress_bar()
    for listener, expected in ((SILENT, False), (Output(quiet=True), False), (Shown(), True)):
        with bars_for(listener):
            assert logging.is_progress_bar_enabled() is expected
        assert logging.is_progress_bar_enabled()


def test_bars_that_were_off_stay_off() -> None:
    logging.disable_progress_bar()
    with bars_for(Shown()):
        assert not logging.is_progress_bar_enabled()
    assert not logging.is_progress_bar_enabled()
    logging.enable_progress_bar()
