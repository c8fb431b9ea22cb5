"""A run's adapter and its base -> one plain model of transformers, in safetensors."""

from __future__ import annotations

from vsdkit.merge.run import MergeReport
from vsdkit.merge.run import merge as run_merge
from vsdkit.settings.merge import MergeSettings
from vsdkit.settings.verb import verb

__all__ = ["MergeReport", "merge"]

merge = verb(MergeSettings)(run_merge)
