"""Which failures are one question's, and which end the asking."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from vsdkit.chat_client import FAILED, ChatClient, ChatReply, ChatRequest
from vsdkit.chat_client.under_way import ask_at_once
from vsdkit.errors import BackendError, ConfigError, DataError, VsdkitError

OF_ONE = BackendError("500", retryable=True)
OF_ALL = BackendError("401", of_all=True)


def questions(count: int) -> list[ChatRequest]:
    return [ChatRequest(str(number), "") for number in range(count)]


def asker(failing: dict[int, BaseException]) -> Callable[[ChatRequest, Event], ChatReply]:
    def ask(request: ChatRequest, stop: Event) -> ChatReply:
        error = failing.get(int(request.key))
        if error is not None:
            raise error
        return ChatReply(request.key, "good")

    return ask


def run(failing: dict[int, BaseException], count: int = 60) -> tuple[list[str], list[str]]:
    """Return the keys that were answered and those that failed, asked one after another."""
    replies = list(ask_at_once(questions(count), asker(failing), concurrency=1))
    assert [reply.key for reply in replies] == [str(number) for number in range(count)]
    failed = [reply.key for reply in replies if reply.no_text == FAILED]
    assert all((reply.failure is None) == (reply.no_text is None) for reply in replies)
    return [reply.key for reply in replies if reply.text], failed


@pytest.mark.parametrize("places", [[0], [59], [3, 9, 27], [*range(40, 59)], [*range(19)]])
def test_a_failure_is_one_questions_where_others_are_answered(places: list[int]) -> None:
    errors = (OF_ONE, DataError("the picture has changed"))
    good, failed = run({place: errors[place % 2] for place in places})
    assert [int(key) for key in failed] == places
    assert len(good) == 60 - len(places)


def test_failures_without_end_are_an_error() -> None:
    asked = []
    kept = []

    def ask(request: ChatRequest, stop: Event) -> ChatReply:
        asked.append(request.key)
        return asker(dict.fromkeys(range(5, 99), OF_ONE))(request, stop)

    with pytest.raises(BackendError, match="500"):
        kept.extend(ask_at_once(questions(99), ask, concurrency=1))
    assert len(asked) == 25
    assert [reply.key for reply in kept] == ["0", "1", "2", "3", "4"]
    assert all(reply.failure is None for reply in kept)


def test_nothing_answered_at_all_is_an_error() -> None:
    with pytest.raises(BackendError, match="500"):
        run(dict.fromkeys(range(3), OF_ONE), count=3)


@pytest.mark.parametrize("error", [OF_ALL, ConfigError("no proxy")])
def test_what_concerns_all_ends_at_once(error: VsdkitError) -> None:
    kept = []
    with pytest.raises(type(error)) as caught:
        kept.extend(ask_at_once(questions(9), asker({2: error}), concurrency=1))
    assert caught.value is error
    assert len(kept) == 2


def test_those_under_way_are_waited_for_and_wait_for_nothing_themselves() -> None:
    given_up = Event()

    def ask(request: ChatRequest, stop: Event) -> ChatReply:
        if request.key == "0":
            raise OF_ALL
        if request.key == "1":
            # Between two attempts.
            assert stop.wait(10)
            given_up.set()
            raise OF_ONE
        time.sleep(0.05)
        return ChatReply(request.key, "paid for")

    kept = []
    with pytest.raises(BackendError, match="401"):
        kept.extend(ask_at_once(questions(9), ask, concurrency=3))
    assert given_up.is_set()
    assert [reply.key for reply in kept] == ["2"]


def test_a_defect_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run({1: ZeroDivisionError()})


def test_whoever_takes_no_more_replies_waits_for_nobody() -> None:
    waiting = Event()

    def ask(request: ChatRequest, stop: Event) -> ChatReply:
        if request.key != "0":
            waiting.set()
            stop.wait(30)
        return ChatReply(request.key, "good")

    replies = ask_at_once(questions(9), ask, concurrency=2)
    assert next(replies).key == "0"
    assert waiting.wait(5)
    began = time.monotonic()
    replies.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 1


def test_ctrl_c_drops_the_questions_under_way(serve: Callable[..., Any]) -> None:
    asked = threading.Event()
    over = threading.Event()

    def hang(body: dict[str, Any], number: int) -> Any:
        asked.set()
        over.wait(30)
        return 200, b"{}", {}

    program = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from vsdkit.chat_client import ChatClient, ChatRequest\n"
        "list(ChatClient('m', base_url=sys.argv[1]).ask_all([ChatRequest('a', 'a')]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, serve(hang).url], stderr=subprocess.PIPE
    ) as process:
        assert asked.wait(30)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        took = time.monotonic() - began
    over.set()
    assert b"KeyboardInterrupt" in errors
    assert took < 5


def test_a_question_that_fails_for_good_among_good_ones(
    serve: Callable[..., Any], answer: Callable[[str], bytes]
) -> None:
    def moody(body: dict[str, Any], number: int) -> Any:
        bad = body["messages"][0]["content"] == "bad"
        return (500, b'{"error": "no"}', {}) if bad else (200, answer("good"), {})

    server = serve(moody)
    client = ChatClient("m", base_url=server.url, retries=2, backoff_s=0)
    requests = [ChatRequest(key, key) for key in ("a", "bad", "b", "c")]
    replies = {reply.key: reply for reply in client.ask_all(requests)}
    assert {
        key: reply.text for key, reply in replies.items() if not reply.no_text
    } == dict.fromkeys("abc", "good")
    failure = replies["bad"].failure
    assert failure is not None
    assert failure.message == "the server answered 500: no"
    assert failure.where == f"{server.url}/, bad"
    assert len(server.asked) == 3 + 3
