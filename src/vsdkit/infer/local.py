"""The engine ``transformers``: a model loaded by this process answers, each image read once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.records import RowKey
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.infer.engine import PutDown, Work
from vsdkit.infer.kept import Said
from vsdkit.infer.plan import ImageRows, plan_batches, unanswered
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.infer.model_choice import ModelChoice
    from vsdkit.model.answerer import Answerer
    from vsdkit.model.families import PreparedImage
    from vsdkit.model.shared_image import Answer, Question
    from vsdkit.settings.infer import InferSettings

__all__ = ["LocalEngine", "load_answerer"]

_OPENERS = 4
"""Threads that open and cut images: 35 ms each at high resolution, on the CPU meanwhile."""
_AHEAD = 2
"""Batches whose images are opened before they are asked about."""
_USED = 0.8
"""Of the free memory: the rest is for the attention's own needs, and for pieces between."""
_QUESTION = 128
"""Tokens of a question, generously: the paper's longest has some 90."""


def load_answerer(
    choice: ModelChoice, settings: InferSettings, *, listener: Listener = SILENT
) -> Answerer:
    """Return the model that was chosen, its adapter merged into it where that loses nothing.

    Args:
        choice: From ``choose_model``.
        settings: How it is loaded.
        listener: Hears what is loaded, and shows bars.

    Raises:
        CheckpointError: If base or adapter cannot be loaded.
        ConfigError: If it cannot be loaded in this way.
    """
    from vsdkit.model.answerer import Answerer
    from vsdkit.model.bars import bars_for
    from vsdkit.model.checkpoint import load_adapter, load_base, merge_adapter
    from vsdkit.model.precision import choose_precision

    precision = choose_precision(precision=settings.precision)
    listener.message(f"loading {choice.base}: {precision.reason}")
    with bars_for(listener):
        loaded = load_base(
            choice.base,
            image_mode=choice.image_mode,
            precision=precision,
            commit=choice.commit,
            load_in=settings.load_in,
            spread=settings.device_map == "auto",
            listener=listener,
        )
        if choice.adapter is not None:
            listener.message(f"loading adapter {choice.adapter}")
            loaded = load_adapter(loaded, choice.adapter)
            if settings.load_in is None:
                loaded = merge_adapter(loaded)
    if settings.label == "likelihood" and not loaded.family.shares_images:
        raise ConfigError(
            f"the nine labels cannot be weighed with a {loaded.family.name}",
            where="--label likelihood",
            hint="leave it out",
        )
    return Answerer(loaded, choice.template, choice.conversation)


class _Asked(NamedTuple):
    """Rows about one image, ready to be asked."""

    rows: ImageRows
    image: PreparedImage


@dataclass(frozen=True)
class LocalEngine:
    """Answers in this process, batch after batch."""

    settings: InferSettings
    choice: ModelChoice
    listener: Listener = SILENT
    share: tuple[int, int] = (0, 1)
    """Number of this process, and how many share the batches."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The model and the form of its questions."""
        from vsdkit.model.generation import MAX_NEW_TOKENS
        from vsdkit.model.precision import choose_precision

        choice = self.choice
        return {
            "base": choice.base,
            "base_files": choice.commit,
            "adapter": None if choice.run is None else choice.run.hash_weights(),
            "template": choice.template.text,
            "conversation": choice.conversation.text,
            "image_mode": choice.image_mode,
            "precision": choose_precision(precision=self.settings.precision).dtype_name,
            "max_new_tokens": {str(task): count for task, count in MAX_NEW_TOKENS.items()},
        }

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Answer this process's share of the batches.

        Raises:
            CheckpointError: If base or adapter cannot be loaded.
            TemplateError: If the tokenizer does not know the conversation's stop token.
        """
        answerer = load_answerer(self.choice, self.settings, listener=self.listener)
        count = answerer.loaded.preparer.count_tokens
        sizes = {row.image: work.images[row.image] for row in work.rows}
        tokens = {name: count((image.height, image.width)) for name, image in sizes.items()}
        batches = plan_batches(work.rows, tokens, batch_size=self.settings.batch_size)
        answered = {row.key for row in work.rows} - work.left
        number, processes = self.share
        own = list(islice(unanswered(batches, answered), number, None, processes))
        desk = _Desk(answerer, work, put_down, self.settings, self.listener)
        asked = desk.sort_out(own, tokens)
        with ThreadPoolExecutor(_OPENERS) as pool:
            try:
                for batch in _ahead(pool, asked, desk):
                    desk.answer(batch)
            finally:
                pool.shutdown(cancel_futures=True)


@dataclass
class _Desk:
    """Asks batches of images, as many at once as the memory holds, and puts the answers down."""

    answerer: Answerer
    work: Work
    tell: PutDown
    settings: InferSettings
    listener: Listener
    _most: int | None = field(default=None, init=False)
    """Images at once that the memory has not held."""

    def sort_out(
        self, batches: Iterable[list[ImageRows]], tokens: Mapping[str, int]
    ) -> list[list[ImageRows]]:
        """Return the batches without the rows that cannot be asked, having put down why."""
        left = []
        for batch in batches:
            good = []
            for rows in batch:
                own = []
                for row in rows:
                    try:
                        self.answerer.check([row], tokens)
                    except VsdkitError as error:
                        self._put_down({row.key: Said.failed(error.message)})
                    else:
                        own.append(row)
                if own:
                    good.append(own)
            if good:
                left.append(good)
        return left

    def prepare(self, image: str) -> PreparedImage:
        """Return an image as the model takes it."""
        return self.answerer.prepare(self.work.images[image])

    def answer(self, batch: list[tuple[ImageRows, PreparedImage | VsdkitError]]) -> None:
        """Answer images, in halves where the memory does not hold all at once."""
        from vsdkit.model.memory import try_in_memory

        opened = []
        for rows, image in batch:
            if isinstance(image, VsdkitError):
                self._put_down({row.key: Said.failed(image.message) for row in rows})
            else:
                opened.append(_Asked(rows, image))
        waiting = [opened] if opened else []
        while waiting:
            part = waiting.pop(0)
            most = min(self._most or len(part), self._fitting(part))
            if len(part) > most:
                waiting[:0] = [part[:most], part[most:]]
                continue
            asked = [(one.image, self._ask(one.rows)) for one in part]
            answers = try_in_memory(partial(self.answerer.answer_images, asked))
            if answers is not None:
                self._put_down_all(part, answers)
                continue
            halves = _halves(part)
            waiting[:0] = halves
            if len(part) > 1:
                self._most = len(part) // 2
                self.listener.message(
                    f"the memory does not hold {len(part)} pictures at once: {self._most}"
                )
            elif not halves:
                error = VsdkitError("the memory does not hold this one row")
                self._put_down({part[0].rows[0].key: Said.failed(error.message)})

    def _fitting(self, part: list[_Asked]) -> int:
        """Return how many of these images the free memory should hold, at least one."""
        from vsdkit.model.generation import MAX_NEW_TOKENS
        from vsdkit.model.memory import bytes_a_token, free_bytes

        kept, passing = bytes_a_token(self.answerer.loaded)
        largest = max(
            one.image.n_tokens * (kept + passing)
            + sum(_QUESTION + MAX_NEW_TOKENS[row.task] for row in one.rows) * kept
            for one in part
        )
        return max(1, int(_USED * free_bytes(self.answerer.loaded)) // largest)

    def _ask(self, rows: ImageRows) -> list[Question]:
        labels = RELATIONS if self.settings.label == "likelihood" else ()
        return [
            self.answerer.question(row)._replace(labels=labels if row.task == 1 else ())
            for row in rows
        ]

    def _put_down_all(self, part: list[_Asked], answers: list[list[Answer]]) -> None:
        said = {
            row.key: Said(
                raw=one.text,
                finished=one.finished,
                image=self.work.images[row.image].sha256,
                probabilities=one.probabilities and _rounded(one.probabilities),
            )
            for asked, own in zip(part, answers, strict=True)
            for row, one in zip(asked.rows, own, strict=True)
        }
        tokens = sum(one.image.n_tokens for one in part)
        self._put_down(said, tokens=tokens + sum(one.tokens for own in answers for one in own))

    def _put_down(self, said: Mapping[RowKey, Said], *, tokens: int = 0) -> None:
        # A batch is asked whole; what was answered before stays as it was.
        self.tell({key: one for key, one in said.items() if key in self.work.left}, tokens=tokens)


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    # As exact as float32 is; what lies below differs with the batch's shape.
    return {label: round(value, 5) for label, value in probabilities.items()}


def _halves(part: list[_Asked]) -> list[list[_Asked]]:
    """Return a batch in two: its images, or the rows of its one image; nothing of a single row."""
    if len(part) > 1:
        return [part[: len(part) // 2], part[len(part) // 2 :]]
    rows, image = part[0]
    middle = len(rows) // 2
    return [[_Asked(own, image)] for own in (rows[:middle], rows[middle:])] if middle else []


def _ahead(
    pool: ThreadPoolExecutor, batches: Iterable[list[ImageRows]], desk: _Desk
) -> Iterator[list[tuple[ImageRows, PreparedImage | VsdkitError]]]:
    """Yield each batch with its images opened, the next ones being opened meanwhile."""
    coming: deque[list[tuple[ImageRows, Future[PreparedImage]]]] = deque()
    rest = iter(batches)
    while True:
        for batch in islice(rest, _AHEAD + 1 - len(coming)):
            coming.append([(rows, pool.submit(desk.prepare, rows[0].image)) for rows in batch])
        if not coming:
            return
        yield [(rows, _result(future)) for rows, future in coming.popleft()]


def _result(future: Future[PreparedImage]) -> PreparedImage | VsdkitError:
    try:
        return future.result()
    except VsdkitError as error:
        return error
