"""Answers of servers, kept between runs under a hash of all that was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

import orjson

from vsdkit.chat_client.answer import ChatReply
from vsdkit.data.addresses import drop_login
from vsdkit.data.cache import cache_folder
from vsdkit.data.store import Store, StoreWords
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.chat_client.client import ChatRequest

__all__ = ["AnswerStore"]

_WORDS = StoreWords("answers of servers", "questions are asked again")


class AnswerStore:
    """The whole answers of one model at one server; use it in a ``with``.

    An answer is found by the address without name and password, the model's name, what is known
    of its weights, the question with its image's hash, and each parameter that was asked for. Keys
    and passwords are in none of it.

    Args:
        address: The server's: the same name may be another model elsewhere.
        model: What the server calls the model.
        weights: Hash of the model's weights, if known; empty otherwise.
        listener: Who is told of a file that cannot be used.
    """

    def __init__(
        self, address: str, model: str, *, weights: str = "", listener: Listener = SILENT
    ) -> None:
        self._asked = [drop_login(address), model, weights]
        path = cache_folder() / "server_answers.sqlite"
        self._store = Store(path, table="answers_1", words=_WORDS, listener=listener)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *caught: object) -> None:
        """Close the file."""
        self._store.__exit__(*caught)

    def get(self, requests: Iterable[ChatRequest]) -> dict[str, ChatReply]:
        """Return the replies that are kept by the keys of their questions."""
        hashes = {request.key: self._hash(request) for request in requests}
        found = self._store.get(list(dict.fromkeys(hashes.values())))
        return {
            key: ChatReply(key=key, **orjson.loads(found[place]))
            for key, place in hashes.items()
            if place in found
        }

    def put(self, request: ChatRequest, reply: ChatReply) -> None:
        """Keep a reply, if it is a whole one; it is on the disk when this returns."""
        # What was refused or cut off today may be answered once the server is set otherwise.
        if reply.no_text is None:
            value = orjson.dumps({"text": reply.text, "first_token": reply.first_token})
            self._store.put({self._hash(request): value})

    def _hash(self, request: ChatRequest) -> bytes:
        image = None if request.image is None else request.image.sha256
        # The key names the row, which is no part of the question.
        asked = request._replace(key="", image=None)
        content = [*self._asked, asked._asdict(), image]
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
