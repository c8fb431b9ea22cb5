"""Questions are told from the templates' wordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vsdkit.conversation import fill, load_template, shipped_templates
from vsdkit.data.records import TASKS
from vsdkit.report.instructions.wordings import Wordings


@pytest.mark.parametrize("name", ["paper", "varied", "beyond"])
def test_every_question_of_the_shipped_templates_is_found_with_its_tags(name: str) -> None:
    template = load_template(name)
    wordings = Wordings(shipped_templates())
    for task in TASKS:
        for shape in template.questions[task]:
            asked = wordings.find(task, fill(shape, {"T1": "t.v. (old)", "T2": "red desk"}))
            assert asked is not None
            assert asked.shape == shape
            if "{T1}" in shape:
                assert (asked.subject, asked.object) == ("t.v. (old)", "red desk")


def test_a_question_of_another_task_or_none_is_not_found() -> None:
    wordings = Wordings([load_template("paper")])
    shape = load_template("paper").questions[1][0]
    assert wordings.find(2, fill(shape, {"T1": "a", "T2": "b"})) is None
    assert wordings.find(1, "Where is it?") is None


def test_wordings_that_were_not_drawn_are_told_of_the_template_that_was() -> None:
    paper, varied = load_template("paper"), load_template("varied")
    shape = varied.questions[2][0]
    drawn = Wordings([paper, varied]).counted({(2, shape): 5})
    assert {one.templates for one in drawn} == {("varied",)}
    assert [one.rows for one in drawn if one.rows] == [5]
    assert [one.task for one in drawn] == sorted(one.task for one in drawn)
    assert Wordings([paper]).counted({}) == []


def test_templates_with_the_same_question_are_named_both() -> None:
    paper = load_template("paper")
    wordings = Wordings([paper, replace(paper, name="mine"), paper])
    (one, *_) = wordings.counted({(1, paper.questions[1][0]): 1})
    assert one.templates == ("paper", "mine")
