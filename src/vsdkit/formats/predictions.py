"""Predictions in any of the known forms -> rows keyed as gold rows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdkit.answers import parse_answer
from vsdkit.data.jsonl import NumberedRow, read_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError, ConfigError, DataError
from vsdkit.formats.content import Placed, keep_one_each, read_content, split_lines
from vsdkit.formats.kinds import PREDICTION_KINDS, decide_kind
from vsdkit.formats.order import check_prompts, match_order
from vsdkit.formats.questions import question_id
from vsdkit.formats.submission import find_files, read_submission

__all__ = ["PredictionFile", "read_predictions"]


@dataclass(frozen=True)
class PredictionFile:
    """The rows of a file of predictions.

    ``description`` is one line for the user: what the file was taken for, and why.
    """

    kind: str
    rows: tuple[PredictionRow, ...]
    description: str


def read_predictions(
    paths: Sequence[Path],
    gold: Sequence[GoldRow],
    *,
    kind: str | None = None,
    task: int | None = None,
) -> PredictionFile:
    r"""Return the predictions in one file, or in the two files or the folder of a submission.

    A sentence may hold anything: line breaks in JSON, U+2028, tabs, emoji. Half of a surrogate
    pair becomes U+FFFD. In plain text ``\n`` alone ends a row. Rows without a counterpart in gold
    and gold rows without an answer are for the caller to compare.

    Args:
        paths: One path, or the two files of a submission in any order.
        gold: The gold rows: answers without ids are matched with them by order, those of a
            submission by picture and tags.
        kind: One of ``PREDICTION_KINDS``; None decides from the content.
        task: The task of answers that do not tell it.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row is wrong; it is named.
        AlignmentError: If rows repeat, or cannot be matched with gold rows.
        ConfigError: If the kind is unknown or does not fit the paths.
    """
    if kind is not None and kind not in PREDICTION_KINDS:
        raise ConfigError(
            f"unknown kind of predictions {kind!r}; known: {', '.join(PREDICTION_KINDS)}"
        )
    files = find_files(paths)
    if kind is None:
        kinds = {decide_kind(read_content(path), path) for path in files}
        kind = "submission" if "submission" in kinds else kinds.pop()
    if kind != "submission" and len(files) != 1:
        raise ConfigError(
            f"{len(files)} files of predictions; only a submission has two",
            where=", ".join(map(str, files)),
            hint="name one file, or task1-2.json and task3.json",
        )
    if kind == "submission":
        placed, told = read_submission(files, gold)
    else:
        placed, told = _READ[kind](files[0], gold, task)
    rows = tuple(one.row for one in keep_one_each(placed))
    if not rows:
        raise AlignmentError("there is no prediction", where=", ".join(map(str, files)))
    names = " and ".join(path.name for path in files)
    return PredictionFile(kind, rows, f"{names}: {told}")


def _read_preds(path: Path, gold: Sequence[GoldRow], task: int | None) -> tuple[list[Placed], str]:  # noqa: ARG001
    if task is not None:
        raise ConfigError(
            f"task {task} is told, but these rows tell their own",
            where=f"{path}, --task",
            hint="leave out --task",
        )
    placed: list[Placed] = []
    for line, row in read_rows(path):
        try:
            prediction = PredictionRow.from_dict(row)
        except DataError as error:
            raise DataError(error.message, where=_where(path, line, row, "id")) from error
        placed.append(Placed(prediction.key, prediction, f"{path}:{line}"))
    return placed, f"vsdkit's own form, {len(placed):,} rows"


def _read_llava(path: Path, gold: Sequence[GoldRow], task: int | None) -> tuple[list[Placed], str]:
    """Read answers of LLaVA's ``model_vqa``, matched by ``question_id``.

    Source:
        haotian-liu/LLaVA ``llava/eval/model_vqa.py`` ``eval_model`` (what it writes).
    """
    by_question = {question_id(row): row for row in gold}
    tasks = {row.task for row in gold} if task is None else {task}
    if len(tasks) == 1:
        # Ids of a rival's own making: the gold id alone, where the task is known.
        by_question |= {row.id: row for row in gold if row.task in tasks}
    placed = []
    for line, row in read_rows(path):
        where = _where(path, line, row, "question_id")
        if "image" in row and not row.keys() & {"prompt", "answer_id", "model_id"}:
            raise DataError(
                "a question, not an answer: it has an image and no prompt",
                where=where,
                hint="score what llava.eval.model_vqa wrote to its --answers-file",
            )
        asked = row.get("question_id")
        key = str(asked) if isinstance(asked, str | int) else ""
        if key not in by_question:
            raise AlignmentError(
                f"question_id {asked!r} is no gold row's",
                where=where,
                hint='ids are "<id>/<task>", as --export-questions writes them; '
                "or the gold rows' own ids with --task",
            )
        text = _answer(row, "text", where)
        placed.append(_parsed(by_question[key], text, f"{path}:{line}"))
    return placed, f"answers of LLaVA's model_vqa, {len(placed):,} rows matched by question_id"


def _read_llama_factory(
    path: Path, gold: Sequence[GoldRow], task: int | None
) -> tuple[list[Placed], str]:
    """Read LLaMA-Factory's ``generated_predictions.jsonl``, matched by order.

    Source:
        hiyouga/LLaMA-Factory ``src/llamafactory/train/sft/trainer.py`` ``save_predictions``.
    """
    rows = list(read_rows(path))
    answers = [_answer(row, "predict", f"{path}:{line}") for line, row in rows]
    order = match_order(gold, answers, task=task, path=path)
    checked = check_prompts(order.gold, [_prompt(row) for row in rows], path)
    placed = [
        _parsed(gold_row, text, f"{path}:{numbered.line}")
        for gold_row, text, numbered in zip(order.gold, answers, rows, strict=True)
    ]
    return placed, (
        f"LLaMA-Factory's generated_predictions, {len(placed):,} rows in gold's order "
        f"({order.reason}; {checked})"
    )


def _read_lines(path: Path, gold: Sequence[GoldRow], task: int | None) -> tuple[list[Placed], str]:
    answers = split_lines(read_content(path), path)
    order = match_order(gold, answers, task=task, path=path)
    placed = [
        _parsed(gold_row, text, f"{path}:{number}")
        for number, (gold_row, text) in enumerate(zip(order.gold, answers, strict=True), start=1)
    ]
    return placed, f"plain text, {len(placed):,} lines in gold's order ({order.reason})"


_READ = {
    "preds": _read_preds,
    "llava": _read_llava,
    "llama-factory": _read_llama_factory,
    "lines": _read_lines,
}


def _parsed(gold: GoldRow, text: str, where: str) -> Placed:
    answer = parse_answer(text, gold.task, tags=(gold.subject, gold.object))
    return Placed(gold.key, PredictionRow(gold.id, gold.task, answer, text), where)


def _answer(row: dict[str, Any], field: str, where: str) -> str:
    text = row.get(field)
    if not isinstance(text, str):
        got = "nothing" if field not in row else repr(text)
        raise DataError(f"field {field!r} must be text, got {got}", where=where)
    return text


def _prompt(numbered: NumberedRow) -> str:
    prompt = numbered.row.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _where(path: Path, line: int, row: dict[str, Any], name: str) -> str:
    return f"{path}:{line}" + (f", {name} {row[name]!r}" if name in row else "")
