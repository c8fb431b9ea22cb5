"""The engine ``transformers`` on every GPU: a process a GPU, each with its share of the batches."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsdkit.data.records import RowKey
from vsdkit.errors import ConfigError, MissingInputError, VsdkitError
from vsdkit.infer.engine import PutDown, Work
from vsdkit.infer.job import ANSWER_ELSEWHERE, JOB, Answers, Job
from vsdkit.infer.kept import Said, processes_folder
from vsdkit.infer.local import LocalEngine
from vsdkit.infer.plan import plan_batches, unanswered
from vsdkit.launch import Launch, Processes, count_processes, cpu_is_asked_for, launcher_path
from vsdkit.launch.ending import Ending, Words
from vsdkit.launch.environment import carried_environment
from vsdkit.launch.failure import read_failures
from vsdkit.launch.heartbeat import HEARTBEAT, beating, end_left_behind
from vsdkit.launch.watched import Ended, Watched
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.infer.model_choice import ModelChoice
    from vsdkit.settings.infer import InferSettings

__all__ = ["ProcessesEngine", "make_processes"]

_WORKER = "vsdkit.infer.worker"
_LOG: Final = "infer.log"
_SLOW_DISK_S = 60.0
"""NFS shows what another machine wrote at the latest when it looks again: 60 s by default."""
_LOOK_S = 1.0
_WORDS = Words(
    process="process",
    undone="the processes ended and not all rows are answered",
    elsewhere=ANSWER_ELSEWHERE,
    less_memory="keep the model in fewer bits: --load-in 8bit or 4bit; or spread it over all "
    "GPUs: --device-map auto",
)


def make_processes(
    settings: InferSettings, choice: ModelChoice, *, listener: Listener = SILENT
) -> ProcessesEngine:
    """Return the engine for the GPUs that the settings name.

    Args:
        settings: What is asked for.
        choice: The model.
        listener: Hears what is started.

    Raises:
        ConfigError: If there are fewer GPUs than are asked for, several processes are to have a
            model that is spread over all of them, the host file is wrong, or other machines have
            GPUs and this one has none.
        MissingInputError: If the host file or the launcher is not there.
    """
    # Asks the driver, and takes no memory of a GPU.
    from torch.cuda import device_count

    if settings.device_map is not None:
        if settings.hostfile is not None or (settings.gpus or 1) > 1:
            raise ConfigError(
                "a model that is spread over all GPUs is asked by one process",
                where="device_map, gpus, hostfile",
                hint="leave --device-map out, or --gpus and --hostfile",
            )
        processes = Processes(1, 1)
    else:
        processes = count_processes(settings.gpus, settings.hostfile, visible_gpus=device_count())
    on_gpu = device_count() > 0 if settings.hostfile is None else not cpu_is_asked_for()
    if settings.hostfile is not None and on_gpu and not device_count():
        raise ConfigError(
            "what number format the machines' GPUs take is not known on one without a GPU",
            where="--hostfile",
            hint="start the command on one of the machines; DS_ACCELERATOR=cpu says that they have "
            "no GPUs",
        )
    if processes.all > 1 or settings.hostfile is not None:
        try:
            launcher_path()
        except MissingInputError:
            if settings.gpus is not None or settings.hostfile is not None:
                raise
            listener.message(
                f"one of {processes.all} GPUs is used: the deepspeed launcher is not installed"
            )
            processes = Processes(1, 1)
    local = LocalEngine(settings, choice, listener)
    return ProcessesEngine(local, processes, "cuda" if on_gpu else "cpu")


@dataclass(frozen=True)
class ProcessesEngine:
    """Answers in several processes, or in this one where one is enough."""

    local: LocalEngine
    """The model, and how it is asked."""
    processes: Processes
    """At most."""
    device: str
    """``cuda`` or ``cpu``."""

    @property
    def opens_images(self) -> bool:
        """Whether it looks at images."""
        return True

    @property
    def identity(self) -> Mapping[str, Any]:
        """That of the model: who of how many answers does not change an answer."""
        return self.local.identity

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Answer all that is left.

        Raises:
            VsdkitError: What the first process that failed said.
            ChildFailedError: If one was killed or ended otherwise; it is named.
        """
        # Absolute, since the launcher takes a word that begins with a dash for its own.
        folder = processes_folder(self.local.settings.output.absolute())
        work = work._replace(left=work.left - _take_in(folder, work, put_down))
        if not work.left:
            return
        # More processes than batches would load the model for nothing.
        here = min(self.processes.here, self._count_batches(work))
        if self.local.settings.hostfile is None and here < self.processes.here:
            self.local.listener.message(
                f"{here} of {self.processes.here} processes: one a batch that is left"
            )
        if self.local.settings.hostfile is not None:
            self._launch(folder, work, put_down, self.processes)
        elif here > 1:
            self._launch(folder, work, put_down, Processes(here, here))
        else:
            self.local.answer(work, put_down)

    def _count_batches(self, work: Work) -> int:
        """Return how many batches lack an answer; how long an image is does not change it much."""
        tokens = dict.fromkeys(work.images, 0)
        batches = plan_batches(work.rows, tokens, batch_size=self.local.settings.batch_size)
        answered = {row.key for row in work.rows} - work.left
        return sum(1 for _ in unanswered(batches, answered))

    def _launch(self, folder: Path, work: Work, put_down: PutDown, processes: Processes) -> None:
        settings, listener = self.local.settings, self.local.listener
        # The newest run of now: another training may end while the processes start.
        settings = settings.model_copy(update={"adapter": self.local.choice.adapter})
        launch = Launch(
            _WORKER,
            folder / JOB,
            processes=processes.here,
            device=self.device,
            hostfile=settings.hostfile,
        )
        folder.mkdir(parents=True, exist_ok=True)
        with beating(folder) as start:
            Job(
                settings,
                work,
                parent=os.getpid(),
                host=socket.gethostname(),
                start=start,
                environment=carried_environment(launch.environment()),
            ).write(folder)
            listener.message(shlex.join(launch.command()))
            listener.message(f"{processes.all} processes; log: {folder / _LOG}")
            _follow(launch, processes, folder, work, put_down, listener)


def _follow(
    launch: Launch,
    processes: Processes,
    folder: Path,
    work: Work,
    put_down: PutDown,
    listener: Listener,
) -> None:
    """Start the launcher and return when every row is answered.

    Raises:
        VsdkitError: If the processes ended before.
    """
    answers = Answers(folder, work)
    watched = Watched(launch, folder, called=_WORDS.process)

    def tick(launcher: int) -> None:
        answers.hand_on(put_down)
        watched.look(launcher)

    exit_code: int | None = None
    try:
        exit_code = launch.run(log=folder / _LOG, tick=tick)
    except Ended as why:
        listener.message(str(why))
    # What was written last, and on a shared disk what is not shown yet.
    until = time.monotonic() + (_SLOW_DISK_S if launch.hostfile and exit_code == 0 else 0)
    answers.hand_on(put_down)
    while answers.missing and time.monotonic() < until and not read_failures(folder):
        time.sleep(_LOOK_S)
        answers.hand_on(put_down)
    # What the launcher returned says little: the answers count.
    if answers.missing:
        ending = Ending(
            launch,
            processes=processes.all,
            folder=folder,
            log=folder / _LOG,
            # The folder is new with each start.
            logged=0,
            exit_code=exit_code,
            first_gone=watched.first_gone,
            words=_WORDS,
            meet=False,
        )
        raise _completed(ending.error())


def _completed(error: VsdkitError) -> VsdkitError:
    """Return the error with what becomes of the answers."""
    again = "run the same command again: the answers so far are kept"
    error.hint = f"{error.hint}; then {again}" if error.hint else again
    return error


def _take_in(folder: Path, work: Work, put_down: PutDown) -> frozenset[RowKey]:
    """Put down what processes answered and a killed command did not read; return the rows.

    Raises:
        VsdkitError: If their files cannot be removed.
    """
    if not folder.is_dir():
        return frozenset()
    before = _read_job(folder)
    if (folder / HEARTBEAT).is_file():
        elsewhere = before is not None and before.settings.hostfile is not None
        end_left_behind(folder, elsewhere=elsewhere)
    taken: frozenset[RowKey] = frozenset()
    # A command that was killed may have noted nothing but them, so nothing else refuses others'.
    if before is not None and before.work.made_with == work.made_with:
        hashes = {row.key: work.images[row.image].sha256 for row in work.rows}

        def is_wanted(key: RowKey, said: Said) -> bool:
            # What failed is tried again.
            return said.error is None and said.image == hashes[key]

        def put_down_only(answers: Mapping[RowKey, Said], *, tokens: int = 0) -> None:  # noqa: ARG001
            # Without their tokens: the speed that is shown is of this start.
            put_down(answers)

        answers = Answers(folder, work, wanted=is_wanted)
        answers.hand_on(put_down_only)
        taken = work.left - answers.missing
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise VsdkitError(
            f"what an earlier start left cannot be removed: {error.strerror}",
            where=str(folder),
            hint="remove the folder yourself; the answers in it are taken over",
        ) from error
    return taken


def _read_job(folder: Path) -> Job | None:
    """Return the job of an earlier start; None where it had not begun."""
    try:
        return Job.read(folder / JOB)
    except (OSError, ValueError, KeyError, TypeError, VsdkitError):
        # Not there, or of another version.
        return None
