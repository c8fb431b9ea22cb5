"""A chat server on this machine that goes wrong in one way or in all, and knows what it said.

Every answer names what was asked, so that one that lands at another question is seen. Whatever it
sends besides, in headers, errors and fields, repeats the client's secrets, so that one that is
written down anywhere is seen, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image

__all__ = ["FAULTS", "KEY", "MIXED", "PASSWORD", "SECRETS", "Fault", "FaultServer", "reply_to"]

KEY = "sk-never-to-be-written-0123456789"
PASSWORD = "password-never-to-be-written"
SECRETS = tuple(
    form
    for secret in (KEY, PASSWORD)
    for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="))
)
"""What must be in no file and no message."""

_HUGE = 300 << 20
_SHARE = 0.3
"""Of the requests that go wrong by chance; asked again, most questions are answered."""
_GOOD_FIRST = 40
"""Requests that a server answers before its key is wrong."""
_STUBBORN = 0.06
"""Of the questions that go wrong each time, until the server is repaired."""


class Fault(NamedTuple):
    """One way to go wrong."""

    send: Callable[[Handler, bytes], None]
    """Does it; the second is what would have been the answer."""
    answers: bool = False
    """Whether the right answer comes all the same."""
    share: float = _SHARE
    """Of the requests that it befalls."""


class Handler(BaseHTTPRequestHandler):
    """Reads a question and answers it, or not."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer one question."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            self.server.owner.answer(self, body)
        except OSError:
            # The client gave up.
            self.close_connection = True

    def say(self, status: int, content: bytes, **headers: str) -> None:
        """Send a whole answer, with the client's secrets in its headers."""
        self.send_response(status)
        own = {"content_type": "application/json", "content_length": str(len(content))}
        secret = {"x_key": KEY, "x_authorization": self.headers.get("authorization", "")}
        for name, value in (own | secret | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def reset(self) -> None:
        """End the connection without a word more."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    owner: FaultServer
    request_queue_size = 128
    daemon_threads = True


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": f"{message}; your key is {KEY}", "code": KEY}}).encode()


def _slowly(handler: Handler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    # Longer than anybody waits, and never silent for long.
    for place in range(len(content)):
        handler.wfile.write(content[place : place + 1])
        time.sleep(0.05)


def _huge(handler: Handler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-length", str(_HUGE))
    handler.end_headers()
    handler.wfile.write(content[:-1])
    for _ in range(_HUGE >> 16):
        handler.wfile.write(b" " * (1 << 16))


def _late(handler: Handler, content: bytes) -> None:
    # The later it was asked, the sooner it may come.
    time.sleep(random.random() * 0.3)
    handler.say(200, content)


def _of_another(handler: Handler, content: bytes) -> None:
    """Send the right answer under a wrong id, and behind it another one for nobody."""
    answer = json.loads(content)
    handler.say(200, json.dumps(answer | {"id": handler.server.owner.first_id}).encode())
    answer["choices"][0]["message"]["content"] = "This is the answer to another question."
    handler.say(200, json.dumps(answer).encode())


_PAGE = f"<html><head><style>{{}}</style></head><h1>Log in</h1><p>{KEY}</p></html>".encode()

FAULTS: Mapping[str, Fault] = {
    "429 with Retry-After": Fault(
        lambda handler, _: handler.say(429, _error("too many"), retry_after="0.1")
    ),
    "500": Fault(lambda handler, _: handler.say(500, _error("out of memory"))),
    "nothing, the connection is reset": Fault(lambda handler, _: handler.reset()),
    "half a JSON": Fault(lambda handler, content: handler.say(200, content[: len(content) // 2])),
    "wrong id, an answer too many": Fault(_of_another, answers=True, share=1.0),
    "slowly, byte by byte": Fault(_slowly, share=0.15),
    "in the wrong order": Fault(_late, answers=True, share=1.0),
    "a body of 300 MB": Fault(_huge, share=0.1),
    "a web page": Fault(
        lambda handler, _: handler.say(200, _PAGE, content_type="text/html"), share=0.15
    ),
    "401 in the middle": Fault(lambda handler, _: handler.say(401, _error("wrong key"))),
}
"""Name to fault."""

MIXED: Sequence[str] = [name for name in FAULTS if not name.startswith("401")]
"""Those that may befall one request, and another not."""


def reply_to(text: str, colour: object = None) -> str:
    """Return what the server says to a question: what only this question can be answered by."""
    pair = re.search(r"between (\S+) and (\S+) : '", text)
    if pair:
        # A question of diversify; this passes its guards.
        return f"A {pair[2]}, in front of that {pair[1]}"
    token = hashlib.sha256(f"{text}{colour}".encode()).hexdigest()[:12]
    return f"in front of, {token}\nsecond {token}\nthird {token}"


class FaultServer:
    """Serves until it is closed.

    Args:
        faults: Names of what goes wrong; none is a good server.
        seed: Which requests it befalls; their order does not matter.
    """

    def __init__(self, faults: Sequence[str] = (), *, seed: int = 0) -> None:
        self.faults = tuple(faults)
        self.asked: list[str] = []
        """Each question that came, by its text and image."""
        self.answered: set[str] = set()
        """Those that were answered whole."""
        self.first_id = ""
        self.least_s = 0.0
        """Seconds that every answer takes."""
        self._seed = seed
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), Handler)
        self._http.owner = self
        self.url = f"http://me:{PASSWORD}@127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def repair(self) -> None:
        """Answer well from now on, and forget what was asked."""
        self.faults = ()
        self.least_s = 0.0
        self.asked.clear()

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, handler: Handler, body: dict[str, Any]) -> None:
        """Answer a question as it is its lot."""
        text, colour = _read(body)
        question = f"{text} {colour}"
        with self._lock:
            self.asked.append(question)
            self._attempts[question] += 1
            attempt, count = self._attempts[question], len(self.asked)
        name = f"answer-{hashlib.sha256(question.encode()).hexdigest()}"
        self.first_id = self.first_id or name
        message = {"role": "assistant", "content": reply_to(text, colour)}
        answer = {
            "id": name,
            "object": "chat.completion",
            "system_fingerprint": f"{KEY} {handler.headers.get('authorization')}",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }
        content = json.dumps(answer).encode()
        time.sleep(self.least_s)
        fault = self._fault(question, attempt, count)
        if fault is None:
            handler.say(200, content)
        else:
            fault.send(handler, content)
        if fault is None or fault.answers:
            with self._lock:
                self.answered.add(question)

    def _fault(self, question: str, attempt: int, count: int) -> Fault | None:
        if not self.faults:
            return None
        if self.faults[0].startswith("401"):
            return FAULTS[self.faults[0]] if count > _GOOD_FIRST else None
        stubborn = random.Random(f"{self._seed} {question}").random() < _STUBBORN
        draw = random.Random(f"{self._seed} {question} {attempt}")
        fault = FAULTS[draw.choice(self.faults)]
        return fault if stubborn or draw.random() < fault.share else None


def _read(body: dict[str, Any]) -> tuple[str, object]:
    """Return the text of a question, and the colour in the middle of its image."""
    (message,) = body["messages"]
    content = message["content"]
    if isinstance(content, str):
        return content, None
    packed = content[0]["image_url"]["url"].partition(";base64,")[2]
    with Image.open(BytesIO(base64.b64decode(packed))) as image:
        return content[1]["text"], image.convert("RGB").getpixel(
            (image.width // 2, image.height // 2)
        )
