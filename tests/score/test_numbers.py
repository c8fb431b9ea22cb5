"""One declaration is all that a number needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from vsdkit.data.records import GoldRow, RowKey
from vsdkit.score import numbers
from vsdkit.score.headline import HEADLINE
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


def length_ratio(
    sentences: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> list[float]:
    """Return the words of each sentence in percent of its first reference's."""
    return [
        100 * len(words) / len(texts[0]) for words, texts in zip(sentences, references, strict=True)
    ]


LENGTH_RATIO = of_sentences(
    "length_ratio", length_ratio, task=2, title="length ratio", own="refs:first|mean of items"
)


@pytest.fixture
def with_length_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "NUMBERS", (*NUMBERS, LENGTH_RATIO))


@pytest.mark.usefixtures("with_length_ratio")
def test_a_further_number_of_sentences_is_one_declaration_and_stands_everywhere(
    gold: dict[RowKey, GoldRow], scored: Callable[..., SystemScores]
) -> None:
    key = "task2.length_ratio"
    first, second = scored("a", 1), scored("b", 2)
    of_rows = [item["length_ratio"] for item in first.items[2]]
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
    (row,) = (row for row in alone.tables()[0].rows if row[0] == "2 length ratio")
    low, high = alone.to_dict()["intervals"][key]
    assert low < alone.to_dict()["task2"]["length_ratio"] < high
    assert row == ("2 length ratio", first.numbers[key], f"{low:.2f} to {high:.2f}")
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
    (line,) = (row for row in compared.rows if row[0] == "2 length ratio")
    assert line[3] == f"{apart[key].difference:+.4f}"
    assert dict(own.rows)["2 length ratio"] == "refs:first|mean of items"
    assert any(row[0] == "2 length ratio" for row in shared.rows)


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
