"""Ask for rewrites until the guards take one, and count why they took no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsdkit.chat_client import FAILED
from vsdkit.diversify.engine import NoReply
from vsdkit.diversify.guards import refuse, stated_relations
from vsdkit.diversify.unwrap import clean_reply

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.diversify.replies import KeptReplies
    from vsdkit.progress import Listener

__all__ = ["Outcome", "rewrite_all"]

_UNKNOWN = "no relation stated"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each sentence."""

    accepted: Mapping[str, str]
    """Id to the sentence that takes the original's place."""
    kept_because: Mapping[str, str]
    """Id to the reason of its last refusal, where no reply was taken."""
    refused: Sequence[Mapping[str, int]]
    """Of each attempt, reason to the replies refused for it, those of rows among them that a later
    attempt rewrote."""
    retried: int
    """Sentences that were tried more than once."""
    relation_kept: int
    """Accepted sentences that state a relation that the original, or else one beside it, states."""


def rewrite_all(
    asks: Sequence[Ask], replies: KeptReplies, attempts: int, listener: Listener
) -> Outcome:
    """Ask for each sentence up to ``attempts`` times, until a reply passes the guards.

    Args:
        asks: What to rewrite.
        replies: Who is asked.
        attempts: At least 1.
        listener: Who hears of progress.
    """
    accepted: dict[str, str] = {}
    # Without a relation no reply could be checked, so none is asked for.
    reasons = {ask.id: _UNKNOWN for ask in asks if not ask.relations}
    pending = [ask for ask in asks if ask.relations]
    refused: list[dict[str, int]] = []
    retried = 0
    for attempt in range(attempts):
        if not pending:
            break
        if attempt == 1:
            # Third and later attempts are among these.
            retried = len(pending)
        said = replies.complete(pending, attempt, listener)
        left = []
        for ask in pending:
            sentence, reason = _judge(ask, said[ask.id])
            if reason is None:
                accepted[ask.id] = sentence
                continue
            left.append(ask)
            reasons[ask.id] = reason
        refused.append(_sorted(Counter(reasons[ask.id] for ask in left)))
        # What the server failed at is for the next run: a later attempt would be another question.
        pending = [ask for ask in left if reasons[ask.id] != FAILED]
    return Outcome(
        accepted,
        {row_id: reason for row_id, reason in reasons.items() if row_id not in accepted},
        refused,
        retried,
        sum(_keeps_relation(ask, accepted[ask.id]) for ask in asks if ask.id in accepted),
    )


def _judge(ask: Ask, reply: str | NoReply) -> tuple[str, str | None]:
    """Return the sentence in a reply, and why it is not taken; None if it is."""
    if isinstance(reply, NoReply):
        return "", reply.because
    sentence = clean_reply(reply)
    return sentence, refuse(ask, sentence)


def _keeps_relation(ask: Ask, sentence: str) -> bool:
    return bool(ask.relations & stated_relations([sentence], ask.subject, ask.object))


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
