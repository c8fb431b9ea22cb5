"""Questions under way: a thread for each, failures of one told from those of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from vsdkit.chat_client.answer import ChatReply
from vsdkit.chat_client.problem import FAILED
from vsdkit.errors import BackendError, ConfigError, VsdkitError

if TYPE_CHECKING:
    from vsdkit.chat_client.client import ChatRequest

__all__ = ["ask_at_once"]

_MOST_IN_A_ROW: Final = 20
"""Questions that fail one after another before all are given up. More than the rows of almost any
image, which stand together and may all fail of it; each was asked several times before."""

Ask = Callable[["ChatRequest", Event], ChatReply]


def ask_at_once(
    requests: Iterable[ChatRequest], ask: Ask, *, concurrency: int
) -> Iterator[ChatReply]:
    """Yield the reply to each question as it comes; one that failed for itself is a reply, too.

    What concerns all questions, failures without end, or that none at all is answered is an error.
    Replies to those under way are still yielded then, so that nothing that was paid for is lost.
    Whoever stops taking replies, as Ctrl-C does, waits for nobody.

    Args:
        requests: The questions.
        ask: Returns the reply to one; it gives up waiting when the event is set.
        concurrency: Questions under way at once.

    Raises:
        VsdkitError: The first failure, if all are given up.
    """
    waiting = iter(requests)
    came: SimpleQueue[_Came] = SimpleQueue()
    stop = Event()
    failures = _Failures()
    under_way = 0
    try:
        while True:
            # No more threads than questions under way: after a failure none is asked that only
            # waited, and the caller's pace holds back the next ones.
            while failures.error is None and under_way < concurrency:
                request = next(waiting, None)
                if request is None:
                    break
                # Not a pool's thread: Python would wait for it at its end, after Ctrl-C too.
                Thread(target=_work, args=(ask, request, stop, came), daemon=True).start()
                under_way += 1
            if not under_way:
                break
            one = came.get()
            under_way -= 1
            yield from failures.sort_out(one)
            if failures.error is not None:
                stop.set()
    finally:
        stop.set()
    yield from failures.finish()


class _Came(NamedTuple):
    """What a thread has to say of its question."""

    request: ChatRequest
    reply: ChatReply | None
    error: BaseException | None


def _work(ask: Ask, request: ChatRequest, stop: Event, came: SimpleQueue[_Came]) -> None:
    try:
        came.put(_Came(request, ask(request, stop), None))
    except BaseException as error:
        # Any: a thread that ended without a word would be waited for without end.
        came.put(_Came(request, None, error))


@dataclass
class _Failures:
    """Failures so far, held back until another question shows that the server does answer."""

    error: VsdkitError | None = None
    """Why all are given up."""
    _held: list[ChatReply] = field(default_factory=list)
    _answered: bool = False

    def sort_out(self, came: _Came) -> Iterator[ChatReply]:
        """Yield what is known to be a question's own now.

        Raises:
            BaseException: What is no error for users, a defect of the program.
        """
        if came.reply is not None:
            self._answered = True
            if self.error is None:
                yield from self._held
                self._held.clear()
            yield came.reply
        elif not isinstance(came.error, VsdkitError):
            assert came.error is not None
            raise came.error
        elif self.error is None:
            self._note(came.request, came.error)

    def finish(self) -> Iterator[ChatReply]:
        """Yield the failures that came last.

        Raises:
            VsdkitError: If all were given up, or nothing was answered.
        """
        first = self._held[0].failure if self._held else None
        if self.error is None and first is not None and not self._answered:
            self.error = first
        if self.error is not None:
            raise self.error
        yield from self._held

    def _note(self, request: ChatRequest, error: VsdkitError) -> None:
        of_all = error.of_all if isinstance(error, BackendError) else isinstance(error, ConfigError)
        if of_all:
            self.error = error
            return
        self._held.append(ChatReply(request.key, "", FAILED, failure=error))
        if len(self._held) == _MOST_IN_A_ROW:
            self.error = self._held[0].failure
