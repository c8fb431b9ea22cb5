"""To be written by its helper on its branch."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.progress import Listener
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings


def write_instructions(
    settings: ReportSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> WrittenReport:
    """To be written."""
    raise NotImplementedError
