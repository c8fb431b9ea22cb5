"""The row rule, the words of a row, and choices that depend on seed and id alone."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter

import pytest

from vsdkit.conversation import Template, load_template
from vsdkit.data.records import InstructionRow
from vsdkit.data.vsd_items import Item, LeftOut, split_items
from vsdkit.data.vsd_json import JoinedImage
from vsdkit.instructions.rows import choose, instruction_rows


def _rows(
    image: JoinedImage, template: Template | None = None, seed: int = 0
) -> tuple[list[InstructionRow], list[tuple[int | None, str]]]:
    (item,) = (one for one in split_items(image, keep_all=False) if isinstance(one, Item))
    rows = list(instruction_rows(item, template or load_template("paper"), seed=seed))
    left = [(row.task, row.reason) for row in rows if isinstance(row, LeftOut)]
    return [row for row in rows if isinstance(row, InstructionRow)], left


def test_the_papers_rows_word_for_word(vsd_image) -> None:
    # LLaVA-VSD (ACM MM 2024), Table 1, with tags filled in.
    rows, left = _rows(vsd_image(v1=("a cup on a desk.",) * 2 + ("the cup is on it",), v2=("C",)))
    assert left == []
    assert [(row.id, row.task, row.image) for row in rows] == [
        ("7-task1", 1, "7.jpg"),
        ("7-task2-1", 2, "7.jpg"),
        ("7-task2-2", 2, "7.jpg"),
        ("7-task3", 3, "7.jpg"),
    ]
    assert rows[0].question == (
        "Given the image, choose the most appropriate preposition to complete the sentence: "
        "'The cup is [BLANK] the desk'. Select from: on, in, next to, under, above, behind, "
        "in front of, to the left of, to the right of."
    )
    assert rows[1].question == (
        "Based on the image, provide a concise textual description or phrase of the single "
        "spatial relationship between the two objects cup and desk."
    )
    assert rows[3].question == (
        "Using the image as a reference, generate three detailed and diverse textual descriptions "
        "that describe the spatial relationship between the two objects cup and desk."
    )
    assert [row.answer for row in rows[:3]] == ["on", "a cup on a desk.", "the cup is on it"]
    assert rows[3].answer in {
        "cup on desk. \n a cup on a desk. \n C",
        "cup on desk. \n the cup is on it \n C",
    }


def test_beyond_begins_task_three_with_a_sentence(vsd_image) -> None:
    rows, _ = _rows(vsd_image(), load_template("beyond"))
    assert rows[-1].answer.startswith("there is a cup on the desk. \n ")


@pytest.mark.parametrize(
    ("v1", "v2", "tasks", "left"),
    [
        (("a",), ("C",), [1, 2], [(3, "fewer than two VSDv1 captions")]),
        (("a", "a"), ("C",), [1, 2], [(3, "fewer than two VSDv1 captions")]),
        (("a", " "), ("C",), [1, 2], [(3, "fewer than two VSDv1 captions")]),
        (("a", "b"), (), [1, 2, 2], [(3, "no VSDv2 caption")]),
        (("a", "b"), ("\n",), [1, 2, 2], [(3, "no VSDv2 caption")]),
        (
            (),
            ("C",),
            [1],
            [(2, "no VSDv1 caption"), (3, "fewer than two VSDv1 captions")],
        ),
    ],
)
def test_which_rows_a_picture_has(
    vsd_image,
    v1: tuple[str, ...],
    v2: tuple[str, ...],
    tasks: list[int],
    left: list[tuple[int, str]],
) -> None:
    rows, left_out = _rows(vsd_image(v1=v1, v2=v2))
    assert [row.task for row in rows] == tasks
    assert left_out == left


def test_sentences_two_and_three_differ_where_they_can(vsd_image) -> None:
    for number in range(30):
        rows, _ = _rows(vsd_image(id=str(number), v1=("a", "b"), v2=("a",)))
        assert rows[-1].answer == "cup on desk. \n b \n a"


def test_a_line_break_in_a_caption_does_not_part_sentences(vsd_image) -> None:
    rows, _ = _rows(vsd_image(v1=("a\n\n cup \r\n", "a\n\n cup\n"), v2=("C\nD",)))
    assert rows[-1].answer == "cup on desk. \n a cup \n C D"
    assert rows[1].answer == "a\n\n cup \r\n"


def test_a_tag_that_looks_like_a_placeholder_stays_as_it_is(vsd_image) -> None:
    rows, _ = _rows(vsd_image(("{T2} {R}", "on", "desk"), v1=("{T1}", "{x}")))
    assert "'The {T2} {R} is [BLANK] the desk'" in rows[0].question
    assert [row.answer for row in rows[1:3]] == ["{T1}", "{x}"]


def test_a_choice_is_fair_and_the_same_everywhere() -> None:
    chosen = Counter(choose(8, seed=0, key=str(number)) for number in range(8_000))
    # 1,000 each; a standard deviation is 30.
    assert all(850 < chosen[number] < 1_150 for number in range(8))
    code = (
        "from vsdkit.instructions.rows import choose; "
        "print([choose(9, seed=3, key=str(n)) for n in range(20)])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert printed == {f"{[choose(9, seed=3, key=str(n)) for n in range(20)]}\n"}


def test_one_images_choices_do_not_depend_on_the_others_or_on_global_state(vsd_image) -> None:
    template = load_template("varied")
    images = [vsd_image(id=str(number), v1=("a", "b", "c"), v2=("C", "D")) for number in range(20)]
    alone = [_rows(image, template)[0] for image in images]
    random.seed(1)
    assert [_rows(image, template)[0] for image in reversed(images)] == alone[::-1]
    other_seed = [_rows(image, template, seed=1)[0] for image in images]
    assert other_seed != alone
    asked = {row.question for rows in alone for row in rows if row.task == 2}
    assert len(asked) >= 8
