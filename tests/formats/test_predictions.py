"""Every form of predictions gives the same rows, and every misfit an error with its place."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import pytest

from vsdkit.conversation import load_template
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError, ConfigError, DataError, MissingInputError
from vsdkit.formats import (
    FORMATS,
    Format,
    FoundRows,
    kinds,
    read_predictions,
    write_questions,
    write_submission,
)
from vsdkit.formats.content import read_content, split_lines
from vsdkit.formats.format import answer_to
from vsdkit.formats.kinds import decide_format
from vsdkit.settings.score import ScoreSettings


def _llava(predictions: list[PredictionRow]) -> list[dict[str, object]]:
    # The keys that LLaVA's llava/eval/model_vqa.py writes.
    return [
        {"question_id": f"{row.id}/{row.task}", "prompt": "What?", "text": row.raw}
        | {"answer_id": "x", "model_id": "rival", "metadata": {}}
        for row in predictions
    ]


def _llama_factory(gold: list[GoldRow], predictions: list[PredictionRow]) -> list[dict[str, str]]:
    # The keys that LLaMA-Factory's train/sft/trainer.py save_predictions writes.
    return [
        {"prompt": f"USER: <image>{row.subject} , {row.object}?", "predict": said.raw or ""}
        | {"label": ""}
        for row, said in zip(gold, predictions, strict=True)
    ]


def _lines(predictions: list[PredictionRow], task: int | None = None) -> str:
    rows = [row for row in predictions if task in (None, row.task)]
    return "".join((row.raw or "").replace("\n", "\\n") + "\n" for row in rows)


def test_every_kind_gives_the_same_rows(
    gold: list[GoldRow], predictions: list[PredictionRow], write, tmp_path: Path
) -> None:
    write_submission(tmp_path / "sub", gold, predictions)
    files = {
        "preds": write("p.txt", [row.to_dict() for row in predictions]),
        "submission": tmp_path / "sub",
        "llava": write("l.jsonl", _llava(predictions)),
        "llama-factory": write("generated_predictions.jsonl", _llama_factory(gold, predictions)),
        "lines": write("lines.txt", _lines(predictions)),
    }
    assert set(files) == {one.name for one in FORMATS}
    wanted = {row.key: row.prediction for row in predictions}
    for kind, path in files.items():
        for forced in (None, kind):
            read = read_predictions([path], gold, kind=forced)
            assert read.kind == kind
            assert {row.key: row.prediction for row in read.rows} == wanted
            assert len(read.description.splitlines()) == 1


def test_settings_and_docs_name_every_format() -> None:
    names = {one.name for one in FORMATS}
    (choices, none) = get_args(ScoreSettings.model_fields["kind"].annotation)
    assert (set(get_args(choices)), none) == (names, type(None))
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert names <= set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))


def _read_tabs(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    by_key = {row.key: row for row in gold}
    rows = []
    for number, line in enumerate(split_lines(read_content(paths[0]), paths[0]), start=1):
        row_id, asked, text = line.split("\t")
        rows.append(answer_to(by_key[row_id, int(asked)], text, f"{paths[0]}:{number}"))
    return FoundRows(rows, f"tabs, {len(rows)} rows")


def test_a_format_more_is_an_entry_more(gold, predictions, write, monkeypatch) -> None:
    tabs = Format("tabs", lambda row, start: row is None and start.count(b"\t") > 1, _read_tabs)
    monkeypatch.setattr(kinds, "FORMATS", (tabs, *kinds.FORMATS))
    text = "".join(f"{row.id}\t{row.task}\t{row.raw!r}\n" for row in predictions[:2])
    for forced in (None, "tabs"):
        read = read_predictions([write("a.tsv", text)], gold, kind=forced)
        assert (read.kind, read.description) == ("tabs", "a.tsv: tabs, 2 rows")
        assert [(row.key, row.prediction) for row in read.rows] == [
            (("41", 1), "above"),
            (("41", 2), repr(predictions[1].raw)),
        ]
    with pytest.raises(AlignmentError, match="id '41', task 1 is there twice"):
        read_predictions([write("a.tsv", text + text)], gold)
    assert read_predictions([write("p.txt", _lines(predictions))], gold).kind == "lines"
    with pytest.raises(
        ConfigError, match="unknown kind of predictions 'stone tablet'; known: tabs, "
    ):
        read_predictions([write("a.tsv", text)], gold, kind="stone tablet")


def test_one_damaged_line_makes_no_other_kind_of_a_file(gold, predictions, write) -> None:
    content = "".join(json.dumps(row.to_dict()) + "\n" for row in predictions)
    for broken in ("x" + content, "[" + content):
        path = write("p.jsonl", broken)
        with pytest.raises(DataError, match="not a JSON object") as caught:
            read_predictions([path], gold)
        assert caught.value.where == f"{path}:1"


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"a": 1}\n{"a": 2}\n', "JSON objects of no known form"), ("", "the file is empty")],
)
def test_file_of_no_kind(gold, write, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_predictions([write("p.jsonl", content)], gold)


def test_file_that_is_not_there(gold, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_predictions([tmp_path / "p.jsonl"], gold)
    with pytest.raises(MissingInputError, match="holds neither"):
        read_predictions([tmp_path], gold)


def test_utf16_is_refused_with_the_command_that_converts(gold, write) -> None:
    with pytest.raises(DataError, match="UTF-16") as caught:
        read_predictions([write("p.txt", "on\n".encode("utf-16"))], gold)
    assert "iconv" in caught.value.hint


def test_kind_and_number_of_files(gold, predictions, write) -> None:
    path = write("p.jsonl", [row.to_dict() for row in predictions])
    with pytest.raises(ConfigError, match="unknown kind of predictions 'stone tablet'"):
        read_predictions([path], gold, kind="stone tablet")
    for kind in ("preds", None):
        with pytest.raises(ConfigError, match="only a submission has two"):
            read_predictions([path, path], gold, kind=kind)
    with pytest.raises(ConfigError, match="3 files of predictions"):
        read_predictions([path, path, path], gold)


def test_preds_row_is_named_by_line_and_id(gold, write) -> None:
    rows = [{"id": "41", "task": 1, "prediction": "on"}, {"id": "42", "task": 3, "prediction": []}]
    path = write("p.jsonl", rows)
    with pytest.raises(DataError, match="three sentences, got 0") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:2, id '42'"


def test_row_that_stands_twice_is_named_by_both_places(gold, predictions, write) -> None:
    rows = _llava(predictions)
    path = write("l.jsonl", [*rows, rows[4]])
    with pytest.raises(AlignmentError, match="id '42', task 2 is there twice") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:5 and {path}:13"


def test_answers_of_rivals_are_parsed_as_our_own(gold, write) -> None:
    # "left" is a word of the tag "left shoe": it is not the answer.
    said = {"41/1": "The red kite is Above the barn.", "44/1": "the left shoe is on the mat"}
    said |= {"41/3": "1. a\n2. b\n3. c", "42/3": "only one", "42/1": "next", "43/1": "no idea"}
    path = write("l.jsonl", [{"question_id": key, "text": text} for key, text in said.items()])
    rows = {f"{row.id}/{row.task}": row for row in read_predictions([path], gold).rows}
    assert {key: row.prediction for key, row in rows.items()} == {
        "41/1": "above",
        "44/1": "on",
        "41/3": ("a", "b", "c"),
        "42/3": None,
        "42/1": "next to",
        "43/1": None,
    }
    assert {key: row.raw for key, row in rows.items()} == said


def test_llava_ids_may_be_golds_where_the_task_is_told(gold, write) -> None:
    path = write("l.jsonl", [{"question_id": 42, "text": "on"}])
    with pytest.raises(AlignmentError, match="question_id 42 is no gold row's") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:1, question_id 42"
    (row,) = read_predictions([path], gold, task=1).rows
    assert (row.id, row.task, row.prediction) == ("42", 1, "on")


def test_llava_answer_must_be_text(gold, write) -> None:
    rows = [{"question_id": "41/2", "text": "a"}, {"question_id": "42/2", "text": None}]
    path = write("l.jsonl", rows)
    with pytest.raises(DataError, match="field 'text' must be text, got None") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:2, question_id '42/2'"


def test_prompts_in_another_order_are_noticed(gold, predictions, write) -> None:
    rows = _llama_factory(gold, predictions)
    rows[3], rows[6] = rows[6], rows[3]
    path = write("g.jsonl", rows)
    with pytest.raises(AlignmentError, match=r"does not name 'cup' and 't\.v\.'") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:4"


def test_prompts_that_name_the_objects_of_other_rows_only_are_noticed(
    gold, predictions, write
) -> None:
    path = write("g.jsonl", _llama_factory(gold, predictions)[::-1])
    with pytest.raises(AlignmentError, match="the prompt does not name 'red kite' and 'barn'"):
        read_predictions([path], gold)


def test_questions_are_no_answers(gold, write) -> None:
    path = write("q.jsonl", "")
    write_questions(path, gold, "llava", load_template("paper"))
    with pytest.raises(DataError, match="a question, not an answer") as caught:
        read_predictions([path], gold)
    assert ":1, question_id '41/1'" in caught.value.where


def test_a_json_list_of_rows_is_told_apart_from_lines(gold, write) -> None:
    path = write("coco.json", json.dumps([{"image_id": 41, "caption": "a kite"}]))
    with pytest.raises(DataError, match="a JSON list of no known form") as caught:
        read_predictions([path], gold)
    assert "JSON Lines" in caught.value.hint


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda row: row.replace('"raw":', '"score": NaN, "raw":'),
            "NaN is no JSON, field 'score'",
        ),
        (lambda row: row.replace('"raw":', '"x": -Infinity, "raw":'), "-Infinity is no JSON"),
        (lambda row: str(json.loads(row)), "single quotes, as Python prints its objects"),
        (lambda row: row + ",", "a comma behind the end"),
        (lambda row: row + row, "a second object behind the first"),
        (lambda row: row[:-9], "it is cut off"),
        (lambda row: row.replace("{", '{"id": "9", '), "the key 'id' stands twice"),
        (lambda row: f"[{row}", "it is cut off|a JSON list of no known form"),
        (lambda row: f" \t{row} }}", "unexpected content"),
        (lambda row: f",{row}", "expected a JSON value"),
        (json.dumps, "a damaged JSON row|not a JSON object|a JSON row among"),
    ],
)
@pytest.mark.parametrize("damaged", [12, 7, 1])
def test_damaged_rows_are_never_scored_as_sentences(
    gold, predictions, write, damage: Callable[[str], str], message: str, damaged: int
) -> None:
    # However many of the twelve are damaged, and wherever a form is decided by majority.
    rows = [json.dumps(row.to_dict()) for row in predictions]
    lines = [damage(row) if place < damaged else row for place, row in enumerate(rows)]
    path = write("p.jsonl", "\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:1"


def test_a_row_among_sentences_is_an_error_and_can_be_taken_for_a_sentence(gold, write) -> None:
    sentences = ["a kite", "a cup", '{"text": "a dog"}', "[a] shoe"]
    path = write("lines.txt", "\n".join(sentences))
    with pytest.raises(DataError, match="a JSON row among lines of plain text") as caught:
        read_predictions([path], gold, task=2)
    assert caught.value.where == f"{path}:3"
    assert "--kind lines" in caught.value.hint
    found = read_predictions([path], gold, task=2, kind="lines")
    assert [row.prediction for row in found.rows] == sentences


def test_answers_to_what_gold_does_not_ask_of_a_picture_are_passed_over(
    gold, predictions, write
) -> None:
    path = write("p.jsonl", [row.to_dict() for row in predictions])
    fewer = [row for row in gold if (row.id, row.task) not in (("42", 2), ("42", 3))]
    found = read_predictions([path], fewer)
    assert [row.key for row in found.rows] == [row.key for row in fewer]
    assert "2 answers to tasks that gold does not have" in found.description
    # Of a picture that gold does not know they are kept, and refused by who compares.
    strangers = read_predictions([path], [row for row in gold if row.id != "42"])
    assert len(strangers.rows) == len(predictions)


def test_packed_files_are_told(gold, write) -> None:
    with pytest.raises(DataError, match="a gzip file, expected text"):
        read_predictions([write("p.jsonl.gz", gzip.compress(b"{}"))], gold)


def test_task_is_not_told_to_rows_that_tell_their_own(gold, predictions, write) -> None:
    path = write("p.jsonl", [row.to_dict() for row in predictions])
    with pytest.raises(ConfigError, match="these rows tell their own"):
        read_predictions([path], gold, task=2)


def test_prompts_that_name_nothing_are_told(gold, predictions, write) -> None:
    rows = [row | {"prompt": "?"} for row in _llama_factory(gold, predictions)]
    told = read_predictions([write("g.jsonl", rows)], gold).description
    assert "the order could not be checked" in told


def test_strange_sentences_shift_no_row(gold, write) -> None:
    strange = [
        "a\u2028b\u2029c",
        "a\tb\x0bc\x0cd\x1ce\x85f",
        "\U0001f600 \u00e9",
        "word " * 10_000,
        "",
        "a\rb",
        "half \\ud83d end",
        "nul \x00",
    ]
    wide = [
        GoldRow(id=str(n), image=f"{n}.jpg", task=2, subject="a", object="b")
        for n in range(len(strange) * 2)
    ]
    texts = [text for one in strange for text in (one, f"plain {one[:1]!a}")]
    lines = write("p.txt", "\n".join(texts) + "\n")
    rows = "".join(
        json.dumps({"question_id": f"{n}/2", "text": text}).replace("\\\\ud83d", "\\ud83d") + "\n"
        for n, text in enumerate(texts)
    )
    for path in (lines, write("l.jsonl", rows)):
        read = read_predictions([path], wide).rows
        assert [row.id for row in read] == [row.id for row in wide]
        for n, row in enumerate(read):
            if n % 2:
                assert row.raw == texts[n]
            else:
                assert (row.prediction is None) == (not texts[n].strip())
    assert read[12].prediction == "half \ufffd end"
    assert read[6].prediction == ("word " * 10_000).strip()


def test_encoded_half_character_in_plain_text(gold, write) -> None:
    path = write("p.txt", b"on\n\xed\xa0\xbd is on\nnext\nleft\n")
    read = read_predictions([path], gold, task=1)
    assert [row.prediction for row in read.rows] == ["on", "on", "next to", "to the left of"]


def test_line_that_is_not_utf8_is_named(gold, predictions, write) -> None:
    path = write("p.txt", b"on\nn\xffxt\nin\nin\n")
    with pytest.raises(DataError, match="not UTF-8 text") as caught:
        read_predictions([path], gold, task=1)
    assert caught.value.where == f"{path}:2"
    whole = "".join(json.dumps(row.to_dict()) + "\n" for row in predictions).encode()
    path = write("p.jsonl", whole.replace(b'"43"', b'"\xff3"', 1))
    with pytest.raises(DataError, match="not UTF-8 text") as caught:
        read_predictions([path], gold)
    assert caught.value.where == f"{path}:7"


@pytest.mark.parametrize(
    "header", ["id;task;prediction", '"id","task","prediction"', "\ufeffID\tAnswer", "text|label"]
)
def test_a_table_is_not_taken_for_sentences(
    write: Callable[[str, str], Path], gold: list[GoldRow], header: str
) -> None:
    path = write("preds.csv", "".join([f"{header}\n", *["7;2;a cup on a tray\n"] * 8]))
    with pytest.raises(DataError, match="a table with a header") as caught:
        read_predictions([path], gold)
    assert caught.value.where.endswith("preds.csv:1")


def test_a_sentence_with_commas_is_no_header(write: Callable[[str, str], Path]) -> None:
    path = write("said.txt", "the label, text and image of the object\n")
    assert decide_format(path.read_bytes(), path).name == "lines"
