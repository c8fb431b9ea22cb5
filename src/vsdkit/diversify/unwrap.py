"""What a language model says -> the one sentence in it, without what stands around it.

Models think aloud, fence, quote, number and label what they were asked for, answer in JSON, and
add remarks. Each kind of wrapping is taken off in its turn; what still looks like wrapping then is
no sentence, so that the guards never judge anything but plain words.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

__all__ = ["clean_reply"]

# DeepSeek-R1, Qwen3 and others write <think>; Mistral [THINK]; Kimi ◁think▷; Seed <seed:think>.
_THOUGHT = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad)"
_OPENED = re.compile(rf"[<\[◁]\s*{_THOUGHT}\s*[>\]▷]|<\|begin_of_thought\|>", re.I)
_CLOSED = re.compile(rf"[<\[◁]\s*/\s*{_THOUGHT}\s*[>\]▷]|<\|end_of_thought\|>", re.I)
# gpt-oss ("harmony"), with its marks, and as servers leave it that only drop the marks.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>", re.I)
_BARE_CHANNEL = "assistantfinal"
_ANSWER = r"(?:final[_ ]?)?(?:answer|output|response|result|sentence|rewrit\w*|text)"
_ANSWERED = re.compile(rf"<\s*({_ANSWER})\s*>(.*?)<\s*/\s*\1\s*>", re.I | re.S)
_ANSWER_MARK = re.compile(rf"<\s*/?\s*{_ANSWER}\s*>", re.I)
# Ends of turns that a server did not cut off, and emphasis in HTML.
_MARK = re.compile(
    r"<\|(?:im_(?:start|end)|end|endoftext|e[ot][otm]_id|(?:begin|end)_of_text|return)\|>"
    r"|</?s>|<(?:eos|bos|pad)>|</?(?:start|end)_of_turn>|\[/?INST\]"
    r"|</?(?:b|i|u|p|em|strong|span|br|q)\s*/?>",
    re.I,
)
_FENCE = re.compile(
    r"(?:```|~~~)(?:[\w+-]*[ \t]*\n|(?:text|txt|plaintext|plain|json|markdown|md)\b)?(.*?)"
    r"(?:```|~~~|\Z)",
    re.S | re.I,
)
# Names in JSON: of what was asked for, and of what stands beside it.
_WANTED = re.compile(
    r"rewrit|rephras|paraphras|simpl|sentence|answer|output|result|response|final|text|content"
    r"|description|new",
    re.I,
)
_UNWANTED = re.compile(
    r"orig|input|expla|reason|think|thought|note|comment|analysis|change|object|subject|relation"
    r"|\bT[12]\b|source|before|\bold\b",
    re.I,
)

_QUOTED = (
    ('"', '"'),
    ("\u201c", "\u201d"),
    ("\u201e", "\u201c"),
    ("\u00ab", "\u00bb"),
    ("\u300c", "\u300d"),
)
_NUMBER = re.compile(
    r"\A(?:(?:option|version|alternative|sentence|step|rewrite)\s*)?"
    r"(?:\(?\d{1,2}[.):]|\(?[a-h][.):]|\(?(?:i{1,3}|iv|v)[.)])\s+",
    re.I,
)
_OPENER = re.compile(
    r"\A(?:(?:sure|certainly|of course|absolutely|okay|ok|alright|got it|great|yes|well|hi|hello"
    r"|no problem|here you go|here it is|thanks?(?: you)?)(?: thing)?\b\s*[!,.:;\u2013\u2014-]+\s*"
    r"|(?:i'd|i would|i'll|i will|i can|i am|i'm|i have|i've|let me|let's)\b[^.!?:]*[.!:]\s*)",
    re.I,
)
# What a chat model writes before its sentence, as "Here is the rewritten sentence:". The bounds
# keep a whole sentence that holds a colon from being taken for such a label.
_LABEL = re.compile(
    r"\A[^.!?:\"\u201c]{0,60}?\b(?:sentence|rewr[io]t\w*|reword\w*|rephras\w*|paraphras\w*|version"
    r"|answer|simpl\w+|description|output|result|response|final)\b[^.!?:\"\u201c]{0,40}:\s*"
    r"|\Ahere(?:'s| is| are| you go| it is)[^.!?:\"\u201c]{0,40}:\s*"
    # A label in Chinese, as Qwen falls back to.
    r"|\A[\u3000-\u9fff\w ]{0,20}[\u3000-\u9fff]\s*[:\uff1a]\s*",
    re.I,
)
# A role, a single word, or talk to the reader before a colon: "Assistant:", "How about this:".
_TALK = re.compile(
    r"\A(?:[^\W_][\w-]*|(?:try|use|consider|how about|what about|perhaps|maybe|please|my|your|we"
    r"|you|i|it|this (?:is|one|works|could)|below|the following|done|as requested|for example)\b"
    r"[^.!?:\"\u201c]{0,50}):\s+",
    re.I,
)
_OTHER_LINE = re.compile(
    r"\A\W*(?:original|input|explanation|notes?|reason(?:ing)?|thoughts?|analysis|changes?|remarks?"
    r"|comments?|warning|disclaimer|given|steps?|task|instructions?)\b[^.!?]{0,40}:",
    re.I,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u2019\u201d)\]]{0,5}\s+(?![a-z0-9])")
_REMARK = re.compile(
    r"\s*[(\[\u2013\u2014-]*\s*\b(?:note(?: that)?\b\s*[:,]|notes:|explanation\b|let me know\b"
    r"|i hope\b|hope (?:this|that|it)\b|p\.?s\.?:|feel free\b).*\Z",
    re.I | re.S,
)
# A person's sentence of two objects holds none but these; markup, JSON and escapes do.
_PLAIN = re.compile(
    r"\A(?:[^\W_]|[\s.,;:'\u2019\u2018\"\u201c\u201d!?()/&%\u00b0\u2010-\u2014-])+\Z"
)
# A name of JSON, a number in front; and words that speak of the rewriting, never of an image.
_SPEAKS_OF_ITSELF = re.compile(
    r"[\"\u201d]\s*:|\A\d+[).:]|assistantfinal|\b(?:sure|certainly|rewr(?:ite|itten|iting|ote)|rephras\w+"
    r"|paraphras\w+|synonyms?|sentences?|simplif\w+|reword\w*|as requested|json"
    r"|(?:new|original|simpler|simplified) (?:version|description)"
    r"|here(?:'s| is| are) (?:the|a) \w+ (?:version|one))\b",
    re.I,
)
# Invisible characters, which no reader would see in a sentence.
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# Characters of a reply: ten times what a server may send, short for patterns that look ahead.
_LONGEST = 20_000
# Deep enough for JSON in a text in JSON; a reply is no tree.
_DEEPEST = 4
# "A lamp behind crates" is a sentence; what is shorter and quoted is a lettering in the image.
_FEWEST_WORDS = 4
# Labels, numbers and openers in any order: "Sure! 1. Rewritten sentence: ...".
_MOST_PREFIXES = 6


def clean_reply(reply: str) -> str:
    """Return the sentence in a model's reply, without what it says around it; empty if none.

    >>> clean_reply('Rewritten sentence: "A pole stands behind the man."')
    'A pole stands behind the man.'
    >>> clean_reply('<think>Other words.</think>{"sentence": "A pole stands behind the man."}')
    'A pole stands behind the man.'
    """
    if len(reply) > _LONGEST:
        return ""
    return _sentence(_UNSEEN.sub("", html.unescape(reply)), _DEEPEST)


def _without_thoughts(text: str) -> str:
    """Return what follows the thoughts; thoughts that never end hide all that follows them."""
    channels = list(_CHANNEL.finditer(text))
    if channels:
        last = channels[-1]
        text = text[last.end() :] if last[1].lower() == "final" else ""
    text = text.rpartition(_BARE_CHANNEL)[2]
    # The opening mark may be in the prompt, so that the closing one stands alone.
    text = _CLOSED.split(text)[-1]
    opened = _OPENED.search(text)
    return text[: opened.start()] if opened else text


def _sentence(text: str, depth: int) -> str:
    """Return the sentence in a text; ``depth`` more wrappings may be around it."""
    text = _without_thoughts(text)
    answers = _ANSWERED.findall(text)
    text = answers[-1][1] if answers else _ANSWER_MARK.sub("\n", text)
    text = _MARK.sub(" ", text)
    fenced = next((inside for inside in _FENCE.findall(text) if inside.strip()), None)
    text = (text if fenced is None else fenced).strip()
    inner = _wanted(_json_in(text), depth)
    if inner and depth:
        return _sentence(inner, depth - 1)
    # A server that escapes twice, or JSON that was taken apart.
    text = re.sub(r"\\+n", "\n", text).replace('\\"', '"')
    for line in re.sub(r"[*`]+", "", text).splitlines():
        if line.lstrip().startswith("#") or _OTHER_LINE.match(line):
            continue
        found = _unlabelled(line)
        if found and not found.endswith(":"):
            return _plain(_first_sentence(found))
    return ""


def _json_in(text: str) -> Any:
    """Return the JSON value that a text is or begins somewhere; None if none, or half of one."""
    start = re.search(r"[{\[]|\A\"", text)
    if start is None:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, start.start())
    except (ValueError, RecursionError):
        return None
    # A quotation with something behind it is no JSON; an object with a remark behind it is.
    return None if isinstance(value, str) and end < len(text) else value


def _wanted(value: Any, depth: int) -> str:
    """Return the text in a JSON value that is the answer; empty if none or which is not clear."""
    if isinstance(value, str):
        return value
    if not depth or not value:
        return ""
    if isinstance(value, list):
        return _wanted(value[0], depth - 1)
    if not isinstance(value, dict):
        return ""
    left = {name: one for name, one in value.items() if not _UNWANTED.search(name)}
    named = [one for name, one in left.items() if _WANTED.search(name)]
    options = named or list(left.values())
    return _wanted(options[0], depth - 1) if options else ""


def _unlabelled(line: str) -> str:
    """Return a line without numbers, openers, labels and quotes around its sentence."""
    line = " ".join(line.split())
    for _ in range(_MOST_PREFIXES):
        before = line
        for pattern in (_NUMBER, _OPENER, _LABEL, _TALK):
            line = pattern.sub("", line, count=1)
        line = _unquoted(re.sub(r"\A[^\w\"\u201c\u201e\u00ab\u300c]+", "", line))
        if line == before:
            break
    return line


def _unquoted(line: str) -> str:
    """Return what a line quotes, if that is long enough for a sentence, or the line itself."""
    for first, last in _QUOTED:
        quoted = re.search(f"{first}([^{first}{last}]*){last}", line)
        if quoted and len(quoted[1].split()) >= _FEWEST_WORDS:
            return quoted[1].strip()
        if line.startswith(first) and last not in line[1:]:
            return line[1:]
    # Apostrophes stand behind a letter, or before one.
    quoted = re.search(r"(?<!\w)'([^']*)'(?!\w)", line)
    return quoted[1] if quoted and len(quoted[1].split()) >= _FEWEST_WORDS else line


def _first_sentence(line: str) -> str:
    """Return a line's first sentence: one is asked for, and what follows speaks of it."""
    line = _REMARK.sub("", line)
    parts = _SENTENCE_END.split(line, maxsplit=1)
    return parts[0]


def _plain(sentence: str) -> str:
    """Return a sentence of plain words; empty if it still holds wrapping."""
    text = sentence
    if not _balanced(text):
        text = re.sub(r"[\"\u201d)\]]{1,5}([.!?]?)\Z", r"\1", text)
    text = re.sub(r"['\u2019]([.!?])\Z", r"\1", text)
    text = re.sub(r"\A[^\w]+|[^\w.!?)\"\u201d]+\Z", "", text)
    whole = _PLAIN.match(text) and _balanced(text)
    return text if whole and not _SPEAKS_OF_ITSELF.search(text) else ""


def _balanced(text: str) -> bool:
    pairs = (("\u201c", "\u201d"), ("(", ")"))
    return text.count('"') % 2 == 0 and all(text.count(a) == text.count(b) for a, b in pairs)
