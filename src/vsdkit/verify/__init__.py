"""Adapter, merged model and server: whether all give the same answers."""

from __future__ import annotations

from vsdkit.settings.verb import verb
from vsdkit.settings.verify import VerifySettings
from vsdkit.verify.report import Check, Comparison, VerifyReport
from vsdkit.verify.run import verify as run_verify

__all__ = ["Check", "Comparison", "VerifyReport", "verify"]

verify = verb(VerifySettings)(run_verify)
