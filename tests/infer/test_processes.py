"""Several processes: the same bytes as one, whatever is killed, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from vsdkit.errors import (
    CheckpointError,
    ChildFailedError,
    ConfigError,
    MissingInputError,
    VsdkitError,
)
from vsdkit.infer import InferReport, processes
from vsdkit.infer.job import Answers, Job
from vsdkit.launch import Launch, heartbeat
from vsdkit.progress import SILENT

Ask = Callable[..., InferReport]

SHORT = """
from vsdkit.model import answerer
answerer.MAX_NEW_TOKENS = {1: 4, 2: 6, 3: 8}
from vsdkit.infer import local, worker
"""
"""Code of a process that answers as briefly as ``short_answers`` lets this one."""


class Heard:
    """A listener that keeps the messages, and may act when rows are answered."""

    def __init__(self, act: Callable[[int], None] = lambda _: None) -> None:
        self.messages: list[str] = []
        self.rows = 0
        self._act = act

    def message(self, text: str) -> None:
        self.messages.append(text)

    def track(self, description: str, *, total: int | None) -> Any:
        # Pictures that are opened have a bar too.
        return self if description == "infer" else SILENT.track(description, total=total)

    def __enter__(self) -> Heard:
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self, steps: int = 1, **facts: Any) -> None:
        self.rows += steps
        self._act(self.rows)


@pytest.fixture
def let_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that lets the processes run some code before they answer."""

    def let(code: str) -> None:
        (tmp_path / "code").mkdir(exist_ok=True)
        text = f"{SHORT}{code}\nif __name__ == '__main__':\n    worker.main()\n"
        (tmp_path / "code" / "altered_worker.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
        monkeypatch.setattr(processes, "_WORKER", "altered_worker")

    let("")
    return let


@pytest.fixture
def single(ask: Ask, tmp_path: Path) -> bytes:
    """What one process answers."""
    ask(output=tmp_path / "single.jsonl", batch_size=1, gpus=1)
    return (tmp_path / "single.jsonl").read_bytes()


def _left(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir() if path.name.startswith("preds")}


FINISHED = {"preds.jsonl", "preds.jsonl.run.json"}


@pytest.mark.usefixtures("forked", "let_worker")
@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_answer_as_one_does(
    ask: Ask, single: bytes, tmp_path: Path, count: int
) -> None:
    heard = Heard()
    report = ask(batch_size=1, gpus=count, listener=heard)
    assert (tmp_path / "preds.jsonl").read_bytes() == single
    assert report.answered_now == heard.rows == 21
    assert _left(tmp_path) == FINISHED
    assert any(text.startswith(f"{count} processes; log: ") for text in heard.messages)
    assert any("--module altered_worker" in text for text in heard.messages)


@pytest.mark.usefixtures("forked", "let_worker")
def test_labels_that_are_weighed_by_several_processes(ask: Ask, tmp_path: Path) -> None:
    contents = set()
    for count in (1, 2):
        output = tmp_path / f"weighed-{count}.jsonl"
        ask(output=output, batch_size=2, gpus=count, label="likelihood")
        contents.add(output.read_bytes())
    assert len(contents) == 1
    assert b"probabilities" in contents.pop()


def test_no_more_processes_than_batches(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Launch, "run", None)
    # Six pictures are one batch of sixteen: this process does it.
    heard = Heard()
    assert ask(gpus=3, listener=heard).answered_now == 21
    assert "1 of 3 processes: one a batch that is left" in heard.messages
    assert _left(tmp_path) == FINISHED


@pytest.mark.usefixtures("forked")
def test_error_of_a_process_is_raised_as_it_was_and_nothing_is_lost(
    ask: Ask, single: bytes, tmp_path: Path, let_worker: Callable[[str], None]
) -> None:
    let_worker(
        "from vsdkit.errors import CheckpointError\n"
        "answer = local._Desk.answer\n"
        "def fail(self, batch):\n"
        "    answer(self, batch)\n"
        "    raise CheckpointError('the disk with the weights is gone', where='/w', hint='look')\n"
        "local._Desk.answer = fail\n"
    )
    with pytest.raises(CheckpointError, match="the disk with the weights is gone") as raised:
        ask(batch_size=1, gpus=2)
    assert raised.value.where == "/w"
    assert raised.value.hint == (
        "look; then run the same command again: the answers so far are kept"
    )
    let_worker("")
    report = ask(batch_size=1, gpus=3)
    assert report.answered_now < 21
    assert (tmp_path / "preds.jsonl").read_bytes() == single
    assert _left(tmp_path) == FINISHED


@pytest.mark.usefixtures("forked")
def test_memory_that_runs_out_while_loading_is_told(
    ask: Ask, let_worker: Callable[[str], None]
) -> None:
    let_worker(
        "import torch\n"
        "def load(*_, **__): raise torch.OutOfMemoryError('CUDA out of memory')\n"
        "local.load_answerer = load\n"
    )
    with pytest.raises(ChildFailedError, match=r"process \d of 2 failed: OutOfMemory") as raised:
        ask(batch_size=1, gpus=2)
    assert "--load-in 8bit" in raised.value.hint


@pytest.mark.usefixtures("forked")
def test_machine_that_would_answer_otherwise_is_refused(
    ask: Ask, let_worker: Callable[[str], None]
) -> None:
    let_worker(
        "from vsdkit.model import generation\ngeneration.MAX_NEW_TOKENS = {1: 1, 2: 1, 3: 1}\n"
    )
    with pytest.raises(ConfigError, match="would answer otherwise: max_new_tokens is"):
        ask(batch_size=1, gpus=2)


@pytest.mark.usefixtures("forked")
def test_row_that_fails_in_a_process_is_a_row_with_an_error(
    ask: Ask, single: bytes, tmp_path: Path, let_worker: Callable[[str], None]
) -> None:
    let_worker(
        "from vsdkit.errors import DataError\n"
        "def fail(self, image): raise DataError('gone')\n"
        "local._Desk.prepare = fail\n"
    )
    with pytest.raises(VsdkitError, match="rows have failed, 2 are allowed; the last: gone"):
        ask(batch_size=1, gpus=2, fail_on_error=2)
    report = ask(batch_size=1, gpus=2)
    assert report.errors == {"1": 7, "2": 7, "3": 7}
    let_worker("")
    assert ask(batch_size=1, gpus=2).answered_now == 21
    assert (tmp_path / "preds.jsonl").read_bytes() == single


class _Killed(BaseException):
    """Stands for the end of the command."""


@pytest.fixture
def unread(
    ask: Ask, single: bytes, let_worker: object, forked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leave what a killed command leaves whose processes had answered everything."""
    run = Launch.run

    def unseen(self: Launch, *, log: Path, tick: Callable[[int], None]) -> int:
        run(self, log=log, tick=lambda _: None)
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(Launch, "run", unseen)
        with pytest.raises(_Killed):
            ask(batch_size=1, gpus=2)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("count", [1, 2])
def test_answers_that_a_killed_command_did_not_read_are_taken_over(
    ask: Ask, single: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(Launch, "run", None)
    monkeypatch.setattr("vsdkit.infer.local.load_answerer", None)
    assert ask(batch_size=1, gpus=count).answered_now == 21
    assert (tmp_path / "preds.jsonl").read_bytes() == single
    assert _left(tmp_path) == FINISHED


@pytest.mark.usefixtures("unread")
def test_half_a_line_of_a_process_is_no_answer(ask: Ask, single: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "preds.jsonl.part.processes"
    first, second = sorted(folder.glob("answers.rank*.jsonl"))
    first.write_bytes(first.read_bytes()[:-9])
    # After a power cut.
    second.write_bytes(b"\0" * 40 + b"\n" + second.read_bytes())
    heard = Heard()
    ask(batch_size=1, gpus=1, listener=heard)
    assert (tmp_path / "preds.jsonl").read_bytes() == single
    assert "loading tiny" in "".join(heard.messages), "the torn batch is asked again"


@pytest.mark.usefixtures("unread")
def test_answers_made_otherwise_are_not_taken_over(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that was killed may have noted nothing else that would refuse them."""
    (tmp_path / "preds.jsonl.part.jsonl").unlink(missing_ok=True)
    heard = Heard()
    ask(batch_size=1, gpus=1, image_mode="single", listener=heard)
    assert "loading tiny" in "".join(heard.messages)
    assert _left(tmp_path) == FINISHED


def test_answers_about_another_image_or_with_an_error_are_not_taken_over(tmp_path: Path) -> None:
    from vsdkit.data.images import ImageFile
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.engine import Work
    from vsdkit.infer.job import append_answers
    from vsdkit.infer.kept import Said
    from vsdkit.settings.infer import InferSettings

    rows = [GoldRow(name, f"{name}.png", 1, "a", "b") for name in "xyz"]
    images = {row.image: ImageFile(row.image, 1, 1, 1, 1, 1, row.id * 64) for row in rows}
    work = Work(rows, frozenset(row.key for row in rows), images, {"seed": 1})
    job = Job(InferSettings(), work, parent=1, host="here", start="a", environment={})
    folder = tmp_path / "left"
    folder.mkdir()
    job.write(folder)
    said = [
        Said("on", finished=True, image="x" * 64),
        Said("on", finished=True, image="0" * 64),
        Said("", finished=False, image=None, error="no memory"),
    ]
    with append_answers(folder, 0) as put_down:
        put_down({row.key: one for row, one in zip(rows, said, strict=True)}, tokens=7)
    taken: dict[Any, Any] = {}

    def note(answers: Any, *, tokens: int = 0) -> None:
        assert tokens == 0
        taken.update(answers)

    assert processes._take_in(folder, work, note) == {rows[0].key}
    assert taken == {rows[0].key: said[0]}
    assert not folder.exists()
    # What is not there is nothing.
    assert processes._take_in(folder, work, note) == frozenset()


def test_job_is_read_as_it_was_written(ask: Ask, scenes: Any, tmp_path: Path) -> None:
    from vsdkit.data.images import ImageFile
    from vsdkit.data.items import read_items
    from vsdkit.infer.engine import Work
    from vsdkit.settings.infer import InferSettings

    rows = read_items(scenes.items, tasks=(1, 2, 3))
    # A name that is no UTF-8, and one with blanks.
    odd = {"\udcff.png": ImageFile("/i/\udcff.png", 1, 2, 3, 4, 5, "ab" * 32)}
    odd |= {"a b.png": ImageFile("/i/a b.png", 1, 2, 3, 4, 5, "ab" * 32)}
    work = Work(
        rows, frozenset(row.key for row in rows[:4]), odd, {"base": "tiny", "load_in": None}
    )
    settings = InferSettings(items=scenes.items, gpus=2, output=tmp_path / "o {rank}.jsonl")
    job = Job(settings, work, parent=1, host="here", start="a", environment={"HF_HOME": "/hf"})
    assert Job.read(job.write(tmp_path)) == job


def test_answers_are_handed_on_once(tmp_path: Path) -> None:
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.engine import Work
    from vsdkit.infer.job import append_answers
    from vsdkit.infer.kept import Said

    rows = [GoldRow(name, "a.png", 1, "a", "b") for name in "xy"]
    answers = Answers(tmp_path, Work(rows, frozenset(row.key for row in rows), {}))
    heard: list[Any] = []

    def note(answers: Any, *, tokens: int = 0) -> None:
        heard.append((dict(answers), tokens))

    answers.hand_on(note)
    said = Said("on", finished=True, image=None)
    with append_answers(tmp_path, 1) as put_down:
        put_down({})
        put_down({rows[0].key: said}, tokens=5)
        answers.hand_on(note)
        answers.hand_on(note)
    assert heard == [({rows[0].key: said}, 5)]
    assert answers.missing == {rows[1].key}


def test_processes_of_a_killed_command_are_given_time_to_end(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "preds.jsonl.part.processes"
    folder.mkdir()
    (folder / ".heartbeat").touch()
    slept: list[float] = []
    monkeypatch.setattr(heartbeat.time, "sleep", slept.append)
    ask(gpus=1)
    assert slept[0] == 1
    assert _left(tmp_path) == FINISHED


def test_more_gpus_than_there_are_is_an_error(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="3 GPUs asked for, 2 visible") as raised:
        ask(gpus=3)
    assert raised.value.where == "--gpus"


def test_spread_model_is_one_process(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="spread over all GPUs is asked by one process"):
        ask(gpus=2, device_map="auto")
    (tmp_path / "hosts").write_text("one slots=1\n")
    with pytest.raises(ConfigError, match="spread over all GPUs is asked by one process"):
        ask(hostfile=tmp_path / "hosts", device_map="auto")


def test_without_the_launcher_one_gpu_answers_unless_more_are_asked_for(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise MissingInputError("the deepspeed launcher is not installed")

    monkeypatch.setattr(processes, "launcher_path", missing)
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    with pytest.raises(MissingInputError, match="launcher is not installed"):
        ask(gpus=2, batch_size=1)
    (tmp_path / "hosts").write_text("one slots=1\n")
    with pytest.raises(MissingInputError, match="launcher is not installed"):
        ask(hostfile=tmp_path / "hosts")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    # Where other libraries have set PYTORCH_NVML_BASED_CUDA_CHECK it asks for the number alone.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    heard = Heard()
    ask(batch_size=1, listener=heard)
    assert "one of 2 GPUs is used: the deepspeed launcher is not installed" in heard.messages


def test_machines_are_started_by_the_launcher(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    (tmp_path / "hosts").write_text("one slots=2\ntwo slots=4\n")
    seen: list[Launch] = []

    def stop(self: Launch, *, log: Path, tick: Callable[[int], None]) -> int:
        seen.append(self)
        return 1

    monkeypatch.setattr(Launch, "run", stop)
    with pytest.raises(ChildFailedError, match="not all rows are answered"):
        ask(hostfile=tmp_path / "hosts")
    (launch,) = seen
    assert (launch.processes, launch.hostfile, launch.by_ssh) == (2, tmp_path / "hosts", True)
    assert launch.argument.is_absolute()


def test_machines_with_gpus_are_not_started_from_one_without(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one slots=2\n")
    with pytest.raises(ConfigError, match="not known on one without a GPU") as raised:
        ask(hostfile=tmp_path / "hosts")
    assert "start the command on one of the machines" in raised.value.hint


@pytest.mark.slow
def test_process_of_the_real_launcher_that_is_killed_is_named(
    ask: Ask,
    single: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    let_worker: Callable[[str], None],
) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")

    def kill(_: int) -> None:
        for process in psutil.Process().children(recursive=True):
            # Of those that are killed already nothing can be asked.
            with suppress(psutil.Error):
                if process.environ().get("RANK") == "1":
                    process.kill()

    # So that something is left when the first answers are seen.
    let_worker(
        "import time\nanswer = local._Desk.answer\n"
        "def slow(self, batch):\n    answer(self, batch)\n    time.sleep(1)\n"
        "local._Desk.answer = slow\n"
    )
    with pytest.raises(ChildFailedError, match=r"process 1 of 2 was killed \(SIGKILL\)") as raised:
        ask(batch_size=1, gpus=2, listener=Heard(kill))
    assert raised.value.exit_code == 4
    assert "the answers so far are kept" in raised.value.hint
    let_worker("")
    report = ask(batch_size=1, gpus=2)
    assert 0 < report.answered_now < 21
    assert (tmp_path / "preds.jsonl").read_bytes() == single
    assert _left(tmp_path) == FINISHED


def test_variables_are_set_before_anything_reads_them() -> None:
    import subprocess
    import sys

    code = "import sys, vsdkit.infer.worker\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert not {"torch", "transformers", "huggingface_hub", "datasets", "numpy"} & loaded
