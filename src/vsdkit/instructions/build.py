"""Write instruction rows and gold rows of VSDv1 and VSDv2, and count what was left out."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vsdkit.conversation import Template, load_template
from vsdkit.data.jsonl import dump_json, dump_line, open_atomic
from vsdkit.data.records import TASKS
from vsdkit.data.vsd_items import Item, LeftOut, gold_rows, split_items
from vsdkit.data.vsd_json import JoinedImage, read_vsd_pair
from vsdkit.errors import ConfigError, DataError
from vsdkit.instructions.rows import instruction_rows
from vsdkit.manifest import Manifest, manifest_path
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.settings.build_instructions import BuildInstructionsSettings

__all__ = ["PAPER_ROWS", "BuildInstructionsReport", "build_instructions"]

PAPER_ROWS: Mapping[int, int] = {1: 20_490, 2: 83_608, 3: 17_241}
"""Rows of each task that the paper made of the train split (LLaVA-VSD, section 3)."""

_PROGRESS_EVERY = 500
"""Images between two movements of the progress bar."""


@dataclass(frozen=True)
class BuildInstructionsReport(Report):
    """What was made and what was left out."""

    images: int
    """How many images the files hold."""
    rows: Mapping[int, int]
    """Task to its number of instruction rows."""
    gold_rows: Mapping[int, int]
    """Task to its number of gold rows."""
    left_out: Mapping[str, int]
    """Reason to how much was left out for it."""
    published: Mapping[str, str]
    """``v1`` and ``v2``: which published file each is or nearly is; empty if that is unknown."""
    template: str
    """Name of the template."""
    seed: int
    """Seed of the choices."""
    outputs: Mapping[str, Path]
    """What each file holds, to the file."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {
            "pictures": self.images,
            "rows": _by_task(self.rows),
            "paper_rows_train": _by_task(PAPER_ROWS),
            "gold_rows": _by_task(self.gold_rows),
            "left_out": dict(self.left_out),
            "published": dict(self.published),
            "template": self.template,
            "seed": self.seed,
            "outputs": {name: str(path) for name, path in self.outputs.items()},
        }

    def tables(self) -> list[Table]:
        """Return a row for each task, and the sum."""
        names = {1: "1 relation", 2: "2 sentence", 3: "3 sentences"}
        rows = [
            (names[task], self.rows[task], PAPER_ROWS[task], self.gold_rows[task]) for task in TASKS
        ]
        columns = (self.rows, PAPER_ROWS, self.gold_rows)
        total, paper, gold = (sum(counts.values()) for counts in columns)
        rows.append(("sum", total, paper, gold))
        return [Table(("task", "rows", "paper (train)", "gold"), rows)]

    def notes(self) -> list[str]:
        """Return which files were read, what was left out, and where the rows are."""
        files = [f"{name}: {told}" for name, told in self.published.items() if told]
        left = [f"left out: {count:,} {reason}" for reason, count in self.left_out.items()]
        written = [f"{name}: {path}" for name, path in self.outputs.items()]
        return [*files, *(left or ["left out: nothing"]), *written]


def build_instructions(
    settings: BuildInstructionsSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> BuildInstructionsReport:
    """Write instruction rows and gold rows of VSDv1 and VSDv2, and return the counts.

    Everything is read and checked before the first row is written; each file appears whole or
    not at all. The same files, settings and seed give the same bytes.

    Args:
        settings: What to read and where to write.
        listener: Hears of the progress.
        origins: Where each setting came from; kept in the manifest.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a file is not what it should be, or the two do not belong together.
        TemplateError: If the template is unknown or wrong.
        ConfigError: If two of the files are one.
        VsdkitError: If a file cannot be written.
    """
    manifest = Manifest(
        "build-instructions",
        settings=settings.model_dump(mode="json"),
        origins=origins,
        packages=("orjson", "jsonlines"),
    )
    outputs = _outputs(settings)
    template = load_template(settings.template)
    with _no_garbage_collection():
        images, v1, v2 = read_vsd_pair(settings.v1, settings.v2)
        if settings.pairs == "all":
            _check_unique_ids(images)
        writer = _write(images, template, settings, listener)
    report = BuildInstructionsReport(
        images=len(images),
        rows={task: writer.rows[task] for task in TASKS},
        gold_rows={task: writer.gold_rows[task] for task in TASKS},
        left_out=dict(sorted(writer.left_out.items())),
        published={"v1": v1.told, "v2": v2.told},
        template=template.name,
        seed=settings.seed,
        outputs=outputs,
    )
    manifest.write(
        outputs["manifest"],
        inputs=(settings.v1, settings.v2),
        outputs=[path for name, path in outputs.items() if name != "manifest"],
        seed=settings.seed,
        template=template.name,
        template_text=template.text,
        pictures=report.images,
        rows=_by_task(report.rows),
        gold_rows=_by_task(report.gold_rows),
        left_out=report.left_out,
        published=report.published,
    )
    return report


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # Records refer to nothing above them, so there are no cycles to find, and looking for them
    # among all pictures again and again takes a quarter of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _write(
    images: list[JoinedImage],
    template: Template,
    settings: BuildInstructionsSettings,
    listener: Listener,
) -> _Writer:
    with ExitStack() as stack:
        writer = _Writer.open(settings, stack)
        tracker = stack.enter_context(listener.track("pictures", total=len(images)))
        for number, image in enumerate(images, start=1):
            for part in split_items(image, keep_all=settings.pairs == "all"):
                if isinstance(part, LeftOut):
                    writer.reject(part)
                else:
                    writer.write(part, template)
            if number % _PROGRESS_EVERY == 0:
                tracker.advance(_PROGRESS_EVERY)
        tracker.advance(len(images) % _PROGRESS_EVERY)
        writer.finish()
    return writer


@dataclass
class _Writer:
    """Writes rows as they come and counts them."""

    settings: BuildInstructionsSettings
    instructions: IO[str]
    gold: IO[str]
    rejects: IO[str] | None
    rows: Counter[int] = field(default_factory=Counter)
    gold_rows: Counter[int] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @classmethod
    def open(cls, settings: BuildInstructionsSettings, stack: ExitStack) -> _Writer:
        """Open all files at once, so that none is renamed before all are whole."""
        rejects = settings.rejects
        return cls(
            settings,
            instructions=stack.enter_context(open_atomic(settings.output)),
            gold=stack.enter_context(open_atomic(settings.gold)),
            rejects=None if rejects is None else stack.enter_context(open_atomic(rejects)),
        )

    def write(self, item: Item, template: Template) -> None:
        """Write the rows of one item."""
        lines: list[str] = []
        tasks = self.settings.tasks
        for row in instruction_rows(item, template, seed=self.settings.seed):
            if row.task not in tasks:
                continue
            if isinstance(row, LeftOut):
                self.reject(row)
            else:
                lines.append(self._line(row.to_dict()))
                self.rows[row.task] += 1
        # At once: a file's write costs as much as a row takes to become text.
        self.instructions.write("".join(lines))
        lines.clear()
        for gold_row in gold_rows(item):
            if isinstance(gold_row, LeftOut):
                self.reject(gold_row)
            else:
                lines.append(dump_line(gold_row.to_dict()))
                self.gold_rows[gold_row.task] += 1
        self.gold.write("".join(lines))

    def reject(self, left_out: LeftOut) -> None:
        """Count what was left out, and keep it if a file was named."""
        self.left_out[left_out.reason] += 1
        if self.rejects is not None:
            self.rejects.write(dump_line(left_out.to_dict()))

    def finish(self) -> None:
        """Close the list of ``--format json``."""
        if self.settings.format == "json":
            self.instructions.write("\n]\n" if self.rows else "[]\n")

    def _line(self, row: Mapping[str, Any]) -> str:
        if self.settings.format == "jsonl":
            return dump_line(row)
        return ("," if self.rows else "[") + "\n" + dump_json(row)


def _outputs(settings: BuildInstructionsSettings) -> dict[str, Path]:
    outputs = {"instructions": settings.output, "gold": settings.gold}
    if settings.rejects is not None:
        outputs["rejects"] = settings.rejects
    outputs["manifest"] = manifest_path(settings.output)
    files = {"v1": settings.v1, "v2": settings.v2} | outputs
    named: dict[Path, str] = {}
    for name, path in files.items():
        other = named.setdefault(path.resolve(), name)
        if other != name:
            raise ConfigError(
                f"{other} and {name} are the same file", where=str(path), hint="name another file"
            )
    return outputs


def _check_unique_ids(images: list[JoinedImage]) -> None:
    # "7#2" may be the second item of image "7" or an image of that name.
    ids = {image.id for image in images}
    for image in images:
        for part in split_items(image, keep_all=True):
            if isinstance(part, Item) and part.id != image.id and part.id in ids:
                raise DataError(
                    f"a further pair of {image.id!r} is called {part.id!r}, as another picture is",
                    where=f"img_id {part.id!r}",
                    hint="rename that picture, or leave --pairs all out",
                )


def _by_task(counts: Mapping[int, int]) -> dict[str, int]:
    return {f"task{task}": counts[task] for task in TASKS}
