"""Starts Python programs in milliseconds in tests: imports once what is heavy, then forks.

    python forked_processes.py serve SOCKET MODULE ...    imports, then forks what is asked for
    python forked_processes.py ask SOCKET WORD ...        runs WORD ... there, as if it ran here

A started process has the asker's folder, environment and open files. WORD ... is ``-m MODULE
ARGUMENT ...``, ``FILE.py ARGUMENT ...`` or ``vsdkit ARGUMENT ...``. An import of torch and its kin
takes ten seconds, of which a tiny run works one. Tests of the launcher itself do not come here.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "deepspeed",
    "accelerate",
    "datasets",
    "matplotlib.figure",
)
"""What a started process imports sooner or later; nothing of ours, which tests alter."""


class Forked:
    """A process that the server at ``address`` starts.

    Args:
        address: The server's socket.
        words: What is run, as the module says.
        environment: Its environment, whole.
        files: Its stdin, stdout and stderr.
    """

    def __init__(
        self, address: str, words: Sequence[str], environment: Mapping[str, str], files: list[int]
    ) -> None:
        asked = {"words": words, "environment": dict(environment), "folder": os.getcwd()}
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)
        socket.send_fds(self._connection, [b"\n"], files)
        self._connection.sendall(json.dumps(asked).encode() + b"\n")
        self._answers = self._connection.makefile("r")
        self.process_id, self.parent_id = map(int, self._answers.readline().split())

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        readable, _, _ = select.select([self._connection], [], [], 0)
        return self.wait() if readable else None

    def wait(self) -> int:
        """Return its exit code when it has ended; a signal's is negative."""
        code = int(self._answers.readline())
        self._answers.close()
        self._connection.close()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.process_id, number)


def run_launch(address: str, launch: Any, log: Any, tick: Callable[[int], None]) -> int:
    """Do what ``vsdkit.launch.Launch.run`` does, without the launcher."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["-m", launch.module, str(launch.argument)]
    with log.open("ab") as file, open(os.devnull, "rb") as nothing:
        files = [nothing.fileno(), file.fileno(), file.fileno()]
        left = [
            Forked(address, words, launch.environment() | place, files)
            for place in _places(launch.processes, launch.port)
        ]
    failed = 0
    try:
        while left:
            tick(left[0].parent_id)
            time.sleep(0.02)
            ended = [(process, code) for process in left if (code := process.poll()) is not None]
            for process, code in ended:
                left.remove(process)
                failed = code or failed
            if any(code for _, code in ended):
                # The others see their connection close; then they are ended, as the launcher does.
                time.sleep(0.5)
                _end(left, signal.SIGTERM)
    except BaseException:
        _end(left, signal.SIGKILL)
        for process in left:
            process.wait()
        raise
    tick(os.getpid())
    return failed


def _places(processes: int, port: int | None) -> list[dict[str, str]]:
    """Return what the launcher tells each process."""
    shared = {"WORLD_SIZE": processes, "LOCAL_SIZE": processes, "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": port}
    return [
        {name: str(value) for name, value in (shared | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        for rank in range(processes)
    ]


def _end(processes: list[Forked], number: signal.Signals) -> None:
    for process in processes:
        # It may have ended meanwhile.
        with suppress(ProcessLookupError):
            process.signal(number)


def serve(address: str, modules: Sequence[str]) -> None:
    """Import the modules and fork what is asked for, until stdin is closed."""
    for name in modules:
        importlib.import_module(name)
    if "vsdkit.launch" in modules:
        launch = sys.modules["vsdkit.launch"].Launch
        launch.run = lambda self, *, log, tick: run_launch(address, self, log, tick)
    listener = socket.socket(socket.AF_UNIX)
    # Under its name only when it listens, since askers look for the name.
    listener.bind(f"{address}.new")
    listener.listen(64)
    os.rename(f"{address}.new", address)
    running: dict[int, socket.socket] = {}
    while True:
        # Where something runs its end is looked for, a hundred times a second.
        ready, _, _ = select.select([listener, sys.stdin], [], [], 0.01 if running else None)
        if sys.stdin in ready:
            for process in running:
                os.kill(process, signal.SIGKILL)
            # The interpreter's own end takes seconds with torch.
            os._exit(0)
        if listener in ready:
            _start(listener, running)
        _tell_ends(running)


def _start(listener: socket.socket, running: dict[int, socket.socket]) -> None:
    connection, _ = listener.accept()
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("r") as lines:
        asked = json.loads(lines.readline())
    process = os.fork()
    if not process:
        listener.close()
        _become(asked, files)
    for file in files:
        os.close(file)
    connection.sendall(f"{process} {os.getpid()}\n".encode())
    running[process] = connection


def _tell_ends(running: dict[int, socket.socket]) -> None:
    for process in list(running):
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            # Nobody listens where the asker was killed.
            with running.pop(process) as connection, suppress(BrokenPipeError):
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(asked: dict[str, Any], files: list[int]) -> None:
    """Be the process that was asked for, to its end."""
    code = 1
    try:
        for place, file in enumerate(files):
            os.dup2(file, place)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        code = _run(asked["words"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _run(words: list[str]) -> int:
    """Run the program and what it wants done at its end; return its exit code."""
    import atexit
    import runpy

    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            sys.modules.pop(words[1], None)
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        elif words[0].endswith(".py"):
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
        else:
            sys.argv = words
            importlib.import_module("vsdkit.__main__").main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    finally:
        atexit._run_exitfuncs()
    return 0


def main() -> None:
    """Serve, or ask."""
    what, address, *words = sys.argv[1:]
    if what == "serve":
        serve(address, words)
    else:
        code = Forked(address, words, os.environ, [0, 1, 2]).wait()
        # A shell's way to tell a signal.
        sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
