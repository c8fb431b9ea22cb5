"""``vsdkit infer`` on a file of items -> preds.jsonl, going on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vsdkit.answers import read_prediction
from vsdkit.data.images import CheckedImages, ImageFolders, check_images
from vsdkit.data.records import PredictionRow
from vsdkit.errors import VsdkitError
from vsdkit.formats.scene_graph import write_scene_graphs
from vsdkit.infer.asked import Asked, read_asked, refuse_outputs
from vsdkit.infer.boxes import FittedBoxes
from vsdkit.infer.engine import Work
from vsdkit.infer.engines import Choice, choose, make_engine
from vsdkit.infer.kept import KeptAnswers, Said
from vsdkit.infer.mixture import MixedModels
from vsdkit.infer.report import InferReport, count_tasks
from vsdkit.manifest import Manifest
from vsdkit.model.run_folder import count_seen
from vsdkit.progress import SILENT, Listener, Tracker

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow, RowKey
    from vsdkit.infer.engine import Engine
    from vsdkit.settings.infer import InferSettings

__all__ = ["infer"]

_PACKAGES = ("torch", "transformers", "peft", "pillow", "openai", "scikit-learn")


def infer(
    settings: InferSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> InferReport:
    """Answer the items and write ``settings.output``.

    Answers are put down as they come; the same command again asks only what is left, and what
    failed.

    Args:
        settings: What to ask of whom.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If a file, image, base model or adapter is not there.
        DataError: If an item, a detected box or an image is wrong.
        ConfigError: If the adapter was trained with other settings than those named, or answers
            made with other settings are in the way.
        BackendError: If a server is asked that cannot be reached, refuses, or fails without end.
        VsdkitError: If more rows fail than ``settings.fail_on_error`` allows.
    """
    manifest = Manifest(
        "infer", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_outputs(settings)
    # Before the model: a fit, or the choice of a weight, takes longer than to find a wrong item.
    asked = read_asked(settings, listener)
    rows = asked.rows
    choice = choose(settings, infer=infer, listener=listener)
    engine = make_engine(settings, choice, listener=listener)
    kept = KeptAnswers.open(
        settings.output, _identity(settings, asked, engine), rows=rows, overwrite=settings.overwrite
    )
    checked = _open_images(rows, settings, kept, listener) if engine.opens_images else None
    work, broken = _sort_out(rows, checked, kept, listener)
    trained = choice.training_images
    images = dict.fromkeys(row.image for row in work.rows)
    seen = None if trained is None else count_seen(images, trained)
    if seen is not None:
        listener.message(
            f"{seen['seen']:,} of {seen['pictures']:,} pictures were in {_whose(choice)} training"
        )
    began = time.monotonic()
    _answer(engine, work, broken, settings, kept, listener)
    seconds = time.monotonic() - began
    predictions = [_prediction(row, kept.said[row.key]) for row in rows]
    answered = sum(kept.said[key].error is None for key in work.left)
    report = InferReport(
        output=str(settings.output),
        answered_now=answered,
        broken=len(broken),
        pictures=len(images),
        seen_in_training=seen,
        base=choice.base,
        adapter=None if choice.adapter is None else str(choice.adapter),
        rows_per_second=round(answered / seconds, 3) if answered else None,
        weight=choice.weight if isinstance(choice, MixedModels) else None,
        **_count(predictions, kept),
    )
    kept.write(prediction.to_dict() for prediction in predictions)
    kept.close(
        manifest,
        rows,
        inputs=asked.files,
        report=report.to_dict(),
        seen_in_training=seen,
        **choice.form,
    )
    if settings.graph is not None:
        told = write_scene_graphs(
            settings.graph, rows, predictions, objects=asked.objects, least=settings.least
        )
        listener.message(told)
    return report


def _whose(choice: Choice) -> str:
    if isinstance(choice, MixedModels):
        return "the models'"
    return "the model's" if isinstance(choice, FittedBoxes) else "the adapter's"


def _open_images(
    rows: Iterable[GoldRow], settings: InferSettings, kept: KeptAnswers, listener: Listener
) -> CheckedImages:
    return check_images(
        ImageFolders(settings.images).find_all(row.image for row in rows),
        listener=listener,
        opened=kept.images,
        skip_broken=settings.skip_broken,
        rejects=settings.rejects,
    )


def _sort_out(
    rows: Sequence[GoldRow], checked: CheckedImages | None, kept: KeptAnswers, listener: Listener
) -> tuple[Work, dict[RowKey, Said]]:
    """Return what is to be answered, and the error of each row whose image does not open.

    Args:
        rows: All that are asked.
        checked: The images; None if the engine opens none.
        kept: The answers so far.
        listener: Who is told.
    """
    images = {} if checked is None else checked.files
    whole = [row for row in rows if checked is None or row.image in images]
    stale = kept.begin(whole, images)
    left = frozenset(row.key for row in whole if row.key not in kept.said)
    reasons = {one.image: one.reason for one in (checked.broken if checked else ())}
    broken = {row.key: Said.failed(reasons[row.image]) for row in rows if row.image in reasons}
    if broken:
        listener.message(
            f"{len(reasons):,} pictures do not open: their {len(broken):,} rows get an error"
        )
    if stale:
        listener.message(
            f"{stale:,} rows are asked again: their pictures are not those that were asked about"
        )
    count = len({row.image for row in whole})
    listener.message(f"{len(whole):,} rows of {count:,} pictures, {len(left):,} to answer")
    return Work(whole, left, images, kept.made_with), broken


def _identity(settings: InferSettings, asked: Asked, engine: Engine) -> dict[str, Any]:
    """Return everything that decides what the answer to a row is."""
    identity = settings.identity(items=asked.digest(), **engine.identity)
    # These say which rows are asked, and no answer depends on that: with a larger limit, another
    # task or more pairs the answers that are there are kept.
    del identity["tasks"], identity["limit"], identity["pairs"]
    return identity


def _answer(
    engine: Engine,
    work: Work,
    broken: Mapping[RowKey, Said],
    settings: InferSettings,
    kept: KeptAnswers,
    listener: Listener,
) -> None:
    """Have what is left answered, each answer put down as it comes."""
    if not work.left:
        kept.said.update(broken)
        return
    with listener.track("infer", total=len(work.left)) as tracker, kept.append() as append:
        append(broken)
        engine.answer(work, _Notes(append, tracker, settings.fail_on_error))


@dataclass
class _Notes:
    """Puts answers down, moves the bar, and counts what fails."""

    append: Callable[[Mapping[RowKey, Said]], None]
    tracker: Tracker
    most_errors: int | None
    began: float = field(default_factory=time.monotonic)
    tokens: int = 0
    failed: int = 0

    def __call__(self, answers: Mapping[RowKey, Said], *, tokens: int = 0) -> None:
        """Return when the answers are on the disk.

        Raises:
            VsdkitError: If more rows have failed than are allowed.
        """
        if not answers:
            return
        self.append(answers)
        self.tokens += tokens
        facts: dict[str, Any] = {}
        if self.tokens:
            facts["tokens/s"] = round(self.tokens / (time.monotonic() - self.began))
        failed = {key: said.error for key, said in answers.items() if said.error is not None}
        self.failed += len(failed)
        if self.failed:
            facts["errors"] = self.failed
        self.tracker.advance(len(answers), **facts)
        if failed and self.most_errors is not None and self.failed > self.most_errors:
            key, error = next(iter(failed.items()))
            raise VsdkitError(
                f"{self.failed:,} rows have failed, {self.most_errors:,} are allowed; the last: "
                f"{error}",
                where=str(key),
                hint="the other answers are kept: run the same command again, or allow more "
                "with --fail-on-error",
            )


def _count(predictions: Sequence[PredictionRow], kept: KeptAnswers) -> dict[str, Any]:
    """Return the numbers of the report that are counted in the answers."""
    tasks = [str(task) for task in sorted({row.task for row in predictions})]
    failed = [row for row in predictions if row.error is not None]
    unparsed = [row for row in predictions if row.prediction is None and row.error is None]
    said = [kept.said[row.key] for row in predictions]
    return {
        "rows": count_tasks(predictions, tasks),
        "unparsed": count_tasks(unparsed, tasks),
        "errors": count_tasks(failed, tasks),
        "first_error": f"{failed[0].error} ({failed[0].key})" if failed else None,
        "unfinished": sum(not (one.finished or one.error) for one in said),
    }


def _prediction(row: GoldRow, said: Said) -> PredictionRow:
    if said.error is not None:
        return PredictionRow(row.id, row.task, None, error=said.error)
    return read_prediction(row, said.raw, said.probabilities, said.because)
