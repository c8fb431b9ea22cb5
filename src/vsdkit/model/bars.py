"""The progress bars of transformers, shown only to who is shown bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vsdkit.progress import Listener

__all__ = ["bars_for"]


@contextmanager
def bars_for(listener: Listener) -> Iterator[None]:
    """Hide the bars of transformers for a while, unless the listener shows bars itself.

    A caller of the library, who gives no listener, sees nothing of a model being loaded.
    """
    from transformers.utils import logging

    hidden = logging.is_progress_bar_enabled() and not getattr(listener, "shows_bars", False)
    if hidden:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if hidden:
            logging.enable_progress_bar()
