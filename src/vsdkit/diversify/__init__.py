"""Three sentences that are too much alike -> one of them in other words, or left as it was."""

from __future__ import annotations

from vsdkit.diversify.run import DiversifyReport
from vsdkit.diversify.run import diversify as run_diversify
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.verb import verb

__all__ = ["DiversifyReport", "diversify"]

diversify = verb(DiversifySettings)(run_diversify)
