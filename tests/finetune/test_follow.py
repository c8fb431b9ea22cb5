"""How a launcher's end is told: who failed first, of what, after which step, and what is left."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import ChildFailedError, ConfigError, DataError, VsdkitError
from vsdkit.finetune import finetune
from vsdkit.launch import ending, launcher, watched
from vsdkit.progress import Tracker
from vsdkit.settings.finetune import FinetuneSettings


def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a script where the launcher is looked up, that leaves what failed processes leave."""
    script = tmp_path / "launcher"
    head = "import json, pathlib, sys\nfolder = pathlib.Path(sys.argv[-1]).parent\n"
    script.write_text(f"#!{sys.executable}\n{head}{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(launcher, "launcher_path", lambda: str(script))


def _failure(rank: int, time: float, kind: str, message: str, **more: str) -> str:
    content = {"rank": rank, "time": time, "type": kind, "message": message} | more
    content |= {"traceback": f"Traceback\n{kind}: {message}"}
    return f"(folder / 'failure.rank{rank}.json').write_text(json.dumps({content!r}))\n"


def test_launcher_that_returns_0_without_the_mark_is_a_failure(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, "print('the last words')")
    with pytest.raises(ChildFailedError, match="without its completion mark") as raised:
        finetune(settings)
    assert "exit code: 0" in raised.value.message
    assert "    the last words" in raised.value.message


def test_first_failure_of_a_process_is_raised_as_what_it_was(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"where": "rows.jsonl: id 'row-7', task 2", "hint": "mend the row"}
    second = _failure(0, 2.0, "RuntimeError", "Connection reset by peer")
    first = _failure(1, 1.0, "DataError", "no label", **more)
    _stand_in(tmp_path, monkeypatch, second + first)
    with pytest.raises(DataError, match="no label") as raised:
        finetune(settings)
    assert (raised.value.where, raised.value.hint) == (more["where"], more["hint"])


def test_failure_that_is_no_error_of_ours_names_the_process(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, _failure(1, 1.0, "OutOfMemoryError", "CUDA out of memory"))
    with pytest.raises(
        ChildFailedError, match="training process 1 of 1 failed: OutOfMem"
    ) as raised:
        finetune(settings)
    assert "--per-device-batch-size" in raised.value.hint


def test_process_that_was_killed_is_named_by_the_others(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = _failure(0, 1.0, "RuntimeError", "Read error: Connection reset by peer")
    _stand_in(tmp_path, monkeypatch, code)
    with pytest.raises(ChildFailedError, match="process 1 of 2 ended without a word"):
        finetune(settings.model_copy(update={"gpus": 2}))


_LOGGED = "print(\"[ERROR] ['python', '-m', 'x'] exits with return code = {code}\")\n"


def _begin_steps(settings: FinetuneSettings, *, steps: int, checkpoint: int) -> str:
    """Return code of a launcher whose processes did some steps and wrote a checkpoint."""
    rows = "".join(
        json.dumps({"step": step, "loss": 1.0, "learning_rate": 1e-3, "seconds": 0.1}) + "\n"
        for step in range(1, steps + 1)
    )
    return (
        f"(folder / 'metrics.jsonl').write_text({rows!r})\n"
        f"whole = folder / 'checkpoints' / 'checkpoint-{checkpoint}'\n"
        "whole.mkdir(parents=True)\n(whole / 'whole').touch()\n"
    )


def test_words_that_the_launcher_does_not_know_are_named(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, "sys.exit('deepspeed: error: unrecognized arguments: --x')")
    with pytest.raises(ConfigError, match="refuses its words: unrecognized arguments: --x") as e:
        finetune(settings.model_copy(update={"deepspeed_args": ("--x", "5")}))
    assert e.value.where == "deepspeed_args: --x 5"
    assert "deepspeed --help" in e.value.hint


def test_step_and_last_whole_checkpoint_are_named(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = _begin_steps(settings, steps=5, checkpoint=4)
    gone = _failure(
        0, 1.0, "DataError", "no picture", where="id 'row-7', task 2", hint="put it back"
    )
    _stand_in(tmp_path, monkeypatch, steps + gone)
    with pytest.raises(DataError) as raised:
        finetune(settings)
    assert raised.value.where == "id 'row-7', task 2, after step 5"
    assert raised.value.hint == (
        "put it back; then run the same command again: it goes on from the last checkpoint, "
        "step 4 (checkpoint-4)"
    )


def test_failure_that_names_its_step_keeps_it(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "the loss is not a number at step 5"
    failed = _failure(0, 1.0, "VsdkitError", words, where="metrics.jsonl", hint="")
    _stand_in(tmp_path, monkeypatch, _begin_steps(settings, steps=5, checkpoint=2) + failed)
    with pytest.raises(VsdkitError, match=words) as raised:
        finetune(settings)
    assert raised.value.where == "metrics.jsonl"


_PROCESSES = """
import os, subprocess, time
if sys.argv[1:] == ["middle"]:
    for rank in "01":
        code = "import time; time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"RANK": rank})
    time.sleep(60)
middle = subprocess.Popen([sys.executable, __file__, "middle"])
for _ in range(600):
    time.sleep(0.05)
    if middle.poll() is not None or (folder / "killed").exists():
        break
time.sleep(1)
"""


def test_process_that_is_killed_without_a_word_is_named_with_its_signal(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's log gives the exit code only; who it was is seen from outside."""
    psutil = pytest.importorskip("psutil")
    _stand_in(tmp_path, monkeypatch, _PROCESSES + _LOGGED.format(code=-9))
    look = watched.Watched._look_at_processes

    def kill_the_second(self: Any, launcher: int) -> None:
        look(self, launcher)
        killed = settings.runs / "run" / "killed"
        if len(self._ranks) == 2 and not killed.exists():
            (second,) = (process for process, rank in self._ranks.items() if rank == 1)
            assert isinstance(second, psutil.Process)
            second.kill()
            killed.touch()

    monkeypatch.setattr(watched.Watched, "_look_at_processes", kill_the_second)
    with pytest.raises(ChildFailedError, match="training process 1 of 2 was killed") as raised:
        finetune(settings.model_copy(update={"gpus": 2}))
    assert "(SIGKILL), perhaps for memory" in raised.value.message


def test_launcher_that_waits_for_a_failed_process_is_ended(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that started processes on other machines, and does not see them."""
    monkeypatch.setattr(watched, "_GRACE_S", 0.1)
    monkeypatch.setattr(watched, "LOOK_S", 0.1)
    failed = _failure(1, 1.0, "RuntimeError", "out of luck", host="worker-2")
    _stand_in(tmp_path, monkeypatch, failed + "import time\ntime.sleep(60)")
    began = time.monotonic()
    with pytest.raises(ChildFailedError, match="process 1 of 2 failed: RuntimeError"):
        finetune(settings.model_copy(update={"gpus": 2}))
    assert time.monotonic() - began < 30


def test_host_of_the_first_failure_is_named_with_several(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    (tmp_path / "hosts").write_text("one slots=1\nworker-2 slots=1\n")
    more = {"where": "id 'row-7', task 2", "hint": "", "host": "worker-2"}
    _stand_in(tmp_path, monkeypatch, _failure(1, 1.0, "DataError", "no picture", **more))
    with pytest.raises(DataError, match="no picture") as raised:
        finetune(settings.model_copy(update={"hostfile": tmp_path / "hosts"}))
    assert raised.value.where == "training process 1 of 2 on worker-2, id 'row-7', task 2"


def test_full_disk_is_named_where_no_process_could_tell(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, _begin_steps(settings, steps=3, checkpoint=2))
    monkeypatch.setattr(ending, "_has_room", lambda _: False)
    with pytest.raises(VsdkitError, match="the disk is full") as raised:
        finetune(settings)
    assert raised.value.where == f"{settings.runs / 'run'}, after step 3"
    assert "make room" in raised.value.hint
    assert "step 2 (checkpoint-2)" in raised.value.hint


class _Vanishing:
    """A listener that removes a picture when the first step is done."""

    def __init__(self, picture: Path) -> None:
        self._picture = picture

    def message(self, text: str) -> None: ...

    def track(self, description: str, *, total: int | None) -> _Vanishing:
        return self

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self, steps: int = 1, **facts: Any) -> None:
        if "loss" in facts:
            self._picture.unlink(missing_ok=True)


@pytest.mark.slow
def test_picture_that_vanishes_stops_the_run_with_its_row_and_the_checkpoint(
    settings: FinetuneSettings,
) -> None:
    picture = settings.images[0] / "below" / "3.png"
    long = settings.model_copy(update={"epochs": 50, "loader_workers": 1})
    with pytest.raises(DataError, match="not a picture that can be opened") as raised:
        finetune(long, listener=_Vanishing(picture))
    where = raised.value.where
    assert where.startswith(f"{settings.instructions}: id 'row-")
    assert str(picture) in where
    assert ", after step " in where
    assert raised.value.hint.startswith("put the picture back")
    # The same command, with the picture back where it was.
    assert "run the same command again: it goes on from the last checkpoint" in raised.value.hint
