"""Rewrite a sentence of each task 3 row in a file of predictions: ``vsdkit diversify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vsdkit.data.items import read_items
from vsdkit.data.jsonl import write_rows
from vsdkit.data.row_files import read_prediction_rows
from vsdkit.diversify.attempts import Outcome, rewrite_all
from vsdkit.diversify.engines import make_engine
from vsdkit.diversify.inputs import make_asks, read_predictions, read_references
from vsdkit.diversify.measures import measure
from vsdkit.diversify.replies import KeptReplies
from vsdkit.diversify.report import DiversifyReport
from vsdkit.manifest import (
    Manifest,
    hash_file,
    manifest_path,
    read_output_facts,
    refuse_input,
    refuse_other,
)
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow, PredictionRow
    from vsdkit.diversify.engine import Engine
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["DiversifyReport", "diversify"]

_PACKAGES = ("torch", "transformers", "openai", "pycocoevalcap")
"""Distributions that a rewrite may depend on, whichever engine makes it."""


def diversify(
    settings: DiversifySettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> DiversifyReport:
    """Rewrite one sentence of each task 3 row and write ``settings.output``.

    Rows of tasks 1 and 2 pass unchanged, and so does a row of task 3 without three sentences.
    Replies are put down as they come; the same command again asks only for what is left.

    Args:
        settings: What to rewrite with what.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If a file or the model is not there.
        DataError: If a row is wrong, gold does not know a row of the predictions, or it has no
            references to measure SPICE by.
        BackendError: If the server does not answer as it should.
        ChildFailedError: If one of several processes of a model dies.
        ConfigError: If a result that was made otherwise is in the way, or the prompt or the way to
            the server is wrong.
    """
    manifest = Manifest(
        "diversify", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_input(settings.output, {"preds": settings.preds, "gold": settings.gold})
    with closing(make_engine(settings)) as engine:
        made_with = _identity(settings, engine)
        finished = _finished(settings, made_with, engine, listener)
        if finished is not None:
            return finished
        predictions = read_predictions(settings.preds)
        items = read_items(settings.gold, tasks=(3,))
        asks = make_asks(predictions, items, replace=settings.replace)
        references = _references(settings, predictions, items)
        listener.message(f"{len(asks):,} sentences to rewrite by {engine.name}")
        replies = KeptReplies(settings.output, engine)
        outcome = rewrite_all(asks, replies, engine.attempts, listener)
        note = engine.note
    rewritten = [_put(row, outcome.accepted.get(row.id), settings.replace) for row in predictions]
    mbleu4, spice = measure(predictions, rewritten, references, listener)
    count = sum(row.task == 3 for row in predictions)
    report = DiversifyReport(
        output=str(settings.output),
        engine=engine.name,
        rows=count,
        rewritten=len(outcome.accepted),
        retried=outcome.retried,
        kept=count - len(outcome.accepted),
        kept_because=_reasons(predictions, asks, outcome),
        mbleu4_before=mbleu4.before,
        mbleu4_after=mbleu4.after,
        mbleu4_note=mbleu4.note,
        replace=settings.replace,
        refused=[dict(attempt) for attempt in outcome.refused],
        relation_kept=outcome.relation_kept,
        spice_before=spice.before,
        spice_after=spice.after,
        spice_note=spice.note,
        engine_note=note,
    )
    write_rows(settings.output, (row.to_dict() for row in rewritten))
    manifest.write(
        manifest_path(settings.output),
        inputs=[settings.preds, settings.gold],
        outputs=[settings.output],
        made_with=made_with,
        report=report.to_dict(),
        seen_in_training=read_output_facts(settings.preds).get("seen_in_training"),
    )
    # Last: until run.json is there, an interruption must not cost what was paid for. Where some
    # have failed, the next run asks those alone.
    if not report.failures:
        replies.forget()
    return report


def _identity(settings: DiversifySettings, engine: Engine) -> dict[str, Any]:
    """Return what the result depends on; a missing file is told by who reads it."""
    files = {"preds": settings.preds, "gold": settings.gold}
    hashes = {name: hash_file(path) if path.is_file() else None for name, path in files.items()}
    return settings.identity(**hashes, **engine.identity)


def _finished(
    settings: DiversifySettings, made_with: Mapping[str, Any], engine: Engine, listener: Listener
) -> DiversifyReport | None:
    """Return the report of a complete run that was made in the same way; None if there is none."""
    output = settings.output
    if settings.overwrite or not output.exists():
        return None
    facts = read_output_facts(output)
    refuse_other(output, facts.get("made_with"), made_with)
    report = DiversifyReport.from_dict(facts["report"], engine_note=engine.note)
    if report.failures:
        return None
    listener.message(f"complete already: {output}")
    if settings.check_spice and report.spice_before is None:
        # It was not asked for then; the sentences are there, so nothing is rewritten for it.
        predictions = read_predictions(settings.preds)
        references = _references(settings, predictions, read_items(settings.gold, tasks=(3,)))
        spice = measure(predictions, read_prediction_rows(output), references, listener).spice
        report = replace(
            report, spice_before=spice.before, spice_after=spice.after, spice_note=spice.note
        )
    return report


def _references(
    settings: DiversifySettings, predictions: Iterable[PredictionRow], items: Iterable[GoldRow]
) -> Mapping[str, Sequence[str]] | None:
    """Return the references to measure SPICE by; None where it is not asked for."""
    return read_references(predictions, items, settings.gold) if settings.check_spice else None


def _put(row: PredictionRow, sentence: str | None, place: int) -> PredictionRow:
    """Return a row with a sentence in one of its places, if it is the row to rewrite."""
    # The id alone does not tell: rows of tasks 1 and 2 have it too.
    if row.task != 3 or sentence is None or not isinstance(row.prediction, tuple):
        return row
    sentences = list(row.prediction)
    sentences[place - 1] = sentence
    return replace(row, prediction=tuple(sentences))


def _reasons(
    predictions: Iterable[PredictionRow], asks: Iterable[Ask], outcome: Outcome
) -> dict[str, int]:
    asked = {ask.id for ask in asks}
    reasons = Counter(outcome.kept_because.values())
    reasons["no three sentences"] = sum(
        row.task == 3 and row.id not in asked for row in predictions
    )
    return {reason: count for reason, count in sorted(reasons.items()) if count}
