"""Answers without end: in size, in time, and behind an answer."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vsdkit.chat_client import FAILED, ChatClient, ChatReply, ChatRequest
from vsdkit.chat_client.bounded import LARGEST_ANSWER
from vsdkit.errors import BackendError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def completion(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve bytes as they are, one connection after another."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    while not connection.recv(1 << 16).endswith(b"}"):
                        pass
                    answer(connection)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def ask(url: str, *keys: str, **settings: Any) -> list[ChatReply]:
    client = ChatClient("m", base_url=url, concurrency=1, **({"retries": 0} | settings))
    return list(client.ask_all([ChatRequest(key, f"about {key}") for key in keys]))


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(HEAD + b"content-length: 999999999999\r\n\r\n")
        for _ in range(4_000):
            sent += connection.send(b" " * (1 << 16))

    with raw_server(endless) as url, pytest.raises(BackendError, match="longer than 8 MiB"):
        ask(url, "a", retries=3)
    # What stands in the buffers of the connection comes on top.
    assert LARGEST_ANSWER < sent < 3 * LARGEST_ANSWER


@pytest.mark.parametrize("status", [200, 500])
def test_a_packed_answer_is_measured_unpacked(serve: Callable[..., Any], status: int) -> None:
    packed = gzip.compress(b" " * (LARGEST_ANSWER + 1))
    assert len(packed) < 10_000
    server = serve(lambda body, number: (status, packed, {"content-encoding": "gzip"}))
    with pytest.raises(BackendError, match="longer than 8 MiB"):
        ask(server.url, "a")


def test_an_answer_that_trickles_in_is_given_up() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"content-length: 9999\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)

    began = time.monotonic()
    with raw_server(trickle) as url, pytest.raises(BackendError, match="not answer in time"):
        ask(url, "a", timeout_s=0.3)
    assert time.monotonic() - began < 2


def test_a_second_answer_behind_the_first_is_nobodys() -> None:
    number = 0

    def twice(connection: socket.socket) -> None:
        nonlocal number
        number += 1
        for text in (f"answer {number}", "of another question"):
            body = completion(text)
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)

    with raw_server(twice) as url:
        replies = ask(url, "a", "b", "c")
    assert [reply.text for reply in replies] == ["answer 1", "answer 2", "answer 3"]


def test_each_question_has_a_connection_of_its_own(serve: Callable[..., Any]) -> None:
    server = serve(lambda body, number: (200, completion("x"), {}))
    ask(server.url, "a", "b")
    assert [one["connection"] for one in server.headers] == ["close", "close"]


def test_a_huge_error_page_is_no_long_work(serve: Callable[..., Any]) -> None:
    page = b"<style input " * 300_000
    server = serve(
        lambda body, number: (500, page, {}) if number == 1 else (200, completion("x"), {})
    )
    began = time.monotonic()
    failed, good = ask(server.url, "a", "b")
    assert time.monotonic() - began < 5
    assert (failed.no_text, good.text) == (FAILED, "x")
