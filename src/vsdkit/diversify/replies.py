"""Replies so far, kept beside the output: a run that was interrupted asks only for the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from vsdkit.chat_client import FAILED
from vsdkit.data.jsonl import append_rows, read_appended
from vsdkit.diversify.engine import NoReply

if TYPE_CHECKING:
    from vsdkit.diversify.engine import Engine
    from vsdkit.diversify.guards import Ask
    from vsdkit.progress import Listener

__all__ = ["KeptReplies"]


class KeptReplies:
    """An engine's replies in ``<output>.replies.jsonl``, each under a hash of what was asked.

    Args:
        output: The file that will be written in the end.
        engine: Who is asked for what is not kept yet.
    """

    def __init__(self, output: Path, engine: Engine) -> None:
        self._path = output.with_name(f"{output.name}.replies.jsonl")
        self._engine = engine
        self._known: dict[str, str | NoReply] = {
            row["key"]: NoReply(row["no_reply"]) if row.get("no_reply") else row["reply"]
            for _, row in read_appended(self._path)
        }

    def complete(
        self, asks: Sequence[Ask], attempt: int, listener: Listener
    ) -> Mapping[str, str | NoReply]:
        """Return the reply to each ask by its id, asking the engine for those not known yet.

        A reply is on the disk before the next one is taken; that there is none is one, too, so
        that a run that goes on asks nothing twice. What the server failed at is not put down, and
        the next run asks it.
        """
        keys = {ask.id: self._key(ask, attempt) for ask in asks}
        left = [ask for ask in asks if keys[ask.id] not in self._known]
        failed: dict[str, NoReply] = {}
        name = "rewrite" if attempt == 0 else f"attempt {attempt + 1}"
        with (
            listener.track(name, total=len(left)) as tracker,
            append_rows(self._path) as append,
        ):
            for row_id, reply in self._engine.rewrite(left, attempt):
                tracker.advance()
                if isinstance(reply, NoReply) and reply.because == FAILED:
                    failed[row_id] = reply
                    continue
                row = {"key": keys[row_id], "id": row_id, "attempt": attempt}
                if isinstance(reply, NoReply):
                    append([row | {"no_reply": reply.because}])
                else:
                    append([row | {"reply": reply}])
                self._known[keys[row_id]] = reply
        return failed | {
            row_id: self._known[key] for row_id, key in keys.items() if row_id not in failed
        }

    def forget(self) -> None:
        """Delete the file: the output holds all that is needed."""
        self._path.unlink(missing_ok=True)

    def _key(self, ask: Ask, attempt: int) -> str:
        asked = [ask.id, ask.sentence, ask.subject, ask.object, ask.others, attempt]
        content = [self._engine.name, dict(self._engine.identity), asked]
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
