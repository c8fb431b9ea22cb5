"""The page of instruction rows: what a model would be trained on, before it is."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.progress import Listener
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings

__all__ = ["write_instructions"]


def write_instructions(
    settings: ReportSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> WrittenReport:
    """Write the page of a file of instruction rows, in any form that ``vsdkit finetune`` reads.

    Raises:
        MissingInputError: If rows, gold that is named, a folder of pictures or the base is not
            there.
        DataError: If a row is wrong; file and line are named.
        ConfigError: If several files are named, or the page's folder holds something else.
    """
    # Here, since torch and transformers are loaded with it: a page of runs needs neither.
    from vsdkit.report.instructions.write import write

    return write(settings, listener=listener, gold_is_named=_is_named(settings, origins))


def _is_named(settings: ReportSettings, origins: Mapping[str, str] | None) -> bool:
    """Say whether gold was asked for: only then must it be there."""
    if origins is None:
        return bool(settings.gold != type(settings).model_fields["gold"].get_default())
    return origins.get("gold", "default") != "default"
