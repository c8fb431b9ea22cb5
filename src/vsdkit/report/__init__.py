"""Reports: a folder with one page that a browser opens without a server."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.progress import Listener
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings
from vsdkit.settings.verb import verb

__all__ = ["WrittenReport", "report"]


@verb(ReportSettings)
def report(
    settings: ReportSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> WrittenReport:
    """Write a page about predictions, instruction rows or runs; their content decides which.

    Raises:
        MissingInputError: If a file is not there.
        ConfigError: If the inputs are of several kinds, or the folder holds something else.
        DataError: If a row is wrong.
    """
    from vsdkit.manifest import Manifest
    from vsdkit.model.run_folder import RUN
    from vsdkit.report.kinds import decide_kind

    manifest = Manifest("report", settings=settings.model_dump(mode="json"), origins=origins)
    written = decide_kind(settings.inputs)(settings, listener=listener, origins=origins)
    manifest.write(
        written.page.with_name(RUN),
        inputs=written.files,
        outputs=(written.page,),
        counts=dict(written.counts),
        **written.facts,
    )
    return written
