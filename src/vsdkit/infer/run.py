"""``vsdkit infer``: items, pictures and a model -> preds.jsonl, going on where it stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.answers import parse_answer
from vsdkit.data.images import ImageFolders, open_image
from vsdkit.data.items import read_items
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import PredictionRow
from vsdkit.infer.kept import KeptAnswers, Said
from vsdkit.infer.source import Source, find_source, hash_base
from vsdkit.manifest import Manifest, hash_file, refuse_input
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.generate import Answerer
    from vsdkit.settings.infer import InferSettings

__all__ = ["InferReport", "infer"]

_PACKAGES = ("torch", "transformers", "peft", "pillow")
_OPENERS = 4


@dataclass(frozen=True, slots=True)
class InferReport(Report):
    """What was asked and answered."""

    output: str
    rows: dict[str, int]
    """Task to its rows."""
    answered_now: int
    """Rows answered by this run; the others were there."""
    unparsed: dict[str, int]
    """Task to its rows whose answer holds no label, no sentence, or not three."""
    unfinished: int
    """Rows whose answer was cut off at the task's longest length."""
    pictures: int
    seen_in_training: dict[str, int] | None
    """How many of the pictures the adapter was trained on; None without an adapter."""
    base: str
    adapter: str | None
    rows_per_second: float | None

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
        MissingInputError: If a file, picture, base model or adapter is not there.
        DataError: If an item or a picture is wrong.
        ConfigError: If the adapter was trained with other settings than those named, or answers
            made with other settings are in the way.
    """
    manifest = Manifest(
        "infer", settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    refuse_input(settings.output, {"items": settings.items})
    source = find_source(settings)
    rows = _first_items(read_items(settings.items, tasks=settings.tasks), settings.limit)
    paths = ImageFolders(settings.images).find_all(row.image for row in rows)
    kept = KeptAnswers.open(
        settings.output, _fingerprint(settings, source), overwrite=settings.overwrite
    )
    left = [row for row in rows if row.key not in kept.said]
    listener.message(f"{len(rows):,} rows of {len(paths):,} pictures, {len(left):,} to answer")
    seen = _count_seen(paths, source)
    if seen is not None:
        listener.message(
            f"{seen['seen']:,} of {seen['pictures']:,} pictures were in the adapter's training"
        )
    seconds = _answer(left, paths, source, settings, kept, listener) if left else 0.0
    predictions = [_predict(row, kept.said[row.key]) for row in rows]
    report = InferReport(
        output=str(settings.output),
        rows=_count_tasks(row.task for row in rows),
        answered_now=len(left),
        unparsed={
            **dict.fromkeys(_count_tasks(row.task for row in rows), 0),
            **_count_tasks(row.task for row in predictions if row.prediction is None),
        },
        unfinished=sum(not kept.said[row.key].finished for row in rows),
        pictures=len(paths),
        seen_in_training=seen,
        base=source.base,
        adapter=None if source.adapter is None else str(source.adapter),
        rows_per_second=round(len(left) / seconds, 3) if seconds else None,
    )
    write_rows(settings.output, (prediction.to_dict() for prediction in predictions))
    kept.close(
        manifest,
        rows,
        inputs=[settings.items],
        report=report.to_dict(),
        seen_in_training=seen,
        template=source.template.text,
        conversation=source.conversation.text,
        image_mode=source.image_mode,
    )
    return report


def _first_items(rows: Sequence[GoldRow], limit: int | None) -> list[GoldRow]:
    if limit is None:
        return list(rows)
    first = set(list(dict.fromkeys(row.id for row in rows))[:limit])
    return [row for row in rows if row.id in first]


def _fingerprint(settings: InferSettings, source: Source) -> dict[str, Any]:
    """Return everything that decides what the answer to a row is."""
    from vsdkit.infer.generate import MAX_NEW_TOKENS
    from vsdkit.model import choose_precision

    return {
        "items": hash_file(settings.items),
        "base": source.base,
        "base_files": hash_base(source.base),
        "adapter": source.weights,
        "template": source.template.text,
        "conversation": source.conversation.text,
        "image_mode": source.image_mode,
        "precision": choose_precision(precision=settings.precision).dtype_name,
        "max_new_tokens": {str(task): count for task, count in MAX_NEW_TOKENS.items()},
    }


def _count_seen(paths: Mapping[str, Path], source: Source) -> dict[str, int] | None:
    if source.training_images is None:
        return None
    trained = {Path(name).name for name in source.training_images}
    return {"pictures": len(paths), "seen": sum(Path(name).name in trained for name in paths)}


def _answer(
    rows: Sequence[GoldRow],
    paths: Mapping[str, Path],
    source: Source,
    settings: InferSettings,
    kept: KeptAnswers,
    listener: Listener,
) -> float:
    """Answer the rows, putting each batch down as it comes, and return the seconds it took."""
    from vsdkit.infer.generate import plan_batches

    sizes = _open_all({row.image: paths[row.image] for row in rows}, listener)
    answerer = _load(source, paths, settings, listener)
    tokens = {image: answerer.loaded.pictures.count_tokens(size) for image, size in sizes.items()}
    answerer.check(rows, tokens)
    began = time.monotonic()
    with listener.track("infer", total=len(rows)) as tracker, kept.append() as put_down:
        for batch in plan_batches(rows, tokens, batch_size=settings.batch_size):
            answers = answerer.answer(batch)
            put_down({one.row.key: Said(one.raw, one.finished) for one in answers})
            tracker.advance(len(batch))
    return time.monotonic() - began


def _open_all(paths: Mapping[str, Path], listener: Listener) -> dict[str, tuple[int, int]]:
    """Return the height and width of each picture, having opened it as a whole.

    A picture that is cut off is found here, before hours of work and not after them.
    """

    def measure(path: Path) -> tuple[int, int]:
        picture = open_image(path)
        return picture.height, picture.width

    sizes = {}
    with (
        listener.track("open pictures", total=len(paths)) as tracker,
        ThreadPoolExecutor(_OPENERS) as pool,
    ):
        for image, size in zip(paths, pool.map(measure, paths.values()), strict=True):
            sizes[image] = size
            tracker.advance()
    return sizes


def _load(
    source: Source, paths: Mapping[str, Path], settings: InferSettings, listener: Listener
) -> Answerer:
    from vsdkit.infer.generate import Answerer
    from vsdkit.model import choose_precision, load_adapter, load_base
    from vsdkit.model.bars import bars_for

    precision = choose_precision(precision=settings.precision)
    listener.message(f"loading {source.base}: {precision.reason}")
    with bars_for(listener):
        loaded = load_base(source.base, image_mode=source.image_mode, precision=precision)
        if source.adapter is not None:
            listener.message(f"loading adapter {source.adapter}")
            loaded = load_adapter(loaded, source.adapter)
    return Answerer(loaded, source, paths)


def _predict(row: GoldRow, said: Said) -> PredictionRow:
    prediction = parse_answer(said.raw, row.task, tags=(row.subject, row.object))
    return PredictionRow(row.id, row.task, prediction, said.raw)


def _count_tasks(tasks: Iterable[int]) -> dict[str, int]:
    return {str(task): count for task, count in sorted(Counter(tasks).items())}
