"""Several processes that answer batches of prompts, one a GPU, each with the weights."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from vsdkit.diversify.text_weights import Prompt, Replies, TextWeights
from vsdkit.errors import ChildFailedError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import SimpleQueue

__all__ = ["TextProcesses"]

_TICK_S = 0.01
_PATIENCE_S = 5.0
# What the pool itself sends to the rest when one process has died.
_ENDED_BY_THE_POOL = -signal.SIGTERM


class TextProcesses:
    """Processes that load the weights at their first batch and keep them.

    Args:
        model: Name on the hub, or folder.
        processes: How many; each takes a GPU of its own where there are any.
        rows: Rows of a whole batch.
        pad: Id that pads.
    """

    def __init__(self, model: str, *, processes: int, rows: int, pad: int) -> None:
        # Not forked: a child of a process that has used CUDA or threads of torch may hang.
        context = multiprocessing.get_context("spawn")
        places = context.SimpleQueue()
        for place in range(processes):
            places.put(place)
        # Only this process holds the writing end: when it closes it or dies, in whatever way, the
        # others read the end of the pipe and end, too.
        alive, self._alive = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            processes,
            mp_context=context,
            initializer=_begin,
            initargs=(alive, places, processes, model, rows, pad),
        )
        self._others = set(multiprocessing.active_children())

    def answer(
        self, batches: Sequence[Sequence[Prompt]]
    ) -> Iterator[tuple[Sequence[Prompt], Replies]]:
        """Yield each batch with its replies, as soon as they are there.

        Raises:
            ChildFailedError: If a process dies; all batches that were answered come first.
            CheckpointError: If the weights cannot be loaded, or do not fit into memory.
        """
        batch_of: dict[Future[Replies], Sequence[Prompt]] = {}
        broken: BrokenProcessPool | None = None
        try:
            batch_of |= {self._executor.submit(_answer, batch): batch for batch in batches}
        except BrokenProcessPool as error:
            # One has died since the last attempt.
            broken = error
        children = set(multiprocessing.active_children()) - self._others
        for future in as_completed(batch_of):
            try:
                replies = future.result()
            except BrokenProcessPool as error:
                # Of the rest some may be answered already.
                broken = error
            else:
                yield batch_of[future], replies
        if broken is not None:
            raise ChildFailedError(
                f"a process of the rewriting model ended{_how_they_ended(children)}",
                where=f"one of {len(children)}",
                hint="what was answered is kept: run the same command again, with fewer sentences "
                "at once (--batch-size) or processes (--gpus) if memory ran out",
            ) from broken

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._alive.close()


def _how_they_ended(children: Collection[BaseProcess]) -> str:
    """Return how those ended that the pool did not end, as `` (SIGKILL)``; empty if unknown."""
    # The pool learns of an end from a pipe; the system may know the exit code a moment later.
    until = time.monotonic() + _PATIENCE_S
    while any(child.exitcode is None for child in children) and time.monotonic() < until:
        time.sleep(_TICK_S)
    codes = {child.exitcode or 0 for child in children} - {0, _ENDED_BY_THE_POOL}
    names = [signal.Signals(-code).name if code < 0 else f"exit code {code}" for code in codes]
    return f" ({', '.join(sorted(names))})" if names else ""


class _Here:
    """What a process of the pool holds."""

    arguments: dict[str, Any]
    weights: TextWeights | None = None


def _begin(
    alive: Connection,
    places: SimpleQueue[int],
    processes: int,
    model: str,
    rows: int,
    pad: int,
) -> None:
    """Make a new process ready; weights are loaded in ``_answer``, where an error can be told."""
    # A terminal sends Ctrl-C to all; the one that waits for it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    _Here.arguments = {"model": model, "rows": rows, "pad": pad}
    _take_place(places.get(), processes)


def _end_with(alive: Connection) -> None:
    # Nothing is ever sent: this returns at the end of the pipe.
    alive.poll(None)
    os._exit(0)


def _take_place(place: int, processes: int) -> None:
    """Take one of the GPUs, or a share of the cores where there is none."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(place)
    else:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))


def _answer(prompts: Sequence[Prompt]) -> Replies:
    if _Here.weights is None:
        _Here.weights = TextWeights(**_Here.arguments)
    return _Here.weights.answer(prompts)
