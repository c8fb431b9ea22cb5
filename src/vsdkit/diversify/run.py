"""Rewrite sentence 2 of each task 3 row in a file of predictions: ``vsdkit diversify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vsdkit.data.items import read_items
from vsdkit.data.jsonl import write_rows
from vsdkit.diversify.engine import NoReply
from vsdkit.diversify.engines import make_engine
from vsdkit.diversify.guards import refuse
from vsdkit.diversify.inputs import make_asks, read_predictions
from vsdkit.diversify.likeness import measure_likeness
from vsdkit.diversify.replies import KeptReplies
from vsdkit.diversify.report import DiversifyReport
from vsdkit.diversify.unwrap import clean_reply
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
    from pathlib import Path

    from vsdkit.data.records import PredictionRow
    from vsdkit.diversify.engine import Engine
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["DiversifyReport", "diversify"]

_PACKAGES = ("torch", "transformers", "openai", "pycocoevalcap")
"""Distributions that a rewrite may depend on, whichever engine makes it."""

_UNKNOWN = "no relation stated"


def diversify(
    settings: DiversifySettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> DiversifyReport:
    """Rewrite sentence 2 of each task 3 row and write ``settings.output``.

    Rows of tasks 1 and 2 pass unchanged, and so does a row of task 3 without three sentences.
    Replies are put down as they come; the same command again asks only for what is left.

    Args:
        settings: What to rewrite with what.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If a file or the model is not there.
        DataError: If a row is wrong, or gold does not know a row of the predictions.
        BackendError: If the server does not answer as it should.
        ConfigError: If a result that was made otherwise is in the way, or the prompt or the way to
            the server is wrong.
    """
    manifest = Manifest(
        "diversify", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_input(settings.output, {"preds": settings.preds, "gold": settings.gold})
    engine = make_engine(settings)
    made_with = _identity(settings, engine)
    if settings.output.exists() and not settings.overwrite:
        finished = _finished(settings.output, made_with, engine)
        if not finished.failures:
            listener.message(f"complete already: {settings.output}")
            return finished
    predictions = read_predictions(settings.preds)
    asks = make_asks(predictions, read_items(settings.gold, tasks=(3,)))
    listener.message(f"{len(asks):,} sentences to rewrite by {engine.name}")
    replies = KeptReplies(settings.output, engine)
    outcome = _rewrite(asks, replies, engine.attempts, listener)
    rewritten = [_put(row, outcome.accepted.get(row.id)) for row in predictions]
    likeness = measure_likeness(predictions, rewritten, listener)
    count = sum(row.task == 3 for row in predictions)
    report = DiversifyReport(
        output=str(settings.output),
        engine=engine.name,
        rows=count,
        rewritten=len(outcome.accepted),
        retried=outcome.retried,
        kept=count - len(outcome.accepted),
        kept_because=_reasons(predictions, asks, outcome),
        mbleu4_before=likeness.before,
        mbleu4_after=likeness.after,
        mbleu4_note=likeness.note,
        engine_note=engine.note,
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


def _finished(output: Path, made_with: Mapping[str, Any], engine: Engine) -> DiversifyReport:
    """Return the report of a run that ended, if it was made in the same way."""
    facts = read_output_facts(output)
    refuse_other(output, facts.get("made_with"), made_with)
    return DiversifyReport(**facts["report"], engine_note=engine.note)


@dataclass(frozen=True, slots=True)
class _Outcome:
    accepted: Mapping[str, str]
    """Id to the sentence that takes the original's place."""
    refused: Mapping[str, str]
    """Id to the reason of its last refusal; ids that were accepted later among them."""
    retried: int
    """Sentences that were tried more than once."""


def _rewrite(
    asks: Sequence[Ask], replies: KeptReplies, attempts: int, listener: Listener
) -> _Outcome:
    accepted: dict[str, str] = {}
    # Without a relation no reply could be checked, so none is asked for.
    refused = {ask.id: _UNKNOWN for ask in asks if not ask.relations}
    pending = [ask for ask in asks if ask.relations]
    retried = 0
    for attempt in range(attempts):
        if not pending:
            break
        if attempt == 1:
            # Third and later attempts are among these.
            retried = len(pending)
        said = replies.complete(pending, attempt, listener)
        for ask in pending:
            reply = said[ask.id]
            if isinstance(reply, NoReply):
                refused[ask.id] = reply.because
                continue
            sentence = clean_reply(reply)
            reason = refuse(ask, sentence)
            if reason is None:
                accepted[ask.id] = sentence
            else:
                refused[ask.id] = reason
        pending = [ask for ask in pending if ask.id not in accepted]
    return _Outcome(accepted, refused, retried)


def _put(row: PredictionRow, sentence: str | None) -> PredictionRow:
    """Return a row with a sentence in the place of its second, if it is the row to rewrite."""
    # The id alone does not tell: rows of tasks 1 and 2 have it too.
    if row.task != 3 or sentence is None or not isinstance(row.prediction, tuple):
        return row
    first, _, third = row.prediction
    return replace(row, prediction=(first, sentence, third))


def _reasons(
    predictions: Iterable[PredictionRow], asks: Iterable[Ask], outcome: _Outcome
) -> dict[str, int]:
    asked = {ask.id for ask in asks}
    reasons = Counter(
        reason for row_id, reason in outcome.refused.items() if row_id not in outcome.accepted
    )
    reasons["no three sentences"] = sum(
        row.task == 3 and row.id not in asked for row in predictions
    )
    return {reason: count for reason, count in sorted(reasons.items()) if count}
