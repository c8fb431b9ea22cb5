"""What ``vsdkit report`` returns: where the page is, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

__all__ = ["WrittenReport"]


@dataclass(frozen=True)
class WrittenReport(Report):
    """A page that was written."""

    page: Path
    """Its index.html."""
    kind: str
    """What it is about: predictions, instructions or runs."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What it holds, counted: entries, systems, thumbnails..."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of its pieces, as ``Page.count_bytes`` has them."""
    files: Sequence[Path] = ()
    """Files that were read: run.json beside the page has their hashes."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else run.json says."""
    remarks: Sequence[str] = ()
    """What a person should know of it."""
    failures: Sequence[VsdkitError] = ()
    """What could not be done while the rest was."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {
            "page": str(self.page),
            "kind": self.kind,
            **self.counts,
            "bytes": dict(self.sizes),
        }

    def tables(self) -> list[Table]:
        """Return what the page holds."""
        rows = [(name.replace("_", " "), count) for name, count in self.counts.items()]
        rows += [(f"bytes of {name}", size) for name, size in self.sizes.items()]
        return [Table((self.kind, "count"), rows, title=f"written: {self.page}")]

    def notes(self) -> list[str]:
        """Return how it is opened, and what should be known of it."""
        return [*self.remarks, f"open it in a browser: {self.page.resolve().as_uri()}"]
