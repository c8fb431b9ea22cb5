"""The sentences of tasks 2 and 3, written of two tags and a relation by a small grammar.

A frame is a sentence with places for tags, articles, verb and relation. What articles and verbs go
with which nouns, and which frame is worth most, is learnt from the captions of the fit rows.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, NamedTuple

from vsdkit.data.relations import BY_LABEL
from vsdkit.metrics import bleu4_readings
from vsdkit.wording import head_word, is_plural, normalise, singular

__all__ = ["Caption", "Frame", "Grammar"]

_INDEFINITE = ("a", "some", "many", "several", "two")
"""Words that open a noun; which one a noun takes is learnt. "an" is "a" before a vowel."""
_LEAST_SEEN = 2
"""Captions in which a noun has its article, or its verb, before that is believed."""
_MEASURED = 200
"""Fit items that the frames are measured on, and never more than half; more take seconds."""
_BLEU = 0.4
"""Share of BLEU-4 in z2; the rest is SPICE's, as in ``vsdkit.metrics.overall``."""
_ALL = "all"
"""The group of all pairs."""
Worth = tuple[float, float]
"""Score of a frame, 0 to 1, where the relation it states is right, and where it is wrong."""
_PASSIVE = ("shown", "seen")
"""SPICE's parser reads no relation behind "is shown" and "is seen": a caption so worded, and a
sentence so worded, state their two things and no more to it. A wrong relation costs nothing there,
and a right one earns nothing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with places."""

    text: str
    """``{S}`` and ``{O}`` are a tag with its indefinite article, ``{s}`` and ``{o}`` the tag alone,
    ``{is}`` and ``{this}`` agree with the subject, ``{that}`` with the object, ``{v}`` is the
    subject's verb, ``{r}`` the relation."""
    predicate: str | None = ""
    """What SPICE's parser reads between the two: the verb before the relation's words, ``{v}`` for
    the learnt one, nothing for "is", None where it reads no relation at all."""

    @property
    def needs_verb(self) -> bool:
        """Whether only pairs with a learnt verb have such a sentence."""
        return "{v}" in self.text


_ONE = (
    Frame("there {is} {S} {r} the {o}."),
    Frame("there {is} {S} {r} {O}."),
    Frame("{S} {is} shown {r} {O}.", None),
    Frame("{S} {is} shown {r} the {o}.", None),
    Frame("the {s} {is} shown {r} the {o}.", None),
    Frame("{S} {is} {v} {r} {O}.", "{v}"),
    Frame("{S} {is} {v} {r} the {o}.", "{v}"),
    Frame("the {s} {is} {v} {r} the {o}.", "{v}"),
    Frame("{S} {v} {r} {O}.", "?"),
    Frame("{S} {r} {O}."),
    Frame("{S} {is} {r} {O}."),
    Frame("the {s} {is} {r} the {o}."),
)
"""Frames of task 2: the commonest shapes of VSDv1's captions."""

# The three share no run of four words as long as no tag has three: either noun has another article
# in each, and where a relation has four words each sentence words it in its own way.
_THREE = (
    (Frame("the {s} {is} seen {r} {O}.", None), Frame("the {s} {is} {r} {O}.")),
    (Frame("you can see {S} {r} the {o}.", None), Frame("there {is} {S} {r} the {o}.")),
    (
        Frame("{this} {s} {is} shown {r} {that} {o}.", None),
        Frame("{this} {s} {is} to be found {r} {that} {o}.", "find"),
    ),
)
"""Frames of task 3, for each of the three sentences those that it may take."""


class Caption(NamedTuple):
    """What the grammar learns from: the captions of an item, and what they are about."""

    subject: str
    """Tag of the subject."""
    object: str
    """Tag of the object."""
    relation: str
    """The item's label."""
    texts: tuple[str, ...]
    """Its references."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Articles, verbs and the worth of frames, as learnt from captions; JSON as a whole."""

    articles: Mapping[str, str]
    """Noun to its indefinite article; empty for none."""
    plural: str
    """Article of plurals that have none of their own."""
    verbs: Mapping[str, str]
    """``noun|relation``, or the noun alone, to the verb in -ing or -ed that it is found with."""
    worth: Mapping[str, Mapping[str, Worth]]
    """Task 2: group of pairs (``_group``, or all of them) to frame to what it is worth."""
    worth_of_three: Mapping[str, Worth]
    """Task 3: frame to what it is worth."""

    @classmethod
    def learn(cls, one: Sequence[Caption], three: Sequence[Caption], *, seed: int = 0) -> Grammar:
        """Return the grammar of captions.

        Args:
            one: Items with the references of task 2.
            three: Items with the references of task 3.
            seed: Of the choice of items that frames are measured on.
        """
        chosen = random.Random(seed).sample(range(len(one)), min(_MEASURED, len(one) // 2))
        kept = set(chosen)
        # Measured on items whose captions taught no verb: else a verb would always seem to fit.
        first = cls(*_read_words([item for n, item in enumerate(one) if n not in kept]), {}, {})
        others = random.Random(seed).sample(range(len(three)), min(_MEASURED, len(three)))
        parts = [frame for frames in _THREE for frame in frames]
        return cls(
            *_read_words(one),
            worth=first._measure(_ONE, [one[n] for n in chosen], bleu=_BLEU),
            worth_of_three=first._measure(parts, [three[n] for n in others], bleu=0.0)[_ALL]
            if others
            else {},
        )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Grammar:
        """Return what ``to_dict`` wrote."""
        return cls(**content)

    def to_dict(self) -> dict[str, Any]:
        """Return the grammar as JSON."""
        return asdict(self)

    def sentence(self, subject: str, object_: str, relation: str, sure: float) -> str:
        """Return the answer to task 2.

        Args:
            subject: Tag of the subject.
            object_: Tag of the object.
            relation: The label to state.
            sure: Probability that it is right, 0 to 1.
        """
        verb = self._verb(subject, relation)
        values = self.worth.get(_group(subject, verb)) or self.worth.get(_ALL, {})
        frame = _best(_ONE, values, sure, verb)
        return self._fill(frame, subject, object_, BY_LABEL[relation].wordings[0], verb)

    def sentences(self, subject: str, object_: str, relation: str, sure: float) -> tuple[str, ...]:
        """Return the answer to task 3: three sentences that share no run of four words.

        Tags of four and more words are the exception: each sentence names them.

        Args:
            subject: Tag of the subject.
            object_: Tag of the object.
            relation: The label to state.
            sure: Probability that it is right, 0 to 1.
        """
        return tuple(
            self._fill(
                _best(frames, self.worth_of_three, sure, None), subject, object_, wording, None
            )
            for frames, wording in zip(_THREE, _three_wordings(relation), strict=True)
        )

    def _verb(self, subject: str, relation: str) -> str | None:
        noun = singular(head_word(subject))
        return self.verbs.get(f"{noun}|{relation}") or self.verbs.get(noun)

    def _article(self, tag: str) -> str:
        noun = head_word(tag)
        article = self.articles.get(noun)
        if article is None:
            article = self.plural if _is_plural(tag) else "a"
        if article == "a" and tag[:1].lower() in "aeiou":
            article = "an"
        return article

    def _fill(
        self, frame: Frame, subject: str, object_: str, wording: str, verb: str | None
    ) -> str:
        plural, plural_object = _is_plural(subject), _is_plural(object_)
        text = frame.text.format(
            S=f"{self._article(subject)} {subject}",
            O=f"{self._article(object_)} {object_}",
            s=subject,
            o=object_,
            r=wording,
            v=verb,
            this="these" if plural else "this",
            that="those" if plural_object else "that",
            **{"is": "are" if plural else "is"},
        )
        return " ".join(text.split())

    def _measure(
        self, frames: Sequence[Frame], items: Sequence[Caption], *, bleu: float
    ) -> dict[str, dict[str, Worth]]:
        """Return group to frame to its mean score on the items, stated right and wrong."""
        values: dict[str, dict[str, list[Worth]]] = {}
        for frame in frames:
            own = [item for item in items if not frame.needs_verb or self._verb_of(item)]
            both = zip(
                self._values(frame, own, right=True, bleu=bleu),
                self._values(frame, own, right=False, bleu=bleu),
                strict=True,
            )
            for item, value in zip(own, both, strict=True):
                for group in (_ALL, _group(item.subject, self._verb_of(item))):
                    values.setdefault(group, {}).setdefault(frame.text, []).append(value)
        return {
            group: {
                frame: (fmean(right for right, _ in each), fmean(wrong for _, wrong in each))
                for frame, each in found.items()
            }
            for group, found in values.items()
            if group == _ALL or min(map(len, found.values())) >= _LEAST_GROUP
        }

    def _values(
        self, frame: Frame, items: Sequence[Caption], *, right: bool, bleu: float
    ) -> list[float]:
        """Return of each item the frame's best BLEU-4 and best SPICE, as z2 adds them, 0 to 1."""
        sentences, references, graphs = [], [], []
        for item in items:
            verb = self._verb_of(item)
            relation = item.relation if right else _other(item.relation)
            wording = BY_LABEL[relation].wordings[0]
            text = self._fill(frame, item.subject, item.object, wording, verb)
            sentences.append(normalise(text).split())
            references.append([normalise(one).split() for one in item.texts])
            read = None if frame.predicate is None else frame.predicate.format(v=verb)
            graphs.append(max(_graph_f(read, _read(one, item), right=right) for one in item.texts))
        best = [0.0] * len(items)
        if bleu and items:
            by_reference = bleu4_readings(sentences, references).by_reference
            best = [max(values) / 100 for values in by_reference]
        return [bleu * own + (1 - bleu) * graph for own, graph in zip(best, graphs, strict=True)]

    def _verb_of(self, item: Caption) -> str | None:
        return self._verb(item.subject, item.relation)


_LEAST_GROUP = 20
"""Items a group needs for frames of its own; of fewer the mean says little."""


def _group(subject: str, verb: str | None) -> str:
    number = "plural" if _is_plural(subject) else "singular"
    return f"{number}, {'a' if verb else 'no'} verb"


def _is_plural(tag: str) -> bool:
    noun = head_word(tag)
    return bool(noun) and is_plural(noun)


def _best(
    frames: Sequence[Frame],
    values: Mapping[str, tuple[float, float]],
    sure: float,
    verb: str | None,
) -> Frame:
    def expected(frame: Frame) -> float:
        right, wrong = values.get(frame.text, (0.0, 0.0))
        return sure * right + (1 - sure) * wrong

    return max((one for one in frames if verb or not one.needs_verb), key=expected)


def _three_wordings(relation: str) -> tuple[str, str, str]:
    """Return how each of three sentences words a relation: alike, unless that is a run of four."""
    plain = BY_LABEL[relation].wordings
    if len(plain[0].split()) < 4:
        return plain[0], plain[0], plain[0]
    return plain[0], plain[1], plain[0].removeprefix("to the ")


def _other(relation: str) -> str:
    """Return a label that is not this one, for sentences that are to be wrong."""
    labels = list(BY_LABEL)
    return labels[(labels.index(relation) + 1) % len(labels)]


def _read_words(items: Iterable[Caption]) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return articles, the plural's article and verbs of captions."""
    articles: dict[str, Counter[str]] = {}
    verbs: dict[str, Counter[str]] = {}
    plurals: Counter[str] = Counter()
    for item in items:
        noun = singular(head_word(item.subject))
        for caption in item.texts:
            text = normalise(caption)
            for tag in (item.subject, item.object):
                for article in _articles_before(text, tag):
                    plural = _is_plural(tag)
                    if plural and article in ("", "a"):
                        # "a women": captions have slips; a bare plural opens no good sentence.
                        continue
                    articles.setdefault(head_word(tag), Counter())[article] += 1
                    plurals[article] += plural
            for verb in _verb_pattern(item.relation).findall(text):
                if verb not in _PASSIVE:
                    for key in (noun, f"{noun}|{item.relation}"):
                        verbs.setdefault(key, Counter())[verb] += 1
    return (
        _commonest(articles),
        max(plurals, key=lambda one: (plurals[one], one)) if any(plurals.values()) else "some",
        _commonest(verbs),
    )


def _commonest(found: Mapping[str, Counter[str]]) -> dict[str, str]:
    best = {key: max(seen, key=lambda one: (seen[one], one)) for key, seen in found.items()}
    return {key: word for key, word in sorted(best.items()) if found[key][word] >= _LEAST_SEEN}


def _articles_before(text: str, tag: str) -> list[str]:
    name = normalise(tag)
    if not name:
        return []
    found = re.findall(rf"(?:^|(\S+) ){re.escape(name)}(?!\S)", text)
    plain = ["a" if word == "an" else word for word in found]
    return [word if word in _INDEFINITE else "" for word in plain if word != "the"]


def _wordings(relation: str) -> str:
    return "|".join(map(re.escape, BY_LABEL[relation].wordings))


def _verb_pattern(relation: str) -> re.Pattern[str]:
    # re keeps compiled patterns; there are nine.
    return re.compile(rf"(?:is|are) (\w+(?:ing|ed|en|wn)) (?:{_wordings(relation)})(?!\S)")


def _read(caption: str, item: Caption) -> str | None:
    """Return a caption's predicate as ``Frame.predicate`` has it; ``?`` where it is another."""
    text = normalise(caption)
    found = re.search(rf"(\S+ )?(\S+) (?:{_wordings(item.relation)})(?!\S)", text)
    if found is None:
        return "?"
    before, word = (found[1] or "").strip(), found[2]
    if word in ("is", "are") or word == normalise(item.subject).rpartition(" ")[2]:
        return ""
    if word in _PASSIVE:
        return None
    return word if before in ("is", "are") else "?"


def _graph_f(said: str | None, wanted: str | None, *, right: bool) -> float:
    """Return SPICE's F of two graphs that share both things, and perhaps the relation."""
    # Two objects, and one relation where there is one.
    n_said, n_wanted = 2 + (said is not None), 2 + (wanted is not None)
    same = right and said is not None and said == wanted and said != "?"
    return 2 * (2 + same) / (n_said + n_wanted)
