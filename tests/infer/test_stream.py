"""A line in, a line out: in order, as soon as it is there, whatever stands in the others."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.infer.describe import Describer
from vsdkit.infer.lines import Lines
from vsdkit.infer.stream import StreamReport, answer_stream

Line = dict[str, Any]


class Stream:
    """Runs a stream over given lines and keeps what was put."""

    def __init__(self, describer: Describer, images: Path) -> None:
        self.describer, self.images = describer, images
        self.put: list[bytes] = []
        self.report: StreamReport | None = None

    def __call__(self, *lines: Line | bytes, readable: int = 1000) -> list[Line]:
        self.put.clear()
        content = b"".join(
            line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
        )

        def put(line: bytes) -> bool:
            self.put.append(line)
            return len(self.put) < readable

        stream = Lines(io.BytesIO(content))
        self.report = answer_stream(self.describer, stream, put, images=[self.images])
        # Each piece is one whole line: nobody sees half of one.
        assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in self.put)
        return [json.loads(line) for line in self.put]


@pytest.fixture
def stream(describer: Describer, scenes: Any) -> Stream:
    return Stream(describer, scenes.images)


def pair(image: str = "1.png", subject: str = "red box", **more: Any) -> Line:
    return {"image": image, "subject": subject, "object": "blue ball"} | more


def test_each_line_is_answered_as_the_library_does_in_order(
    stream: Stream, describer: Describer, scenes: Any
) -> None:
    lines = [
        pair("1.png", id="first"),
        pair("1.png", "lamp"),
        pair("2.png"),
        pair("1.png", "blue ball", subject_box=[1, 5, 2, 9]),
    ]
    answers = stream(*lines)
    assert [(one["line"], one["id"]) for one in answers] == [
        (1, "first"),
        (2, None),
        (3, None),
        (4, None),
    ]
    for line, answer in zip(lines, answers, strict=True):
        said = describer.describe(
            scenes.images / "below" / line["image"], line["subject"], line["object"]
        )
        assert answer["raw"] == {str(task): text for task, text in said.raw.items()}
        assert answer["probabilities"] == pytest.approx(said.probabilities, abs=2e-5)
        assert answer["relation"] == max(answer["probabilities"], key=answer["probabilities"].get)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (b"{oops\n", "not a JSON object"),
        (b"[1, 2]\n", "not a JSON object"),
        (b'{"image": "1.png", "image": "2.png"}\n', "stands twice"),
        (b"\xff\xfe{}\n", "not UTF-8"),
        (b"x" * ((1 << 20) + 1) + b"\n", "more than 1,048,576 bytes"),
        (pair(subject=""), "'subject' must be text that is not empty"),
        (pair(subject="<image>"), "stands for the picture"),
        (pair(subject="a </s>"), "must not hold"),
        (pair(subject_box=[9, 1, 2, 3]), "ymin < ymax"),
        (pair(subject_box=[900, 901, 2, 3]), "nothing of the box"),
        (pair("nowhere.png"), "1 of 1 pictures not found"),
        (pair("/nowhere/a.png"), "no such picture"),
        (pair(task=4), "'task' must be 1, 2 or 3"),
        (pair(id=7), "'id' must be text"),
        ({"subject": "a", "object": "b"}, "'image' must be text"),
    ],
)
def test_a_wrong_line_is_answered_with_its_error_and_the_stream_goes_on(
    stream: Stream, wrong: Any, message: str
) -> None:
    before, answer, after = stream(pair(id="a"), wrong, pair(id="b"))
    assert (before["id"], after["id"]) == ("a", "b")
    assert "error" not in before | after
    assert set(answer) == {"line", "id", "error"}
    assert answer["line"] == 2
    assert message in answer["error"]
    assert "\n" not in answer["error"]
    assert stream.report is not None
    assert (stream.report.lines, stream.report.errors) == (3, 1)
    (failure,) = stream.report.failures
    assert failure.message == "1 of 3 lines were answered with an error"
    assert failure.where.startswith("line 2: ")


def test_a_wrong_line_keeps_its_id(stream: Stream) -> None:
    (answer,) = stream(pair(id="robot-7", subject=""))
    assert (answer["id"], "error" in answer) == ("robot-7", True)


def test_a_wrong_pair_costs_the_others_about_its_image_nothing(stream: Stream) -> None:
    lines = [pair(id="a"), pair(subject="a </s>"), pair(id="c")]
    answers = stream(*lines)
    assert ["error" in one for one in answers] == [False, True, False]
    assert [answers[0]["raw"], answers[2]["raw"]] == [stream(lines[0])[0]["raw"]] * 2


def test_marks_and_ends_of_lines_of_other_systems_are_taken(stream: Stream) -> None:
    line = json.dumps(pair()).encode()
    answers = stream(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \n" + line + b"\r\n" + line)
    # Empty lines are passed over, and counted.
    assert [one["line"] for one in answers] == [1, 4, 5]
    assert not any("error" in one for one in answers)


def test_lines_that_wait_share_their_image(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    describe_items = Describer.describe_items

    def count(self: Describer, image: Any, items: Any) -> Any:
        groups.append(len(items))
        return describe_items(self, image, items)

    monkeypatch.setattr(Describer, "describe_items", count)
    stream(*[pair("1.png")] * 3, pair("2.png"), b"{oops\n", *[pair("1.png")] * 11)
    assert groups == [3, 1, 8, 3]


def test_a_line_may_ask_one_task_of_those_that_are_asked(describer: Describer, scenes: Any) -> None:
    two = Describer(describer._answerer, describer.choice, tasks=(1, 2))
    stream = Stream(two, scenes.images)
    both, one, none = stream(pair(), pair(task=2), pair(task=3))
    assert {"relation", "probabilities", "sentence"} <= set(both)
    assert "sentences" not in both
    assert set(one) == {"line", "id", "sentence", "raw", "unfinished"}
    assert none["error"] == "task 3 is not among those that are asked: 1,2"


def test_an_image_that_comes_while_the_stream_goes_on_is_found(
    describer: Describer, scenes: Any, tmp_path: Path
) -> None:
    picture = scenes.images / "below" / "1.png"
    late = tmp_path / "camera" / "later.png"
    late.parent.mkdir()
    stream = Stream(describer, tmp_path)
    assert "error" in stream(pair("later.png"))[0]

    shutil.copy(picture, late)
    found, below, absolute = stream(pair("later.png"), pair("camera/later.png"), pair(str(late)))
    assert found["raw"] == below["raw"] == absolute["raw"]
    outside = stream(pair("../" + picture.name))[0]
    assert "not found" in outside["error"]


def test_nothing_is_answered_that_nobody_reads(stream: Stream) -> None:
    answers = stream(pair("1.png"), pair("2.png"), pair("1.png"), readable=2)
    assert len(answers) == 2


def test_ctrl_c_while_an_answer_is_written_neither_tears_nor_repeats_it(
    describer: Describer, scenes: Any
) -> None:
    put: list[bytes] = []

    def interrupted(line: bytes) -> bool:
        # As the system does it to a write that is under way.
        signal.raise_signal(signal.SIGINT)
        put.append(line)
        return True

    line = json.dumps(pair()).encode() + b"\n"
    report = answer_stream(
        describer, Lines(io.BytesIO(3 * line)), interrupted, images=[scenes.images]
    )
    assert (len(put), report.lines, report.errors) == (1, 1, 0)


def test_a_stream_of_nothing_has_no_latency(stream: Stream) -> None:
    assert stream(b"\n\n") == []
    report = stream.report
    assert report is not None
    assert (report.lines, report.errors, report.latency, list(report.failures)) == (0, 0, None, [])
    assert report.tables()[0].columns == ("lines", "errors", "seconds")


def test_latency_is_told_by_percentile(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(pair())
    report = stream.report
    assert report is not None
    assert set(report.latency or {}) == {"p50", "p90", "p99"}
    assert report.tables()[0].columns[3:] == ("p50 (s)", "p90 (s)", "p99 (s)")
    from vsdkit.infer.stream import _Stream

    kept = _Stream(stream.describer, lambda _: True, None)  # type: ignore[arg-type]
    kept.latencies.extend(float(n) for n in range(100, 0, -1))
    assert kept.report().latency == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    one = _Stream(stream.describer, lambda _: True, None)  # type: ignore[arg-type]
    one.latencies.append(2.5)
    assert one.report().latency == {"p50": 2.5, "p90": 2.5, "p99": 2.5}


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(scenes: Any, tmp_path: Path) -> Start:
    def run(*arguments: str) -> subprocess.Popen[bytes]:
        words = ["infer", "-", "--output", "-", "--base", "tiny", "--image-mode", "single"]
        return subprocess.Popen(
            [sys.executable, "-m", "vsdkit", *words, "--images", str(scenes.images), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["end of input", "Ctrl-C"])
def test_a_process_answers_each_line_before_the_next_is_there(start: Start, ending: str) -> None:
    with start() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for number in (1, 2):
            process.stdin.write(json.dumps(pair(id=f"{number}")).encode() + b"\n")
            process.stdin.flush()
            # The next line is not there yet: an answer that was held back would never come.
            assert json.loads(process.stdout.readline())["id"] == f"{number}"
        if ending == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            process.stdin.close()
        rest, told = process.stdout.read(), process.stderr.read().decode()
        assert (process.wait(), rest) == (0, b"")
    assert "p50 (s)" in told
    assert "Traceback" not in told
    assert "interrupted" not in told


@pytest.mark.slow
def test_a_process_ends_when_nobody_reads_its_answers(start: Start) -> None:
    with start("--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        line = json.dumps(pair()).encode() + b"\n"
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdout.close()
        # stdin stays open: only the reader's end ends it.
        process.stdin.write(line)
        process.stdin.flush()
        told = process.stderr.read().decode()
        assert process.wait() == 0
    # With --json the report is a document, and messages stand before it.
    report = json.loads(told[told.index("{") :])
    assert (report["lines"], report["errors"]) == (2, 0)
