"""What a chat server answers to the same questions, and how likely its first words are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vsdkit.chat_client import ChatClient, ChatReply, ChatRequest
from vsdkit.model.generation import MAX_NEW_TOKENS
from vsdkit.verify.answers import Answer, min_equal
from vsdkit.verify.report import Comparison

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vsdkit.progress import Listener
    from vsdkit.settings.verify import VerifySettings
    from vsdkit.verify.questions import Question

__all__ = ["ask_server", "compare_server"]

# Of OpenAI's protocol: no server gives fewer.
_TOP = 5


def ask_server(
    settings: VerifySettings, questions: Sequence[Question], *, model: str, listener: Listener
) -> dict[str, ChatReply]:
    """Return a server's replies by the questions' keys.

    Raises:
        BackendError: If the server cannot be reached, refuses, or does not answer as it should.
        ConfigError: If the address cannot be one.
    """
    client = ChatClient(model, settings.base_url)
    requests = [
        ChatRequest(
            one.key,
            one.text,
            max_tokens=MAX_NEW_TOKENS[one.task],
            image=one.image,
            top_logprobs=_TOP,
        )
        for one in questions
    ]
    replies: dict[str, ChatReply] = {}
    with listener.track("ask the server", total=len(questions)) as tracker:
        for reply in client.ask_all(requests):
            if reply.failure is not None:
                raise reply.failure
            replies[reply.key] = reply
            tracker.advance()
    return replies


def compare_server(
    answers: Sequence[Answer],
    replies: Mapping[str, ChatReply],
    *,
    questions: Sequence[Question],
    settings: VerifySettings,
    tokenizer: PreTrainedTokenizerBase,
) -> Comparison:
    """Return how far a server's answers agree with the adapter's.

    Servers tell tokens by their text and only the likeliest, so probabilities are compared, of the
    words that the server tells; those of all tokens that read alike are added up.
    """
    words: list[str] | None = None
    differing, largest = [], None
    for question, answer in zip(questions, answers, strict=True):
        reply = replies[question.key]
        if reply.text != answer.text:
            differing.append((question.key, answer.text, reply.text or f"({reply.no_text})"))
        if reply.first_token:
            words = words or [_plain(tokenizer.decode([id_])) for id_ in range(len(answer.logits))]
            apart = _probability_difference(answer, reply.first_token, words)
            largest = max(largest or 0.0, apart)
    return Comparison(
        other=f"server {settings.base_url}",
        equal=len(questions) - len(differing),
        rows=len(questions),
        min_equal=min_equal(settings, is_fp32=False),
        difference=largest,
        max_difference=settings.max_probability_difference,
        unit="probability",
        first_other=differing[0] if differing else None,
    )


def _probability_difference(
    answer: Answer, told: Mapping[str, float], words: Sequence[str]
) -> float:
    theirs: dict[str, float] = defaultdict(float)
    for token, logprob in told.items():
        theirs[_plain(token)] += math.exp(logprob)
    ours: dict[str, float] = defaultdict(float)
    for word, probability in zip(words, answer.logits.softmax(0).tolist(), strict=False):
        if word in theirs:
            ours[word] += probability
    return max(abs(theirs[word] - ours[word]) for word in theirs)


def _plain(token: object) -> str:
    # Some servers give a token as the vocabulary writes it, with a mark for the blank before it.
    return str(token).replace("\u2581", " ").replace("\u0120", " ").strip()
