"""The whole pipeline on synthetic scenes, with a model small enough for two cores."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.demo.pipeline import DemoReport
from vsdkit.demo.pipeline import demo as run_demo
from vsdkit.progress import Listener
from vsdkit.settings.demo import DemoSettings
from vsdkit.settings.verb import verb

__all__ = ["DemoReport", "demo"]


@verb(DemoSettings)
def demo(
    settings: DemoSettings,
    *,
    listener: Listener,
    origins: Mapping[str, str] | None,  # noqa: ARG001
) -> DemoReport:
    """Draw synthetic scenes, learn them, answer about new ones, and return the scores.

    Run again in the same folder, each command goes on where it stopped.

    Raises:
        ConfigError: If a setting is wrong, or the folder holds a demo with other settings.
        ChildFailedError: If a command failed.
    """
    # The commands are processes, which print past any listener: only one that prints lets them.
    quiet = getattr(listener, "is_quiet", True)
    return run_demo(settings, listener=listener, quiet=quiet)
