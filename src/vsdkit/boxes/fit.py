"""``vsdkit fit-boxes``: gold rows -> a model of boxes and tags, in seconds and without images."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.data.jsonl import require_place
from vsdkit.data.relations import RELATIONS
from vsdkit.data.row_files import read_gold_rows
from vsdkit.manifest import Manifest, hash_file, manifest_path, refuse_input
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.boxes.model import BoxesModel, FitRows
    from vsdkit.settings.fit_boxes import FitBoxesSettings

__all__ = ["FitBoxesReport", "fit_boxes", "fit_file"]

PACKAGES = ("scikit-learn", "scipy", "numpy", "skops")
"""Packages whose versions matter for what such a model says."""


@dataclass(frozen=True, slots=True)
class FitBoxesReport(Report):
    """What the model was fitted on."""

    output: str
    """The file of the model."""
    pairs: int
    """Pairs that it was fitted on."""
    left_out: int
    """Items without a box, or without a relation."""
    labels: dict[str, int]
    """Label to its pairs."""
    held_out_pairs: int
    """Pairs of the fifth that was kept back at first."""
    held_out_accuracy: float
    """Accuracy on them of a model of the other four fifths, in percent."""
    temperature: float
    """What the probabilities' logarithms are divided by; found on those pairs."""
    seconds: float
    """How long the fit took."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return the counts of labels."""
        return [Table(("relation", "pairs"), list(self.labels.items()))]

    def notes(self) -> list[str]:
        """Return what it is worth, and how it is used."""
        notes = [
            f"{self.output}: fitted on {self.pairs:,} pairs in {self.seconds:.1f} s; "
            f"{self.held_out_accuracy:.1f} % right on {self.held_out_pairs:,} of them kept back"
        ]
        if self.left_out:
            notes.append(f"{self.left_out:,} items without a box or a relation were left out")
        notes.append(f"use it: vsdkit infer items.jsonl --engine boxes --boxes-model {self.output}")
        return notes


def fit_boxes(
    settings: FitBoxesSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> FitBoxesReport:
    """Fit a model of boxes and tags on gold rows, and write it as one file.

    Args:
        settings: What to learn from, and where the model goes.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If the file of gold is not there.
        DataError: If a row is wrong, or too few have boxes and relations.
        ConfigError: If the output is the input.
    """
    manifest = Manifest(
        "fit-boxes", settings=settings.model_dump(mode="json"), origins=origins, packages=PACKAGES
    )
    refuse_input(settings.output, {"gold": settings.gold})
    require_place(settings.output)
    began = time.monotonic()
    model, rows = fit_file(settings.gold, seed=settings.seed, listener=listener)
    relation, counts = model.relation, Counter(rows.labels)
    report = FitBoxesReport(
        output=str(settings.output),
        pairs=len(rows.pairs),
        left_out=rows.left_out,
        labels={label: counts[label] for label in RELATIONS if counts[label]},
        held_out_pairs=int(relation.held_out["pairs"]),
        held_out_accuracy=relation.held_out["accuracy"],
        temperature=round(relation.temperature, 4),
        seconds=round(time.monotonic() - began, 2),
    )
    facts = {
        "gold": settings.gold.name,
        "sha256": hash_file(settings.gold),
        "pairs": report.pairs,
        "seed": settings.seed,
        "versions": manifest.versions,
    }
    model.write(settings.output, facts)
    manifest.write(
        manifest_path(settings.output),
        inputs=[settings.gold],
        outputs=[settings.output],
        report=report.to_dict(),
    )
    return report


def fit_file(path: Path, *, seed: int, listener: Listener = SILENT) -> tuple[BoxesModel, FitRows]:
    """Return the model of a file of gold rows, and what it learnt from.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong, or too few have boxes and relations.
    """
    # scikit-learn takes a second to load: the row that is wrong is told before.
    rows = read_gold_rows(path)
    from vsdkit.boxes.model import BoxesModel, FitRows

    found = FitRows.of(rows, where=str(path))
    listener.message(f"fitting on {len(found.pairs):,} pairs of {path}")
    return BoxesModel.fit(found, seed=seed), found
