"""A grid over any setting of the stages; the paper's Table 4 is the smallest one."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.ablate.grid import Cell, expand
from vsdkit.ablate.table import AblateReport, run_grid
from vsdkit.progress import Listener
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.verb import verb

__all__ = ["AblateReport", "Cell", "ablate", "expand"]


@verb(AblateSettings)
def ablate(
    settings: AblateSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> AblateReport:
    """Run every combination of a grid and return their scores side by side.

    Without a grid that is the paper's Table 4, for predictions at hand: without and with
    rewriting. A stage that two combinations share runs once.

    Raises:
        ConfigError: If a setting or the grid is wrong. An error of one combination is its row's
            ``error``.
        MissingInputError: If the predictions or the gold named are not there.
    """
    return run_grid(settings, listener=listener, origins=origins)
