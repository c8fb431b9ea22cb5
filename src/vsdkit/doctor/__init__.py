"""Check what is installed and name the command that repairs what is not."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.doctor.report import Check, DoctorReport
from vsdkit.progress import Listener
from vsdkit.settings.doctor import DoctorSettings
from vsdkit.settings.verb import verb

__all__ = ["Check", "DoctorReport", "doctor"]


@verb(DoctorSettings)
def doctor(
    settings: DoctorSettings,
    *,
    listener: Listener,
    origins: Mapping[str, str] | None,  # noqa: ARG001
) -> DoctorReport:
    """Return what every command needs and whether this machine has it.

    Broken packages are findings, not errors: torch is looked at in a child process.

    Raises:
        ConfigError: If a setting is wrong.
        MissingInputError: If the file to install from is not there.
        DataError: If it is not CoreNLP 3.6.0.
        MetricError: If SPICE's files cannot be fetched.
        VsdkitError: If the cache folder cannot be written to.
    """
    from vsdkit.doctor import checks
    from vsdkit.doctor.cache import clear_cache

    if settings.install_spice:
        checks.install_spice(settings.source, listener)
    if settings.clear_cache:
        freed = clear_cache()
        listener.message(f"cleared the cache: {freed / 1e6:.1f} MB; SPICE's files stay")
    return DoctorReport(tuple(checks.run_checks()))
