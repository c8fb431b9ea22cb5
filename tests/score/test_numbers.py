"""One declaration is all that a number needs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vsdkit.data.records import GoldRow, RowKey
from vsdkit.formats.align import AlignedRow
from vsdkit.score import numbers
from vsdkit.score.headline import HEADLINE
from vsdkit.score.measure import Evidence
from vsdkit.score.numbers import (
    NUMBERS,
    OVERALL,
    TASK_TOTALS,
    all_declared,
    headline_of,
    of_sentences,
    parts_of,
)
from vsdkit.score.report import Difference, ScoreReport, SystemReport
from vsdkit.score.signatures import all_signatures
from vsdkit.score.system_scores import SystemScores
from vsdkit.score.uncertainty import ImageResamples, differences_of, intervals_of


def answer_length(
    sentences: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> list[float]:
    """Return the words of each sentence in percent of its first reference's."""
    return [
        100 * len(words) / len(texts[0]) for words, texts in zip(sentences, references, strict=True)
    ]


ANSWER_LENGTH = of_sentences(
    "answer_length", answer_length, task=2, title="answer length", own="refs:first|mean of items"
)


@pytest.fixture
def with_answer_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "NUMBERS", (*NUMBERS, ANSWER_LENGTH))


@pytest.mark.usefixtures("with_answer_length")
def test_a_further_number_of_sentences_is_one_declaration_and_stands_everywhere(
    gold: dict[RowKey, GoldRow], scored: Callable[..., SystemScores]
) -> None:
    key = "task2.answer_length"
    first, second = scored("a", 1), scored("b", 2)
    of_rows = [item["answer_length"] for item in first.items[2]]
    assert len(set(of_rows)) > 2
    assert first.numbers[key] == pytest.approx(sum(of_rows) / 30)
    resamples = ImageResamples(gold.values(), number=200, seed=0)
    values = tuple(resamples.values(one, "paper") for one in (first, second))
    intervals = intervals_of(values[0])
    signatures = all_signatures(java="25", tuples_version="0", captions=True)
    assert str(signatures[key]).startswith("refs:first|mean of items|tok:ptb-3.4.1|case:lower|")
    alone = ScoreReport(
        [SystemReport("a", first.numbers, intervals=intervals)], signatures, all_numbers=True
    )
    (row,) = (row for row in alone.tables()[0].rows if row[0] == "2 answer length")
    low, high = alone.to_dict()["intervals"][key]
    assert low < alone.to_dict()["task2"]["answer_length"] < high
    assert row == ("2 answer length", first.numbers[key], f"{low:.2f} to {high:.2f}")
    apart = differences_of(first, second, values)  # type: ignore[arg-type]
    assert apart[key].interval is not None
    both = ScoreReport(
        [SystemReport(one.name, one.numbers) for one in (first, second)],
        signatures,
        differences=[Difference("b", "a", apart)],
        all_numbers=True,
        with_signatures=True,
    )
    compared, own, shared, *_ = both.tables()
    (line,) = (row for row in compared.rows if row[0] == "2 answer length")
    assert line[3] == f"{apart[key].difference:+.4f}"
    assert dict(own.rows)["2 answer length"] == "refs:first|mean of items"
    assert any("2 answer length" in str(row[0]).split(", ") for row in shared.rows)


def test_a_row_without_an_answer_has_the_value_of_silence() -> None:
    silent = of_sentences(
        "answer_length",
        answer_length,
        task=2,
        title="answer length",
        own="",
        better="lower",
        silence=250,
    )
    row = AlignedRow(GoldRow("7", "7.jpg", 2, "cup", "table", references=("a cup",)), None)
    evidence = Evidence(tokens={"a cup": ["a", "cup"]})
    assert silent.metric.measure([row], evidence).rows == [{"answer_length": 250}]


def test_where_lower_is_better_silence_must_have_a_value() -> None:
    with pytest.raises(ValueError, match="say what a row without an answer is worth"):
        of_sentences("words", answer_length, task=2, title="words", own="", better="lower")


def test_the_guides_example_is_a_declaration() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    block = textwrap.dedent(guide.partition("```python\n")[2].partition("```")[0])
    names = {"of_sentences": of_sentences, "length_ratio": answer_length}
    exec(textwrap.dedent(block), names)
    (_, declared) = names["NUMBERS"]
    assert declared.key == "task2.length_ratio"


def test_no_number_has_the_key_the_label_or_the_column_of_another() -> None:
    declared = all_declared()
    assert len({one.key for one in declared}) == len(declared)
    listed = [one.label for one in NUMBERS if not one.repeats]
    assert len(set(listed)) == len(listed)
    columns = [one.column for one in declared if one.column]
    assert sorted(columns) == sorted(HEADLINE)


def test_a_number_that_repeats_another_is_of_the_same_values() -> None:
    for number in (one for one in NUMBERS if one.repeats):
        (same,) = (
            one
            for one in NUMBERS
            if one is not number
            and (one.metric, one.value) == (number.metric, number.value)
            and one.task == number.task
        )
        assert not same.repeats


def test_parts_stand_in_the_order_of_the_formula() -> None:
    keys = {
        (total.key, reading): [part.key for part in parts_of(total, reading)]
        for total in (*TASK_TOTALS, OVERALL)
        for reading in ("paper", "coco")
    }
    assert keys["z1", "paper"] == keys["z1", "coco"] == ["task1.f1_micro"]
    assert keys["z2", "paper"] == ["task2.bleu4", "task2.spice"]
    assert keys["z2", "coco"] == ["task2.bleu4_coco", "task2.spice_coco"]
    assert keys["z3", "paper"] == ["task3.mbleu4", "task3.spice"]
    assert keys["z3", "coco"] == ["task3.mbleu4_corpus", "task3.spice_coco"]
    assert keys["overall", "coco"] == ["z1", "z2", "z3"]


def test_the_headline_is_the_overall_the_totals_and_their_parts() -> None:
    assert [one.label for one in headline_of("paper")] == [
        *("overall", "z1", "z2", "z3"),
        *("1 F1 micro", "2 BLEU-4", "2 SPICE", "3 mBLEU-4", "3 SPICE"),
    ]
    assert [one.label for one in headline_of("coco")][-2:] == ["3 mBLEU-4 corpus", "3 SPICE coco"]


def test_lower_is_better_where_likeness_is_measured() -> None:
    lower = {one.key for one in all_declared() if one.better == "lower"}
    assert lower == {"task3.mbleu4", "task3.mbleu4_corpus"}
