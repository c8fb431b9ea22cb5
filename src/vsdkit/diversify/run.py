"""``vsdkit diversify``: preds.jsonl -> the same with sentence 2 of each task 3 row rewritten."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from vsdkit.data.items import read_items
from vsdkit.data.jsonl import append_rows, read_appended, write_rows
from vsdkit.data.records import PredictionRow
from vsdkit.data.row_files import read_prediction_rows
from vsdkit.diversify.engines import Engine, choose_engine, load_prompt
from vsdkit.diversify.guards import Ask, clean_reply, refuse, stated_relations
from vsdkit.errors import AlignmentError, DataError, MetricError, MissingInputError
from vsdkit.manifest import (
    Manifest,
    hash_file,
    manifest_path,
    read_manifest,
    refuse_input,
    refuse_other,
)
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["DiversifyReport", "diversify"]

_PACKAGES = ("torch", "transformers", "openai", "pycocoevalcap")
_UNKNOWN = "no relation stated"
_RULES_NOTE = (
    "rules, not a language model: they keep the two objects, their look and the relation, and "
    "leave out what else a sentence says"
)


@dataclass(frozen=True, slots=True)
class DiversifyReport(Report):
    """How many sentences were rewritten, and what it did to their likeness."""

    output: str
    engine: str
    rows: int
    """Rows of task 3."""
    rewritten: int
    retried: int
    """Rows that were tried more than once."""
    kept: int
    """Rows that stay as they were."""
    kept_because: dict[str, int]
    """Reason of the last refusal to the rows kept for it."""
    mbleu4_before: float | None
    """None where Java cannot run, or nothing is there to compare."""
    mbleu4_after: float | None
    mbleu4_note: str
    """Why mBLEU-4 is None; empty otherwise."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return what was counted, and mBLEU-4."""
        rows: list[tuple[object, ...]] = [
            ("rows of task 3", self.rows),
            ("rewritten", self.rewritten),
            ("retried", self.retried),
            ("kept as they were", self.kept),
            *((f"  {reason}", count) for reason, count in self.kept_because.items()),
            ("mBLEU-4 before", self.mbleu4_before),
            ("mBLEU-4 after", self.mbleu4_after),
        ]
        return [Table(("sentences", "number"), rows)]

    def notes(self) -> list[str]:
        """Return what a person should know besides."""
        notes = [f"{self.output}: rewritten by {self.engine}"]
        if self.engine == "rules":
            notes.append(_RULES_NOTE)
        if self.mbleu4_note:
            notes.append(f"mBLEU-4 is n/a: {self.mbleu4_note}")
        return notes


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
        ConfigError: If a result that was made otherwise is in the way.
    """
    manifest = Manifest(
        "diversify", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_input(settings.output, {"preds": settings.preds, "gold": settings.gold})
    made_with = _fingerprint(settings)
    if settings.output.exists() and not settings.overwrite:
        return _finished(settings, made_with, listener)
    predictions = _read_predictions(settings.preds)
    asks = _plan(predictions, read_items(settings.gold, tasks=(3,)))
    engine = choose_engine(settings)
    listener.message(f"{len(asks):,} sentences to rewrite by {engine.name}")
    replies = _Replies(settings.output, made_with)
    # The rules try everything at once.
    attempts = 1 if settings.engine == "rules" else settings.attempts
    outcome = _rewrite(asks, engine, attempts, replies, listener)
    rewritten = [_put(row, outcome.accepted.get(row.id)) for row in predictions]
    likeness = _Likeness.measure(predictions, rewritten, listener)
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
    )
    write_rows(settings.output, (row.to_dict() for row in rewritten))
    manifest.write(
        manifest_path(settings.output),
        inputs=[settings.preds, settings.gold],
        outputs=[settings.output],
        made_with=made_with,
        report=report.to_dict(),
        seen_in_training=_seen_in_training(settings.preds),
    )
    replies.forget()
    return report


@dataclass(frozen=True, slots=True)
class _Outcome:
    accepted: Mapping[str, str]
    """Id to the sentence that takes the original's place."""
    refused: Mapping[str, str]
    """Id to the reason of its last refusal."""
    retried: int


class _Replies:
    """Replies so far, each under a hash of what was asked, in ``<output>.replies.jsonl``."""

    def __init__(self, output: Path, made_with: Mapping[str, Any]) -> None:
        self._path = output.with_name(f"{output.name}.replies.jsonl")
        self._made_with = made_with
        self._known: dict[str, str] | None = None

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)

    def complete(
        self, asks: Sequence[Ask], engine: Engine, attempt: int, listener: Listener
    ) -> dict[str, str]:
        """Return the reply to each ask by its id, asking the engine for those not known yet."""
        if self._known is None:
            self._known = {row["key"]: row["reply"] for _, row in read_appended(self._path)}
        known = self._known
        keys = {ask.id: self._key(ask, attempt) for ask in asks}
        left = [ask for ask in asks if keys[ask.id] not in known]
        name = "rewrite" if attempt == 0 else f"attempt {attempt + 1}"
        with (
            listener.track(name, total=len(left)) as tracker,
            append_rows(self._path) as append,
        ):
            for row_id, reply in engine.rewrite(left, attempt):
                append([{"key": keys[row_id], "id": row_id, "attempt": attempt, "reply": reply}])
                known[keys[row_id]] = reply
                tracker.advance()
        return {row_id: known[key] for row_id, key in keys.items()}

    def _key(self, ask: Ask, attempt: int) -> str:
        asked = {key: self._made_with[key] for key in ("engine", "model", "prompt", "seed")}
        content = [asked, ask.id, ask.sentence, ask.subject, ask.object, ask.others, attempt]
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()


def _rewrite(
    asks: Sequence[Ask], engine: Engine, attempts: int, replies: _Replies, listener: Listener
) -> _Outcome:
    accepted: dict[str, str] = {}
    refused = {ask.id: _UNKNOWN for ask in asks if not ask.relations}
    pending = [ask for ask in asks if ask.relations]
    retried = 0
    for attempt in range(attempts):
        if not pending:
            break
        if attempt == 1:
            retried = len(pending)
        said = replies.complete(pending, engine, attempt, listener)
        for ask in pending:
            sentence = clean_reply(said[ask.id])
            reason = refuse(ask, sentence)
            if reason is None:
                accepted[ask.id] = sentence
            else:
                refused[ask.id] = reason
        pending = [ask for ask in pending if ask.id not in accepted]
    return _Outcome(accepted, refused, retried)


def _read_predictions(path: Path) -> list[PredictionRow]:
    if not path.exists():
        raise MissingInputError(
            "no such file of predictions",
            where=str(path),
            hint="make it: vsdkit infer; or name another one: vsdkit diversify FILE",
        )
    predictions = read_prediction_rows(path)
    if not any(row.task == 3 for row in predictions):
        raise DataError(
            "no row of task 3: nothing to rewrite",
            where=str(path),
            hint="let the model answer it: vsdkit infer --tasks 3",
        )
    return predictions


def _plan(predictions: Iterable[PredictionRow], items: Iterable[GoldRow]) -> list[Ask]:
    pairs = {item.id: item for item in items}
    asks = []
    for row in predictions:
        if row.task != 3 or not isinstance(row.prediction, tuple):
            continue
        item = pairs.get(row.id)
        if item is None:
            raise AlignmentError(
                f"{row.key} is not among the items",
                where="predictions and gold",
                hint="name the items that were predicted: --gold FILE",
            )
        first, second, third = row.prediction
        stated = stated_relations((second, first, third), item.subject, item.object)
        asks.append(Ask(row.id, second, item.subject, item.object, stated, (first, third)))
    return asks


def _put(row: PredictionRow, sentence: str | None) -> PredictionRow:
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


@dataclass(frozen=True, slots=True)
class _Likeness:
    """MBLEU-4 before and after."""

    before: float | None
    after: float | None
    note: str

    @classmethod
    def measure(
        cls,
        before: Iterable[PredictionRow],
        after: Iterable[PredictionRow],
        listener: Listener,
    ) -> _Likeness:
        from vsdkit.jvm import tokenize
        from vsdkit.metrics import score_mbleu4

        triples = [
            [row.prediction for row in rows if row.task == 3 and isinstance(row.prediction, tuple)]
            for rows in (before, after)
        ]
        if not triples[0]:
            return cls(None, None, "no row has three sentences")
        sentences = sorted({text for rows in triples for triple in rows for text in triple})
        try:
            tokens = dict(zip(sentences, tokenize(sentences), strict=True))
        except MetricError as error:
            listener.message(f"mBLEU-4 is n/a: {error.message}")
            return cls(None, None, error.message)
        scores = [
            score_mbleu4([[tokens[text] for text in triple] for triple in rows]).mean
            for rows in triples
        ]
        return cls(round(scores[0], 4), round(scores[1], 4), "")


def _fingerprint(settings: DiversifySettings) -> dict[str, Any]:
    model = None if settings.engine == "rules" else settings.model
    return {
        "preds": hash_file(settings.preds) if settings.preds.is_file() else None,
        "gold": hash_file(settings.gold) if settings.gold.is_file() else None,
        "engine": settings.engine,
        "model": model,
        "prompt": None if settings.engine == "rules" else load_prompt(),
        "attempts": settings.attempts,
        "seed": settings.seed,
    }


def _finished(
    settings: DiversifySettings, made_with: Mapping[str, Any], listener: Listener
) -> DiversifyReport:
    place = manifest_path(settings.output)
    facts = read_manifest(place) if place.exists() else {}
    refuse_other(settings.output, facts.get("made_with"), made_with)
    listener.message(f"complete already: {settings.output}")
    return DiversifyReport(**facts["report"])


def _seen_in_training(preds: Path) -> Any:
    place = manifest_path(preds)
    return read_manifest(place).get("seen_in_training") if place.exists() else None
