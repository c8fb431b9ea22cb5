"""What language models and chat servers put around a sentence: the table of it, and its mutations.

    python benchmarks/fuzz_replies.py [--count 6000] [--seed 0]
    python benchmarks/fuzz_replies.py --table

Each mutation nests the forms of a reply, cuts them off, or puts odd characters in; a third of them
are mutations of a server's whole answer. A mutated reply must give a sentence that the guards take
and that holds no wrapping, or none; a mutated answer a reply, or an error of this package.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import re
from collections import Counter
from types import SimpleNamespace
from typing import NamedTuple

from vsdkit.chat_client import ChatReply
from vsdkit.chat_client.answer import read_body, read_reply
from vsdkit.diversify.guards import Ask, refuse
from vsdkit.diversify.unwrap import clean_reply
from vsdkit.errors import VsdkitError

__all__ = [
    "ASK",
    "BODIES",
    "FORMS",
    "GOOD",
    "Body",
    "Form",
    "judge",
    "mutate",
    "outcome_of",
    "outcome_of_body",
]

ASK = Ask("1", "a lamp is behind a crate.", "lamp", "crate", frozenset({"behind"}), ())
"""What every form answers."""

GOOD = "Some crate has its place before one lamp."
"""The rewrite that is to be found; the guards take it."""

_DRAFT = "Maybe: one crate sits ahead of that lamp."
"""A thought that the guards would take, but nobody said it as the answer."""

TAKEN = "the sentence"


class Form(NamedTuple):
    """A way of answering."""

    name: str
    """What is around the sentence."""
    text: str
    """The reply, with ``@`` in the sentence's place."""
    outcome: str = TAKEN
    """What becomes of it: ``the sentence`` or why it is refused."""


class Body(NamedTuple):
    """A server's whole answer, with status 200."""

    name: str
    """What is odd about it."""
    content: str
    """The HTTP body."""
    outcome: str = TAKEN
    """What becomes of it, as in ``Form``; an error's message where it is no reply."""


FORMS = (
    Form("nothing", "@"),
    Form("thoughts", f"<think>\n{_DRAFT}\n</think>\n\n@"),
    Form("thoughts, the sentence among them", "<think>@</think>\n\n@"),
    Form("thoughts without their opening mark", f"{_DRAFT}\n</think>\n\n@"),
    Form("thoughts of one line without their opening mark", f"{_DRAFT}</think> @"),
    Form("empty thoughts", "<think>\n\n</think>\n\n@"),
    Form("thoughts cut off", f"<think>\n{_DRAFT}", "no sentence"),
    Form("thoughts and nothing behind them", f"<think>{_DRAFT}</think>", "no sentence"),
    Form("thoughts twice", f"<think>a</think>{_DRAFT}<think>b</think>@"),
    Form("thoughts under another name", f"<Thinking>{_DRAFT}</Thinking>@"),
    Form("thoughts in brackets", f"[THINK]{_DRAFT}[/THINK]@"),
    Form("thoughts with escaped marks", f"&lt;think&gt;{_DRAFT}&lt;/think&gt;@"),
    Form(
        "channels",
        f"<|channel|>analysis<|message|>{_DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>@",
    ),
    Form("a channel of thoughts only", f"<|channel|>analysis<|message|>{_DRAFT}", "no sentence"),
    Form("channels without their marks", f"analysis{_DRAFT}assistantfinal@"),
    Form("answer marks", "<answer>@</answer>"),
    Form("thoughts and answer marks", f"<think>{_DRAFT}</think><answer>\n@\n</answer>"),
    Form("an answer mark that is not closed", "Well.\n<answer>@"),
    Form("another answer mark", "<rewritten>@</rewritten> Let me know!"),
    Form("the end of a turn", "@<|im_end|>"),
    Form("a fence", "```\n@\n```"),
    Form("a fence with a language", "```text\n@\n```"),
    Form("a fence in one line", "```text @```"),
    Form("a fence cut off", "```\n@"),
    Form("a fence behind words", "Here is the sentence:\n```\n@\n```\nI hope this helps!"),
    Form("code marks", "`@`"),
    Form("straight quotes", '"@"'),
    Form("single quotes", "'@'"),
    Form("curly quotes", "\u201c@\u201d"),
    Form("nested quotes", "\u201c'@'\u201d"),
    Form("Chinese quotes behind a Chinese label", "\u6539\u5199\u540e\uff1a\u300c@\u300d"),
    Form("quotes before the full stop", '"Some crate has its place before one lamp".'),
    Form("a quote that is not closed", '"@'),
    Form("quotes in a sentence", 'The rewritten sentence is "@"'),
    Form("quotes in a question", "How about \u201c@\u201d?"),
    Form("single quotes in a question", "How about 'Some crate has its place before one lamp'?"),
    Form("talk before a colon", "You could say: @"),
    Form("a role", "Assistant: @"),
    Form("an answer's letter", "Q: Simpler, please.\nA: @", "lost object"),
    Form("a remark in parentheses", "Some crate is before one lamp (simplified).", "no sentence"),
    Form("quotes and a remark", '"@" is a simpler version.'),
    Form("bold", "**@**"),
    Form("a bold label", "**Rewritten sentence:** @"),
    Form("a heading", "### Rewritten sentence\n\n@"),
    Form("HTML", "<p><b>@</b></p>"),
    Form("a number", "1. @"),
    Form("a number in parentheses", "(1) @"),
    Form("a list", "1. @\n2. One lamp, and ahead of it this crate."),
    Form("a bullet", "- @"),
    Form("a letter", "a) @"),
    Form("a label", "Simplified description: @"),
    Form("an option", "Option 1: @"),
    Form("an introduction", "Sure! Here is a rewritten version:\n\n@"),
    Form("an introduction in the same line", "Sure! @"),
    Form("an introduction with a label", "Certainly, here's the simpler sentence: @"),
    Form("an introduction of two sentences", "Okay! I'd be happy to help. @"),
    Form("the original before it", "Original: a lamp is behind a crate.\nRewritten: @"),
    Form("a remark behind it", "@ Let me know if you want another one!"),
    Form("a note behind it", "@ Note: 'behind' was turned round."),
    Form("a note in parentheses", "@ (Note: I kept the crate and the lamp.)"),
    Form("a note in the next line", "@\n\nExplanation: no two words were kept."),
    Form("a note before it", "Note: the crate comes first.\n@"),
    Form("a remark without a sign", "@ This keeps the main structure."),
    Form("a smiling face", "@ \U0001f60a"),
    Form("JSON", '{"sentence": "@"}'),
    Form("JSON under another name", '{"rewritten": "@"}'),
    Form("JSON with the original", '{"original": "a lamp is behind a crate.", "rewritten": "@"}'),
    Form("JSON with thoughts", f'{{"reasoning": "{_DRAFT}", "answer": "@"}}'),
    Form("JSON in JSON", '{"result": {"sentence": "@"}}'),
    Form("JSON in a fence", '```json\n{\n  "sentence": "@"\n}\n```'),
    Form("JSON and a remark", 'Sure! {"sentence": "@"} Hope this helps.'),
    Form("a JSON list", '["@", "another one"]'),
    Form("a list of JSON objects", '[{"sentence": "@"}]'),
    Form("JSON as text", '"{\\"sentence\\": \\"@\\"}"'),
    Form("JSON cut off", '{"sentence": "@', "no sentence"),
    Form("JSON without a sentence", '{"status": 5}', "no sentence"),
    Form("escaped line ends", "@\\n\\nLet me know!"),
    Form("a byte order mark and invisible characters", "\ufeff@\u200b"),
    Form("only an introduction", "Sure! Here is the rewritten sentence:", "no sentence"),
    Form("an apology", "I'm sorry, but I cannot see the image.", "no sentence"),
    Form("the original again", "a lamp is behind a crate.", "kept words"),
    Form("another relation", "Some crate is beside one lamp.", "lost relation"),
    Form("another object", "Some box has its place before one lamp.", "lost object"),
)
"""Every form of a reply, with what becomes of it."""


def _completion(content: object, finish: str = "stop", **message: object) -> str:
    said = {"role": "assistant", "content": content} | message
    return json.dumps({"choices": [{"index": 0, "finish_reason": finish, "message": said}]})


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _stream(*pieces: str, end: str = "data: [DONE]\n\n", finish: str | None = None) -> str:
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


BODIES = (
    Body("a completion", _completion(GOOD)),
    Body("thoughts in a field of their own", _completion(GOOD, reasoning_content=_DRAFT)),
    Body("only thoughts", _completion(None, reasoning_content=_DRAFT), "empty reply"),
    Body("only thoughts, cut off", _completion(None, "length", reasoning=_DRAFT), "too long"),
    Body("cut off", _completion("Some crate is before one lamp and", "length"), "too long"),
    Body("null", _completion(None), "empty reply"),
    Body("blanks", _completion(" \n"), "empty reply"),
    Body("a filter", _completion(None, "content_filter"), "filtered"),
    Body("a filter behind half of it", _completion(GOOD[:20], "content_filter"), "filtered"),
    Body("a refusal", _completion(None, refusal="I cannot help with that."), "refused"),
    Body("a list of parts", _completion([_part(GOOD[:9]), _part(GOOD[9:])])),
    Body(
        "a part of thoughts",
        _completion([{"type": "thinking", "thinking": [_part(_DRAFT)]}, _part(GOOD)]),
    ),
    Body("a part that refuses", _completion([{"type": "refusal", "refusal": "no"}]), "refused"),
    Body("a stream", _stream(GOOD[:9], GOOD[9:], finish="stop")),
    Body("a stream with keep-alives", f": ping\n\n{_stream(GOOD)}"),
    Body("a stream of carriage returns", _stream(GOOD).replace("\n", "\r\n")),
    Body("a stream that is cut off", _stream(GOOD[:9], end=""), "error: not JSON"),
    Body("a stream that ends at the limit", _stream(GOOD[:9], finish="length"), "too long"),
    Body("half a character", _completion(GOOD).replace("place", "pl\\ud83dace"), "no sentence"),
    Body("no choices", '{"choices": []}', "error: holds no text"),
    Body("something else", "{}", "error: holds no text"),
    Body("a page", "<html><body>Log in</body></html>", "error: not JSON"),
    Body("half of an answer", _completion(GOOD)[:60], "error: not JSON"),
    Body("nothing at all", "", "error: not JSON"),
)  # fmt: skip
"""Every form of a whole answer, with what becomes of it."""

_PIECES = (
    "<think>", "</think>", "<think", "```", "```json\n", '"', "\u201c", "\u201d", "'", "{", "}",
    "[", "]", '{"sentence": "', '"}', "Sure! ", "Here is: ", "1. ", "2) ", "Note: ", "\n", "\n\n",
    "\\n", "\u2028", "\u200b",
    "\ufeff", "\x00", "\x1b[31m", "\ufffd", "\U0001f600", "\u00e9", "e\u0301",
    "\u4f60\u597d", "\uff1a", "**", "*", "_", "#", "<answer>", "</answer>", "<|im_end|>", "&lt;",
    "(", ")", ":", ".", "\\", "\\u0022", "a" * 3_000, "[" * 3_000, "word " * 500, "", "<", ">",
    "Rewritten sentence: ", "analysis", "assistantfinal", "\ud83d",
)  # fmt: skip
# What no sentence holds that is put into a file; the same is looked for in unwrap.py by what is
# allowed, here by what is not.
_WRAPPING = re.compile(
    r"[<>{}\[\]`*\\#|_\n\r\x00-\x1f\ufffd]|\bsure\b|think>|\A\W*\d+[.)]|\A\W|\bnote:|rewritten|json\b",
    re.I,
)
# A mutated sentence is still much like what was there; a remark is not.
_ALIKE = 0.6


def outcome_of(text: str) -> str:
    """Return what becomes of a reply: the sentence's name, or why it is refused."""
    sentence = clean_reply(text)
    reason = refuse(ASK, sentence)
    if reason is not None:
        return reason
    return TAKEN if sentence.rstrip(".") == GOOD.rstrip(".") else f"taken: {sentence}"


def outcome_of_body(content: bytes) -> str:
    """Return what becomes of a whole answer."""
    try:
        reply = _read(content)
    except VsdkitError as error:
        known = ("not JSON", "holds no text")
        return f"error: {next((words for words in known if words in error.message), error.message)}"
    return reply.no_text or outcome_of(reply.text)


def _read(content: bytes) -> ChatReply:
    response = SimpleNamespace(content=content, history=[], url="http://localhost/v1")
    return read_reply("1", read_body(response))


def judge(text: str) -> str:
    """Return what became of a mutated reply: ``sentence``, ``refused``, or what went wrong."""
    try:
        sentence = clean_reply(text)
        reason = refuse(ASK, sentence)
    except Exception as error:  # The very thing that is looked for.
        return f"traceback: {type(error).__name__}: {error}"
    if reason is not None:
        return "refused"
    found = _WRAPPING.search(sentence)
    if found:
        return f"wrapping {found[0]!r} taken: {sentence!r}"
    if clean_reply(sentence) != sentence:
        return f"not clean: {sentence!r}"
    likes = [difflib.SequenceMatcher(None, sentence, one).ratio() for one in (GOOD, _DRAFT)]
    # What was put into the middle of the sentence by the mutation itself may be long.
    if max(likes) < _ALIKE and len(sentence) < 2 * len(GOOD):
        return f"something else taken: {sentence!r}"
    return "sentence"


def _judge_body(content: bytes) -> str:
    try:
        reply = _read(content)
    except VsdkitError:
        return "refused"
    except Exception as error:  # The very thing that is looked for.
        return f"traceback: {type(error).__name__}: {error}"
    return judge(reply.text) if reply.no_text is None else "refused"


def mutate(random_: random.Random) -> str:
    """Return a reply of nested forms, with odd characters in it or a part cut off."""
    text = GOOD
    for _ in range(random_.choice((1, 1, 2, 3))):
        text = random_.choice(FORMS).text.replace("@", text)
    for _ in range(random_.choice((0, 1, 1, 2, 4))):
        text = _change(text, random_)
    return text


def _change(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text) + 1)
    if random_.random() < 0.15:
        return text[:at] if random_.random() < 0.7 else text[at:]
    until = min(len(text), at + random_.choice((0, 0, 0, 1, 2, 7, 30)))
    return text[:at] + random_.choice((*_PIECES, text[at:until] * 2)) + text[until:]


def main() -> None:
    """Print the table, or run the mutations and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        rows = [(form.name, outcome_of(form.text.replace("@", GOOD))) for form in FORMS]
        rows += [(body.name, outcome_of_body(body.content.encode())) for body in BODIES]
        print("| form | outcome |\n|---|---|")
        for name, outcome in rows:
            print(f"| {name} | {outcome} |")
        return
    random_ = random.Random(arguments.seed)
    counts: Counter[str] = Counter()
    for number in range(arguments.count):
        if number % 3:
            text = mutate(random_)
            outcome = judge(text)
        else:
            text = _change(random_.choice(BODIES).content, random_)
            outcome = _judge_body(text.encode("utf-8", "surrogatepass"))
        counts[outcome.partition(" ")[0].rstrip(":")] += 1
        if outcome not in ("sentence", "refused"):
            print(f"{text[:300]!r}: {outcome[:300]}")
    counts.setdefault("traceback", 0)
    for kind, count in sorted(counts.items()):
        print(f"{count:6,} {kind}")


if __name__ == "__main__":
    main()
