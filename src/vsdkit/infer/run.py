"""``vsdkit infer``: items, images and a model -> preds.jsonl, going on where it stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vsdkit.answers import read_prediction
from vsdkit.data.images import CheckedImages, ImageFile, ImageFolders, check_images
from vsdkit.data.items import read_items
from vsdkit.data.jsonl import write_rows
from vsdkit.errors import VsdkitError
from vsdkit.infer.kept import KeptAnswers, Said
from vsdkit.infer.model_choice import ModelChoice, choose_model
from vsdkit.manifest import Manifest, hash_file, refuse_input
from vsdkit.model.run_folder import count_seen
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.model.generation import Answerer, ModelAnswer
    from vsdkit.settings.infer import InferSettings

__all__ = ["InferReport", "infer"]

_PACKAGES = ("torch", "transformers", "peft", "pillow")


@dataclass(frozen=True, slots=True)
class InferReport(Report):
    """What was asked and answered."""

    output: str
    """The file of predictions."""
    rows: dict[str, int]
    """Task to its rows."""
    answered_now: int
    """Rows answered by this run; the others were there."""
    unparsed: dict[str, int]
    """Task to its rows whose answer holds no label, no sentence, or not three."""
    unfinished: int
    """Rows whose answer was cut off at the task's longest length."""
    pictures: int
    """Images that the rows are about."""
    left_out: dict[str, int]
    """Images that do not open, and their rows, which nobody was asked."""
    seen_in_training: dict[str, int] | None
    """How many of the images the adapter was trained on; None without an adapter."""
    base: str
    """The base model."""
    adapter: str | None
    """The adapter's folder."""
    rows_per_second: float | None
    """Of this run, without the loading; None where nothing was left to answer."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return a row for each task."""
        rows = [(task, count, self.unparsed[task]) for task, count in self.rows.items()]
        return [Table(("task", "rows", "not parsed"), rows)]

    def notes(self) -> list[str]:
        """Return what a person should know besides."""
        seen = self.seen_in_training
        return [
            f"{self.output}: {self.answered_now:,} rows answered now",
            *([f"{self.unfinished:,} answers were cut off"] if self.unfinished else []),
            *(
                [
                    f"{self.left_out['rows']:,} rows of {self.left_out['pictures']:,} pictures "
                    "that do not open are left out"
                ]
                if self.left_out["pictures"]
                else []
            ),
            *(
                [f"{seen['seen']:,} of {seen['pictures']:,} pictures were trained on"]
                if seen
                else []
            ),
        ]


def infer(
    settings: InferSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> InferReport:
    """Answer the items and write ``settings.output``.

    Answers are put down as they come; the same command again asks only what is left.

    Args:
        settings: What to ask of whom.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If a file, image, base model or adapter is not there.
        DataError: If an item or an image is wrong.
        ConfigError: If the adapter was trained with other settings than those named, or answers
            made with other settings are in the way.
    """
    manifest = Manifest(
        "infer", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_input(settings.output, {"items": settings.items})
    if settings.rejects is not None:
        refuse_input(
            settings.rejects,
            {"items": settings.items, "output": settings.output},
            option="--rejects",
        )
    choice = choose_model(settings, listener=listener)
    asked = _first_items(read_items(settings.items, tasks=settings.tasks), settings.limit)
    kept = KeptAnswers.open(
        settings.output, _identity(settings, choice), rows=asked, overwrite=settings.overwrite
    )
    checked = _open_images(asked, settings, kept, listener)
    images = checked.files
    rows = [row for row in asked if row.image in images]
    stale = kept.begin(rows, images)
    left = [row for row in rows if row.key not in kept.said]
    _tell(rows, left, checked, stale, listener)
    trained = choice.training_images
    seen = None if trained is None else count_seen(images, trained)
    if seen is not None:
        listener.message(
            f"{seen['seen']:,} of {seen['pictures']:,} pictures were in the adapter's training"
        )
    seconds = _answer(left, images, choice, settings, kept, listener) if left else 0.0
    predictions = [read_prediction(row, kept.said[row.key].raw) for row in rows]
    report = InferReport(
        output=str(settings.output),
        rows=_count_tasks(row.task for row in rows),
        answered_now=len(left),
        unparsed={
            **dict.fromkeys(_count_tasks(row.task for row in rows), 0),
            **_count_tasks(row.task for row in predictions if row.prediction is None),
        },
        unfinished=sum(not kept.said[row.key].finished for row in rows),
        pictures=len(images),
        left_out={"pictures": len(checked.broken), "rows": len(asked) - len(rows)},
        seen_in_training=seen,
        base=choice.base,
        adapter=None if choice.adapter is None else str(choice.adapter),
        rows_per_second=round(len(left) / seconds, 3) if seconds else None,
    )
    write_rows(settings.output, (prediction.to_dict() for prediction in predictions))
    kept.close(
        manifest,
        rows,
        left_out_images=checked.left_out,
        inputs=[settings.items],
        report=report.to_dict(),
        seen_in_training=seen,
        template=choice.template.text,
        conversation=choice.conversation.text,
        image_mode=choice.image_mode,
    )
    return report


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


def _tell(
    rows: Sequence[GoldRow],
    left: Sequence[GoldRow],
    checked: CheckedImages,
    stale: int,
    listener: Listener,
) -> None:
    if checked.broken:
        listener.message(f"{len(checked.broken):,} pictures do not open: their rows are left out")
    if stale:
        listener.message(
            f"{stale:,} rows are asked again: their pictures are not those that were asked about"
        )
    listener.message(
        f"{len(rows):,} rows of {len(checked.files):,} pictures, {len(left):,} to answer"
    )


def _first_items(rows: Sequence[GoldRow], limit: int | None) -> list[GoldRow]:
    if limit is None:
        return list(rows)
    first = set(list(dict.fromkeys(row.id for row in rows))[:limit])
    return [row for row in rows if row.id in first]


def _identity(settings: InferSettings, choice: ModelChoice) -> dict[str, Any]:
    """Return everything that decides what the answer to a row is."""
    from vsdkit.model.generation import MAX_NEW_TOKENS
    from vsdkit.model.precision import choose_precision

    identity = settings.identity(
        items=hash_file(settings.items),
        base=choice.base,
        base_files=choice.commit,
        adapter=None if choice.run is None else choice.run.hash_weights(),
        template=choice.template.text,
        conversation=choice.conversation.text,
        image_mode=choice.image_mode,
        precision=choose_precision(precision=settings.precision).dtype_name,
        max_new_tokens={str(task): count for task, count in MAX_NEW_TOKENS.items()},
    )
    # These two say which rows are asked, and no answer depends on that: with a larger limit or
    # another task the answers that are there are kept.
    del identity["tasks"], identity["limit"]
    return identity


def _answer(
    rows: Sequence[GoldRow],
    images: Mapping[str, ImageFile],
    choice: ModelChoice,
    settings: InferSettings,
    kept: KeptAnswers,
    listener: Listener,
) -> float:
    """Answer the rows, putting each batch down as it comes, and return the seconds it took."""
    from vsdkit.model.generation import plan_batches

    answerer = _load(choice, images, settings, listener)
    count = answerer.loaded.preparer.count_tokens
    sizes = {row.image: images[row.image] for row in rows}
    tokens = {name: count((image.height, image.width)) for name, image in sizes.items()}
    answerer.check(rows, tokens)
    began = time.monotonic()
    with listener.track("infer", total=len(rows)) as tracker, kept.append() as put_down:
        for batch in plan_batches(rows, tokens, batch_size=settings.batch_size):
            answers = _answer_batch(answerer, batch)
            put_down(
                {
                    one.row.key: Said(one.raw, one.finished, images[one.row.image].sha256)
                    for one in answers
                }
            )
            tracker.advance(len(batch))
    return time.monotonic() - began


def _answer_batch(answerer: Answerer, rows: Sequence[GoldRow]) -> list[ModelAnswer]:
    import torch

    try:
        return answerer.answer(rows)
    except torch.cuda.OutOfMemoryError as error:
        raise VsdkitError(
            f"the GPU's memory does not hold {len(rows)} rows at once",
            where=f"--batch-size {len(rows)}",
            hint=f"run the same command with --batch-size {max(1, len(rows) // 2)}; "
            "it goes on where it stopped",
        ) from error


def _load(
    choice: ModelChoice,
    images: Mapping[str, ImageFile],
    settings: InferSettings,
    listener: Listener,
) -> Answerer:
    from vsdkit.model.bars import bars_for
    from vsdkit.model.checkpoint import load_adapter, load_base
    from vsdkit.model.generation import Answerer
    from vsdkit.model.precision import choose_precision

    precision = choose_precision(precision=settings.precision)
    listener.message(f"loading {choice.base}: {precision.reason}")
    with bars_for(listener):
        loaded = load_base(
            choice.base,
            image_mode=choice.image_mode,
            precision=precision,
            commit=choice.commit,
            listener=listener,
        )
        if choice.adapter is not None:
            listener.message(f"loading adapter {choice.adapter}")
            loaded = load_adapter(loaded, choice.adapter)
    return Answerer(loaded, choice.template, choice.conversation, images)


def _count_tasks(tasks: Iterable[int]) -> dict[str, int]:
    return {str(task): count for task, count in sorted(Counter(tasks).items())}
