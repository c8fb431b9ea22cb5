"""Questions for rivals, and their answers read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vsdkit.conversation import load_template
from vsdkit.data.jsonl import read_rows, write_rows
from vsdkit.errors import ConfigError
from vsdkit.formats import QUESTION_KINDS, read_predictions, write_questions


def test_unknown_kind(tmp_path: Path, gold) -> None:
    with pytest.raises(ConfigError, match="unknown kind of questions 'csv'"):
        write_questions(tmp_path / "q.jsonl", gold, "csv", load_template("paper"))


@pytest.mark.parametrize("template", ["paper", "varied"])
@pytest.mark.parametrize("kind", QUESTION_KINDS)
def test_answers_come_back_to_their_rows(
    tmp_path: Path, gold, predictions, kind: str, template: str
) -> None:
    path = tmp_path / "question.jsonl"
    assert write_questions(path, gold, kind, load_template(template)) == len(gold) == 12
    asked = [row for _, row in read_rows(path)]
    raws = [row.raw for row in predictions]
    if kind == "llava":
        # What eval_model of LLaVA's model_vqa.py takes of a question and writes of its answer.
        said = [
            {"question_id": q["question_id"], "prompt": q["text"], "text": text}
            | {"answer_id": "7", "model_id": "m", "metadata": {}}
            for q, text in zip(asked, raws, strict=True)
        ]
        assert all(set(q) == {"question_id", "image", "text", "category"} for q in asked)
        assert not any("<image>" in q["text"] for q in asked)
        said.reverse()
    else:
        # What save_predictions of LLaMA-Factory's trainer.py writes, in the order of its rows.
        said = [
            {"prompt": f"USER: {q['conversations'][0]['value']} ASSISTANT:", "predict": text}
            | {"label": ""}
            for q, text in zip(asked, raws, strict=True)
        ]
    answers = tmp_path / "answers.jsonl"
    write_rows(answers, said)
    read = read_predictions([answers], gold)
    assert read.kind == kind
    assert {row.key: row.prediction for row in read.rows} == {
        row.key: row.prediction for row in predictions
    }


def test_no_answer_is_given_away(tmp_path: Path, gold) -> None:
    path = tmp_path / "q.jsonl"
    write_questions(path, gold, "llama-factory", load_template("paper"))
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert [turn["from"] for turn in first["conversations"]] == ["human", "gpt"]
    assert first["conversations"][1]["value"] == ""
    assert first["images"] == ["41.jpg"]
    assert first["conversations"][0]["value"].startswith("<image>\nGiven the image, choose")
    assert "relations" not in first
    assert "references" not in first
