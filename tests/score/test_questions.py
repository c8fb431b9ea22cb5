from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.data.jsonl import read_rows, write_rows
from vsdkit.errors import ConfigError, DataError, TemplateError
from vsdkit.score.questions import export_questions
from vsdkit.settings.score import ScoreSettings

ROW = {"id": "1", "image": "1.jpg", "subject": "cup", "object": "tray"}


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Write gold rows of which no answer is known."""
    write_rows(tmp_path / "gold.jsonl", [ROW | {"task": task} for task in (1, 2, 3)])
    return tmp_path / "gold.jsonl"


def test_a_question_for_each_row_whether_its_answer_is_known_or_not(gold: Path) -> None:
    output = gold.with_name("questions.jsonl")
    settings = ScoreSettings(gold=(gold,), export_questions=output)
    assert export_questions(settings).questions == 3
    rows = [row for _, row in read_rows(output)]
    assert [row["question_id"] for row in rows] == ["1/1", "1/2", "1/3"]
    assert all("cup" in row["text"] and "tray" in row["text"] for row in rows)


def test_questions_of_one_task(gold: Path) -> None:
    output = gold.with_name("questions.jsonl")
    export_questions(ScoreSettings(gold=(gold,), export_questions=output, task=3))
    assert [row["question_id"] for _, row in read_rows(output)] == ["1/3"]
    write_rows(gold, [ROW | {"task": 1}])
    with pytest.raises(DataError, match="no gold rows of task 3"):
        export_questions(ScoreSettings(gold=(gold,), export_questions=output, task=3))


def test_gold_is_not_written_over(gold: Path) -> None:
    before = gold.read_bytes()
    with pytest.raises(ConfigError, match="--export-questions and gold"):
        export_questions(ScoreSettings(gold=(gold,), export_questions=gold))
    assert gold.read_bytes() == before


def test_template_can_be_another(gold: Path) -> None:
    output = gold.with_name("questions.jsonl")
    settings = ScoreSettings(gold=(gold,), export_questions=output, question_template="none")
    with pytest.raises(TemplateError):
        export_questions(settings)
    assert not output.exists()


def test_without_a_file_it_is_told(gold: Path) -> None:
    with pytest.raises(ConfigError, match="no file for the questions"):
        export_questions(ScoreSettings(gold=(gold,)))
