"""Scores at the end of a run: gold rows answered by the processes that trained.

The parent reads and checks gold before training (``read_questions``, ``open_questions``), the
training processes answer it (``Evaluation``), and the parent's bar follows them
(``EvaluationBar``). The numbers are those of ``vsdkit score`` on the same predictions, all but
SPICE.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import orjson

from vsdkit.answers import read_prediction
from vsdkit.conversation import Conversation, Template
from vsdkit.data.images import FoundImages, ImageFolders, check_images
from vsdkit.data.images.file import note_images, read_noted_images
from vsdkit.data.jsonl import open_atomic, write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import ConfigError, DataError, VsdkitError
from vsdkit.finetune.job import Job
from vsdkit.formats import read_gold
from vsdkit.formats.align import AlignedRow, align, check_gold, sentences_of
from vsdkit.jvm import tokenize
from vsdkit.manifest import hash_file
from vsdkit.metrics import WORST_MBLEU4, bleu4_readings, score_mbleu4, score_relations
from vsdkit.model.answerer import Answerer, ModelAnswer, plan_row_batches
from vsdkit.model.run_folder import EVAL_PREDS, EVAL_PROGRESS, count_seen
from vsdkit.progress import Listener, Tracker
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from vsdkit.model.checkpoint import Loaded

__all__ = [
    "Evaluation",
    "EvaluationBar",
    "Questions",
    "open_questions",
    "read_questions",
    "score_predictions",
    "share_out",
]

_ALONE = "without --eval the same command ends the run; then: vsdkit infer, vsdkit score"
Tokens = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Questions:
    """The gold rows that will be asked, their images found and not yet opened."""

    path: Path
    rows: list[GoldRow]
    images: FoundImages


def read_questions(
    settings: FinetuneSettings, folders: ImageFolders, *, listener: Listener
) -> Questions | None:
    """Return what will be asked at the end of the run; None where nothing is.

    Java is tried, too: what only the end would show is told before training.

    Args:
        settings: Name gold.
        folders: Where its images are looked for.
        listener: Hears what gold was taken for.

    Raises:
        MissingInputError: If gold or an image is not there.
        DataError: If a row is wrong, or has nothing to be scored against.
        MetricError: If Java cannot run.
    """
    path = settings.evaluation
    if path is None:
        return None
    try:
        found = read_gold([path])
    except ConfigError as error:
        raise error.at("--eval", hint="make gold.jsonl: vsdkit build-instructions") from error
    listener.message(f"asked at the end: {found.description}")
    rows = list(check_gold(found.rows, where=str(path)).values())
    if any(row.task > 1 for row in rows):
        tokenize([])
    images = folders.find_all(row.image for row in rows)
    images.require()
    return Questions(path, rows, images)


def open_questions(
    questions: Questions,
    settings: FinetuneSettings,
    *,
    opened: Mapping[str, Any],
    listener: Listener,
) -> dict[str, Any]:
    """Return what the training processes are told of gold, each image opened once.

    Args:
        questions: From ``read_questions``.
        settings: Say whether broken images end the run or are left out with their rows.
        opened: The images of the training rows.
        listener: Shows a bar; hears what is left out, and of images that are trained on.

    Raises:
        DataError: If an image does not open and is not to be left out.
    """
    checked = check_images(
        questions.images, listener=listener, opened=opened, skip_broken=settings.skip_broken
    )
    if checked.broken:
        gone = sum(row.image not in checked.files for row in questions.rows)
        listener.message(
            f"{len(checked.broken):,} pictures of {questions.path} do not open: "
            f"their {gone:,} rows are not asked"
        )
    seen = count_seen(checked.files, opened)
    if seen["seen"]:
        listener.message(
            f"warning: {seen['seen']:,} of {seen['pictures']:,} pictures of {questions.path} are "
            "trained on: the scores at the end say little of new pictures"
        )
    return {
        "gold": str(questions.path.absolute()),
        "sha256": hash_file(questions.path),
        "images": note_images(checked.files),
        "seen_in_training": seen,
    }


class Evaluation:
    """One process's share of the gold rows, checked before training and answered after it.

    Args:
        job: The run; it names gold and the images.
        loaded: The base as it trains.
        batch_size: Rows answered at once. A row's keys and values take no more than the
            activations that it had in training, so as many fit.
        rank: Number of this process.
        processes: How many share the rows.

    Raises:
        DataError: If gold is not what it was when the run began, or a question of this share does
            not fit the base; the row is named.
    """

    def __init__(
        self, job: Job, loaded: Loaded, *, batch_size: int, rank: int, processes: int
    ) -> None:
        assert job.evaluation is not None
        self._facts = job.evaluation
        self._folder = Path(job.folder)
        self._rank, self._processes = rank, processes
        gold = Path(self._facts["gold"])
        if hash_file(gold) != self._facts["sha256"]:
            raise DataError(
                "gold has changed since the run began",
                where=str(gold),
                hint="run the same command again",
            )
        self._images = images = read_noted_images(self._facts["images"])
        self._rows = [row for row in read_gold([gold]).rows if row.image in images]
        self._answerer = Answerer(
            loaded,
            Template.parse(job.template, where="template"),
            Conversation.parse(job.conversation, where="conversation"),
        )
        tokens = {
            name: loaded.preparer.count_tokens((image.height, image.width))
            for name, image in images.items()
        }
        batches = list(plan_row_batches(self._rows, tokens, batch_size=batch_size))
        self._share = share_out(batches, rank=rank, processes=processes)
        for batch in self._share:
            self._answerer.check(batch, tokens)

    def run(self, model: Any) -> dict[str, Any]:
        """Answer the rows, write the predictions, and return what run.json says of them.

        Every process calls it: what ZeRO-3 has cut up is gathered by all, in each forward pass.

        Args:
            model: What was trained; it is put in evaluation mode.

        Raises:
            VsdkitError: If the GPU's memory does not hold a batch, or Java cannot run.
        """
        from vsdkit.model.checkpoint import forget_generation_defaults

        began = time.monotonic()
        model.eval()
        forget_generation_defaults(model.get_base_model())
        loaded = replace(self._answerer.loaded, model=model)
        answers = self._gather(self._answer(replace(self._answerer, loaded=loaded)))
        predictions = [read_prediction(row, answers[row.key].raw) for row in self._rows]
        found: dict[str, Any] = {}
        if self._rank == 0:
            write_rows(self._folder / EVAL_PREDS, (row.to_dict() for row in predictions))
            found = score_predictions(self._rows, predictions)
        return {
            "gold": self._facts["gold"],
            "gold_sha256": self._facts["sha256"],
            "rows": _count_tasks(self._rows),
            "unparsed": dict.fromkeys(_count_tasks(self._rows), 0)
            | _count_tasks(row for row in predictions if row.prediction is None),
            "unfinished": sum(not one.finished for one in answers.values()),
            "seen_in_training": self._facts["seen_in_training"],
            "seconds": round(time.monotonic() - began, 1),
            "scores": found,
        }

    def _answer(self, answerer: Answerer) -> list[ModelAnswer]:
        """Return the answers of this process's share, the repeated ones too."""
        import torch

        answers: list[ModelAnswer] = []
        for batch in self._share:
            try:
                with _gathered(answerer.loaded.model):
                    answers += answerer.answer(batch, self._images)
            except torch.cuda.OutOfMemoryError as error:
                raise VsdkitError(
                    f"the GPU's memory does not hold {len(batch)} answers beside the training's "
                    "state",
                    where=self._facts["gold"],
                    hint=_ALONE,
                ) from error
            if self._rank == 0:
                # The others are about as far: under ZeRO-3 exactly, else by the even shares.
                done = min(len(self._rows), len(answers) * self._processes)
                self._tell(done)
        return answers

    def _tell(self, done: int) -> None:
        with open_atomic(self._folder / EVAL_PROGRESS) as file:
            file.write(orjson.dumps({"answered": done, "rows": len(self._rows)}).decode())

    def _gather(self, own: list[ModelAnswer]) -> dict[Any, ModelAnswer]:
        """Return the answers of all processes by key, on every process."""
        import torch

        shares = [own]
        if self._processes > 1:
            shares = [[] for _ in range(self._processes)]
            torch.distributed.all_gather_object(shares, own)
        return {one.row.key: one for share in shares for one in share}


def _gathered(model: Any) -> AbstractContextManager[Any]:
    """Return a context in which weights are whole that ``generate`` reads outside of their module.

    It has the image's features made before the base's own forward pass, in which alone ZeRO-3
    gathers the weights that stand beside modules, as ``image_newline`` does.
    """
    import deepspeed

    beside = [
        weight
        for module in model.modules()
        if next(module.children(), None) is not None
        for weight in module.parameters(recurse=False)
    ]
    # Below stage 3 they are whole, and it does nothing.
    gathered: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(beside)
    return gathered


class EvaluationBar:
    """Takes the bar over from training when the first rows are answered.

    Args:
        folder: The run's; what an earlier start told there is forgotten.
        listener: Shows the bar.
        bars: Holds the bar of training, and then this one.
    """

    def __init__(self, folder: Path, listener: Listener, bars: ExitStack) -> None:
        self._path = folder / EVAL_PROGRESS
        self.forget()
        self._listener = listener
        self._bars = bars
        self._tracker: Tracker | None = None
        self._answered = 0

    def forget(self) -> None:
        """Remove what was told."""
        self._path.unlink(missing_ok=True)

    def tick(self) -> None:
        """Look how far the answers are."""
        try:
            told = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            # Still training.
            return
        if self._tracker is None:
            # Two bars at once would write over each other.
            self._bars.close()
            track = self._listener.track("evaluation", total=told["rows"])
            self._tracker = self._bars.enter_context(track)
        self._tracker.advance(told["answered"] - self._answered)
        self._answered = told["answered"]


def share_out(
    batches: Sequence[list[GoldRow]], *, rank: int, processes: int
) -> list[list[GoldRow]]:
    """Return the batches of one process: every ``processes``-th, as many as any other has.

    Where a process would have one less it repeats the first of all, of the task with the shortest
    answers: under ZeRO-3 each takes part in every forward pass of the others.

    >>> share_out(["a", "b", "c"], rank=1, processes=2)
    ['b', 'a']
    """
    own = list(batches[rank::processes])
    lacking = math.ceil(len(batches) / processes) - len(own)
    return own + list(batches[:1]) * lacking


def score_predictions(
    gold: Sequence[GoldRow], predictions: Sequence[PredictionRow]
) -> dict[str, dict[str, float]]:
    """Return the numbers of each task by the names that ``vsdkit score --json`` gives them.

    ``bleu4`` of task 3, which ``score`` has not, is made as SPICE of task 3 is: each sentence with
    its best reference, mean of the three, then of the rows.

    Args:
        gold: Rows with known answers.
        predictions: One for each of them.

    Raises:
        MetricError: If Java cannot run; it splits sentences into words.
    """
    aligned = align({row.key: row for row in gold}, {row.key: row for row in predictions}).rows
    spoken = [row for task in (2, 3) for row in aligned.get(task, ())]
    sentences = sentences_of(spoken)
    tokens = dict(zip(sentences, tokenize(sentences), strict=True)) if sentences else {}
    numbers = {1: _of_labels, 2: _of_sentences, 3: _of_triples}
    return {f"task{task}": numbers[task](rows, tokens) for task, rows in aligned.items()}


def _of_labels(rows: Sequence[AlignedRow], tokens: Tokens) -> dict[str, float]:
    del tokens  # a label is a whole
    score = score_relations(
        [frozenset(row.gold.relations) for row in rows], [row.label for row in rows]
    )
    return {"f1_micro": score.micro, "f1_macro": score.macro, "accuracy": score.accuracy}


def _of_sentences(rows: Sequence[AlignedRow], tokens: Tokens) -> dict[str, float]:
    said = [row.words(tokens) for row in rows]
    readings = bleu4_readings([words for (words,), _ in said], [known for _, known in said])
    return {
        "bleu4": fmean(max(values) for values in readings.by_reference),
        "bleu4_coco": readings.together.corpus,
    }


def _of_triples(rows: Sequence[AlignedRow], tokens: Tokens) -> dict[str, float]:
    said = [row.words(tokens) for row in rows]
    cases = [(words, known) for sentences, known in said for words in sentences]
    best = [
        max(values)
        for values in bleu4_readings(
            [words for words, _ in cases], [known for _, known in cases]
        ).by_reference
    ]
    answered = [sentences for row, (sentences, _) in zip(rows, said, strict=True) if row.answers]
    alike = iter(score_mbleu4(answered).items if answered else ())
    return {
        "bleu4": fmean(fmean(best[start : start + 3]) for start in range(0, len(best), 3)),
        "mbleu4": fmean(next(alike) if row.answers else WORST_MBLEU4 for row in rows),
    }


def _count_tasks(rows: Iterable[GoldRow | PredictionRow]) -> dict[str, int]:
    counts = Counter(row.task for row in rows)
    return {str(task): counts[task] for task in sorted(counts)}
