"""A grid over any setting of the stages; the paper's Table 4 is the smallest one."""

from __future__ import annotations

from vsdkit.ablate.grid import Cell, expand
from vsdkit.ablate.table import AblateReport, ablate, table_four

__all__ = ["AblateReport", "Cell", "ablate", "expand", "table_four"]
