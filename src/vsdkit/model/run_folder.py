"""A run folder: the names of its files, and what it says of its adapter, written and read here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vsdkit.conversation import Conversation, Template
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import CheckpointError, DataError, MissingInputError
from vsdkit.manifest import Manifest, hash_file, read_manifest
from vsdkit.settings.defaults import RUNS

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_WEIGHTS",
    "CHECKPOINTS",
    "EVAL_PREDS",
    "EVAL_PROGRESS",
    "JOB",
    "LOG",
    "LOSS_CURVE",
    "METRICS",
    "MODEL_CARD",
    "NODE_LOG",
    "RUN",
    "TRAINING_IMAGES",
    "WHOLE",
    "TrainedRun",
    "count_seen",
    "is_complete",
    "newest_run",
]

RUN: Final = "run.json"
"""Written last: with ``"complete": true`` it is the completion mark."""
ADAPTER_CONFIG: Final = "adapter_config.json"
ADAPTER_WEIGHTS: Final = "adapter_model.safetensors"
METRICS: Final = "metrics.jsonl"
"""One row a step."""
LOSS_CURVE: Final = "loss.png"
MODEL_CARD: Final = "README.md"
TRAINING_IMAGES: Final = "training_images.txt"
"""Names of the images, one a line."""
JOB: Final = "job.json"
"""What the parent tells the training processes; a folder without it holds no run."""
LOG: Final = "train.log"
NODE_LOG: Final = "train.node{rank}.log"
"""The same of a machine that starts its own processes, for all but the first."""
EVAL_PREDS: Final = "eval_preds.jsonl"
"""What the adapter answered to gold at the end of training, as ``vsdkit infer`` writes it."""
EVAL_PROGRESS: Final = "eval_progress.json"
"""How many rows of gold are answered; there while they are."""
CHECKPOINTS: Final = "checkpoints"
"""While training only; removed when the run is complete."""
WHOLE: Final = "whole"
"""In a checkpoint: written last, after every process wrote its part; sizes of its files."""

_TEMPLATE: Final = "template.yaml"
_CONVERSATION: Final = "conversation.yaml"
_TRAIN_AGAIN: Final = "copy the whole run folder, or train again: vsdkit finetune"


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A complete run: an adapter, and everything that must be the same when it is asked."""

    folder: Path
    """The run's folder, with the adapter in it."""
    base: str
    """Base model: a hub id, a folder, or ``tiny``."""
    image_mode: str
    """``single`` or ``anyres``."""
    template: Template
    """What the questions of its rows were made with."""
    conversation: Conversation
    """What stands around a question."""
    training_images: frozenset[str]
    """Names of the images that it was trained on."""
    base_commit: str | None = None
    """Of the base's files, from ``base_files.base_commit``; None for a run of an older version."""

    def write(self, manifest: Manifest, *, inputs: Iterable[Path], **facts: Any) -> None:
        """Write what stands beside the adapter, which is there already; run.json comes last.

        Args:
            manifest: Begun when training began.
            inputs: Files that were read; run.json keeps their hashes.
            **facts: Anything else that run.json should say of the run, as JSON.
        """
        self.write_texts(self.folder)
        manifest.write(
            self.folder / RUN,
            inputs=inputs,
            outputs=[self.folder / name for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)],
            base=self.base,
            base_commit=self.base_commit,
            image_mode=self.image_mode,
            template=self.template.name,
            template_text=self.template.text,
            conversation=self.conversation.name,
            **facts,
            complete=True,
        )

    def write_texts(self, folder: Path) -> None:
        """Write template, conversation format and training images, as ``read_texts`` reads them."""
        for name, text in (
            (_TEMPLATE, self.template.text),
            (_CONVERSATION, self.conversation.text),
            (TRAINING_IMAGES, "".join(f"{name}\n" for name in sorted(self.training_images))),
        ):
            with open_atomic(folder / name) as file:
                file.write(text)

    @classmethod
    def read_texts(cls, folder: Path, facts: dict[str, Any]) -> TrainedRun:
        """Return the run that a folder's texts and run.json tell of; no weight is looked at.

        Args:
            folder: Of a run, or of a model that was merged from one.
            facts: The content of its run.json.

        Raises:
            CheckpointError: If a text is missing.
            DataError: If run.json lacks a fact.
        """
        place = folder / RUN
        images = _stored(folder, TRAINING_IMAGES)
        return cls(
            folder=folder,
            base=_fact(facts, "base", place),
            image_mode=_fact(facts, "image_mode", place),
            template=Template.parse(_stored(folder, _TEMPLATE), where=str(folder / _TEMPLATE)),
            conversation=Conversation.parse(
                _stored(folder, _CONVERSATION), where=str(folder / _CONVERSATION)
            ),
            training_images=frozenset(line for line in images.split("\n") if line),
            base_commit=facts.get("base_commit"),
        )

    @classmethod
    def read(cls, folder: Path) -> TrainedRun:
        """Return the run that ``write`` wrote.

        Raises:
            CheckpointError: If there is no adapter, its training did not end, or a file is missing.
            DataError: If run.json lacks a fact.
        """
        place = folder / RUN
        has_weights = (folder / ADAPTER_WEIGHTS).is_file()
        if not place.is_file() and (folder / JOB).is_file():
            raise _not_ended(folder)
        if not place.is_file():
            raise CheckpointError(
                f"the adapter has no {RUN}: what it was trained with is not known"
                if has_weights
                else ("no adapter here" if folder.is_dir() else "no such folder"),
                where=str(folder),
                hint="name a run folder of `vsdkit finetune`, as runs/NAME",
            )
        facts = read_manifest(place)
        if facts.get("complete") is not True:
            raise _not_ended(folder)
        if not has_weights:
            raise CheckpointError(
                f"no adapter here: {ADAPTER_WEIGHTS} is missing",
                where=str(folder),
                hint=_TRAIN_AGAIN,
            )
        return cls.read_texts(folder, facts)

    def hash_weights(self) -> str:
        """Return the SHA-256 of the adapter's weights; seconds for the GB of a 13B model's."""
        return hash_file(self.folder / ADAPTER_WEIGHTS)


def count_seen(images: Iterable[str], trained: Collection[str]) -> dict[str, int]:
    """Return how many images there are (``pictures``), and how many were trained on (``seen``).

    Args:
        images: Names.
        trained: Names of the images of a training.
    """
    by_last = {Path(name).name for name in trained}
    # Of two names with folders both must be the same; one without may mean any folder's.
    seen = [
        name in trained or Path(name).name in trained or ("/" not in name and name in by_last)
        for name in images
    ]
    return {"pictures": len(seen), "seen": sum(seen)}


def is_complete(folder: Path) -> bool:
    """Say whether a run folder has its completion mark."""
    return _facts(folder).get("complete") is True


def newest_run(runs: Path = RUNS, *, instead: str = "") -> Path:
    """Return the complete run folder that was begun last.

    Args:
        runs: Holds run folders.
        instead: What else can be done where there is none, for the hint.

    Raises:
        CheckpointError: If there is none.
    """
    complete = [
        (str(facts.get("started", "")), path.parent)
        for path in sorted(runs.glob(f"*/{RUN}"))
        if (facts := _facts(path.parent)).get("complete") is True
    ]
    if not complete:
        raise CheckpointError(
            "no complete adapter found",
            where=f"{runs}/",
            hint=f"train one: vsdkit finetune; or name the folder of one elsewhere{instead}",
        )
    return max(complete)[1]


def _not_ended(folder: Path) -> CheckpointError:
    return CheckpointError(
        "the training of this adapter did not end",
        where=str(folder),
        hint=f"go on with it, by the same command as before: vsdkit finetune --name {folder.name}",
    )


def _facts(folder: Path) -> dict[str, Any]:
    """Return what a folder's run.json says; nothing if there is none that can be read."""
    try:
        return read_manifest(folder / RUN)
    except (MissingInputError, DataError):
        return {}


def _stored(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"the adapter's {name} is missing", where=str(folder), hint=_TRAIN_AGAIN
        ) from error


def _fact(facts: dict[str, Any], name: str, place: Path) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or not value:
        raise DataError(f"field {name!r} must be text, got {value!r}", where=str(place))
    return value
