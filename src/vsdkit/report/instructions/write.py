"""Write the page of instruction rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.conversation import Template, load_conversation, shipped_templates
from vsdkit.data.images import FoundImages, ImageFile, ImageFolders
from vsdkit.data.records import TASKS, GoldRow
from vsdkit.errors import ConfigError, DataError
from vsdkit.finetune.rows import InstructionTable
from vsdkit.formats.gold import read_gold
from vsdkit.manifest import manifest_path, read_output_facts
from vsdkit.progress import Listener
from vsdkit.report.command import describe_writing
from vsdkit.report.instructions.base import make_counter, settings_for
from vsdkit.report.instructions.lengths import count_lengths, token_counter, word_counter
from vsdkit.report.instructions.samples import SampleRow, choose_places, show_sample
from vsdkit.report.instructions.tags import make_table
from vsdkit.report.instructions.tally import Tally, tally_rows
from vsdkit.report.instructions.wordings import Wordings
from vsdkit.report.page import Page, assets_named, readable
from vsdkit.report.thumbnails import Thumbnail, make_thumbnails
from vsdkit.report.written import WrittenReport
from vsdkit.score.diagnosis.sides import count_sides
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.report import ReportSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["write"]

_LISTED = 200
"""Names of pictures without files that the page lists; the others are counted."""
_NAMES = {1: "the relation", 2: "one sentence", 3: "three sentences"}


class _AbsentPicture(NamedTuple):
    name: str
    rows: int
    reason: str


def write(settings: ReportSettings, *, listener: Listener, gold_is_named: bool) -> WrittenReport:
    """Write the page and return what it holds.

    Args:
        settings: What is looked at.
        listener: Shows bars.
        gold_is_named: Whether gold must be there.

    Raises:
        VsdkitError: As ``write_instructions`` says.
    """
    path = _one_file(settings.inputs)
    page = Page(settings.output)
    training = settings_for(path, settings.base)
    folders = None if settings.images is None else ImageFolders(settings.images)
    gold, gold_told = _read_gold(settings.gold, must_be_there=gold_is_named)
    table = InstructionTable.load(path)
    noted = _read_noted(path)
    # The noted one first: of two templates with the same questions it is the one.
    wordings = Wordings([*filter(None, [noted]), *shipped_templates()])
    tally = tally_rows(table, wordings, gold, total=len(table), listener=listener)
    found = None if folders is None else folders.find_all(tally.rows_of_image)
    sampled = table.take(choose_places(len(table), seed=settings.seed))
    files = _open_files(sampled.images, found)
    thumbnails = make_thumbnails(
        {name: Path(file.path) for name, file in files.items()}, page, listener
    ).thumbnails
    samples, tokenizer = _show_samples(sampled, training, files, thumbnails, gold)
    absent = [] if found is None else _absent(found, tally)
    index = page.finish(
        "instructions.html",
        title=f"instruction rows: {readable(path.name)}",
        assets=("shared.css", "copy.js", *assets_named("instructions")),
        **describe_writing(settings),
        file=readable(str(path)),
        digest=table.digest,
        rows=len(table),
        **_tell_counts(tally, wordings, noted),
        gold=gold_told,
        sides=count_sides({one: gold[one] for one in tally.items & gold.keys()}, {}),
        **_tell_lengths(tally, tokenizer, listener=listener),
        base=settings.base,
        images=None if settings.images is None else [readable(str(one)) for one in settings.images],
        absent=absent[:_LISTED],
        absent_count=len(absent),
        absent_rows=sum(one.rows for one in absent),
        samples=samples,
        seed=settings.seed,
    )
    return WrittenReport(
        page=index,
        kind="instructions",
        counts={
            "rows": len(table),
            **{f"rows_task{task}": tally.tasks[task] for task in TASKS},
            "pictures": len(tally.rows_of_image),
            **({} if found is None else {"pictures_without_files": len(absent)}),
        },
        sizes=page.count_bytes(),
        files=[path, *(settings.gold if gold else ())],
        remarks=_remarks(settings, tokenizer is None, has_gold=bool(gold)),
    )


def _tell_counts(tally: Tally, wordings: Wordings, noted: Template | None) -> dict[str, Any]:
    """Return what the page tells of rows, tags and wordings."""
    return {
        "items": len(tally.items),
        "pictures": len(tally.rows_of_image),
        "tasks": [(task, _NAMES[task], tally.tasks[task]) for task in TASKS],
        "tags": [
            make_table(tally.by_object, role="object"),
            make_table(tally.by_subject, role="subject"),
        ],
        "several_relations": tally.several_relations,
        "without_gold": tally.without_gold,
        "noted_template": "" if noted is None else noted.name,
        "wordings": [
            (one, round(100 * one.rows / tally.tasks[one.task], 1) if one.rows else 0)
            for one in wordings.counted(tally.wordings)
        ],
        "other_wordings": sum(tally.other_wordings.values()),
        "other_questions": tally.other_questions,
    }


def _tell_lengths(
    tally: Tally, tokenizer: PreTrainedTokenizerBase | None, *, listener: Listener
) -> dict[str, Any]:
    """Return what the page tells of the lengths of questions and answers."""
    count = word_counter if tokenizer is None else token_counter(tokenizer)
    return {
        "unit": "words" if tokenizer is None else "tokens",
        "lengths": [
            *count_lengths(tally.questions, count, listener=listener, what="question"),
            *count_lengths(tally.answers, count, listener=listener, what="answer"),
        ],
    }


def _one_file(inputs: Sequence[Path]) -> Path:
    if len(inputs) > 1:
        raise ConfigError(
            f"a page is about one file of instruction rows, and these are {len(inputs)}",
            where=", ".join(map(str, inputs)),
            hint="write a report of each, into folders of their own: --output FOLDER",
        )
    return inputs[0]


def _read_gold(paths: Sequence[Path], *, must_be_there: bool) -> tuple[dict[str, GoldRow], str]:
    """Return a gold row of each item, by id, and what the files were taken for."""
    if not must_be_there and not all(path.is_file() for path in paths):
        return {}, ""
    gold = read_gold(paths)
    return {row.id: row for row in gold.rows}, gold.description


def _read_noted(path: Path) -> Template | None:
    """Return the template that is noted beside the rows, if one is."""
    text = read_output_facts(path).get("template_text")
    return Template.parse(text, where=str(manifest_path(path))) if isinstance(text, str) else None


def _show_samples(
    rows: InstructionTable,
    training: FinetuneSettings,
    files: Mapping[str, ImageFile],
    thumbnails: Mapping[str, Thumbnail],
    gold: Mapping[str, GoldRow],
) -> tuple[list[SampleRow], PreTrainedTokenizerBase | None]:
    """Return the rows that are shown, and the base's tokenizer if it is here."""
    counter = make_counter(training, rows, files)
    conversation = load_conversation(training.conversation)
    tokens = counter.image_tokens_of_rows()
    samples = [
        show_sample(
            row,
            counter=counter,
            conversation=conversation,
            image_tokens=count,
            thumbnail=thumbnails.get(row.image),
            gold=gold,
        )
        for row, count in zip(rows, tokens, strict=True)
    ]
    return samples, counter.tokenizer


def _open_files(names: Sequence[str], found: FoundImages | None) -> dict[str, ImageFile]:
    files = {}
    for name in names:
        path = None if found is None else found.paths.get(name)
        if path is None:
            continue
        try:
            files[name] = ImageFile.measure(path)
        except DataError:
            # Twenty rows are shown: the check of all pictures is that of a dry run.
            continue
    return files


def _absent(found: FoundImages, tally: Tally) -> list[_AbsentPicture]:
    return [
        _AbsentPicture(one.image, tally.rows_of_image[one.image], readable(one.reason))
        for one in (*found.missing, *found.ambiguous)
    ]


def _remarks(settings: ReportSettings, in_words: bool, *, has_gold: bool) -> list[str]:
    remarks = []
    if in_words:
        remarks.append(
            f"lengths are in words: the tokenizer of {settings.base} is not on this machine "
            f"(hf download {settings.base} --include '*.json', or name another --base)"
        )
    if not has_gold:
        remarks.append(
            "no gold: relations are what rows of task 1 answer or sentences state, and left and "
            "right were not held against boxes (--gold gold.jsonl)"
        )
    if settings.images is None:
        remarks.append("no pictures were looked for (--images FOLDER)")
    return remarks
