"""What the tiny base is taught: questions and answers about drawn scenes, not in VSD's words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from vsdkit.data.records import Box
from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import IMAGE_SIZE, Scene, Thing

__all__ = [
    "MEETINGS",
    "PLAIN_WORDS",
    "Sample",
    "english_sentences",
    "meeting",
    "sample_lesson",
    "tell_meeting",
]

MEETINGS: Final = (
    "carried by",
    "carrying",
    "held by",
    "holding",
    "covered by",
    "covering",
    "higher than",
    "lower than",
    "a neighbour of",
    "west of",
    "east of",
)
"""How one thing meets another, told from geometry and draw order."""

PLAIN_WORDS: Final = tuple(
    (Path(__file__).parent / "tiny_base_words.txt").read_text(encoding="utf-8").split()
)
"""Words of our own choice, for questions that mean nothing and for the tokenizer."""

_NOUNS: Final = (
    "cat",
    "dog",
    "bird",
    "cup",
    "book",
    "lamp",
    "chair",
    "table",
    "tree",
    "house",
    "boat",
    "car",
    "hat",
    "shoe",
    "window",
    "door",
    "man",
    "woman",
    "child",
    "horse",
    "road",
    "lake",
    "plate",
    "flower",
    "stone",
    "bridge",
    "fence",
    "bench",
    "sign",
    "cloud",
)
_ENGLISH_SHAPES: Final = (
    "the {a} is {r} the {b}.",
    "there is a {a} {r} the {b}.",
    "a {a} is {r} a {b}.",
    "there is a {a} {r} a {b}.",
    "{a} {r} {b}",
    "The {a} is {r} the {b}.",
    "The {a} in the picture is {r} the {b}.",
    "We can see that the {a} is {r} the {b}.",
    "The {a} can be seen {r} the {b}.",
)


class Sample(NamedTuple):
    """One question about a scene and its answer."""

    question: str
    answer: str


def meeting(scene: Scene, *, of_subject: bool = True) -> str:
    """Return how the subject meets the object (or the object the subject), one of ``MEETINGS``."""
    one, two = (
        (scene.subject.box, scene.object.box)
        if of_subject
        else (scene.object.box, scene.subject.box)
    )
    in_front = scene.subject_in_front == of_subject
    if _holds(two, one):
        return "held by"
    if _holds(one, two):
        return "holding"
    across = max(one.x_min, two.x_min) - min(one.x_max, two.x_max)
    along = max(one.y_min, two.y_min) - min(one.y_max, two.y_max)
    if across < 0 and along < 0:
        return "covering" if in_front else "covered by"
    if across < 0:
        upper = one.y_min < two.y_min
        if along == 0:
            return "carried by" if upper else "carrying"
        return "higher than" if upper else "lower than"
    if across <= _NEIGHBOUR_PX:
        return "a neighbour of"
    return "west of" if one.x_min < two.x_min else "east of"


_NEIGHBOUR_PX: Final = 12


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.y_min <= inner.y_min
        and inner.y_max <= outer.y_max
        and outer.x_min <= inner.x_min
        and inner.x_max <= outer.x_max
    )


def sample_lesson(rng: random.Random, scene: Scene, progress: float = 1.0) -> Sample:
    """Return a question about a scene and its answer.

    The short way from a word to its place is learnt first: with all lessons from the start, the
    model never finds out which of the two things is asked about.

    Args:
        rng: Draws the lesson and its words.
        scene: What it is about.
        progress: Share of the training that is done; hard lessons join late.
    """
    open_now = [(weight, lesson) for start, weight, lesson in _KINDS if start <= progress]
    (lesson,) = rng.choices(
        [lesson for _, lesson in open_now], weights=[weight for weight, _ in open_now]
    )
    return lesson(rng, scene)


def english_sentences(rng: random.Random) -> Iterator[str]:
    """Yield plain sentences about things that no drawn picture holds; nothing is shown."""
    while True:
        a, b = rng.sample(_NOUNS, 2)
        yield rng.choice(_ENGLISH_SHAPES).format(a=a, b=b, r=rng.choice(RELATIONS))


def _pair(rng: random.Random, scene: Scene) -> tuple[Thing, Thing, str]:
    """Return the two things in one order or the other, and how the first meets the second."""
    of_subject = rng.random() < 0.5
    one, two = (scene.subject, scene.object) if of_subject else (scene.object, scene.subject)
    return one, two, meeting(scene, of_subject=of_subject)


def _pairs(scene: Scene) -> Iterator[tuple[Thing, str]]:
    """Yield each thing and how it meets the other."""
    yield scene.subject, meeting(scene)
    yield scene.object, meeting(scene, of_subject=False)


def _babble(rng: random.Random, most: int) -> str:
    return " ".join(rng.choices(PLAIN_WORDS, k=rng.randint(0, most)))


def tell_meeting(rng: random.Random, scene: Scene) -> Sample:
    """Ask in any words whatever: what counts is which thing is named first."""
    one, two, how = _pair(rng, scene)
    return Sample(_any_question(rng, one, two), how)


def _tell_meeting_in_full(rng: random.Random, scene: Scene) -> Sample:
    one, two, how = _pair(rng, scene)
    shapes = ("the {} is {} the {}.", "a {} {} a {}")
    question = f"in full: {_any_question(rng, one, two)}"
    return Sample(question, rng.choice(shapes).format(one.tag, how, two.tag))


def _any_question(rng: random.Random, one: Thing, two: Thing) -> str:
    parts = (_babble(rng, 5), one.tag, _babble(rng, 4) or "and", two.tag, _babble(rng, 4))
    return " ".join(part for part in parts if part) + rng.choice(("", ".", "?", "'."))


def _list_colours(rng: random.Random, scene: Scene) -> Sample:
    """Say what is seen right after each colour: the shortest way from a word to its place."""
    things = list(_pairs(scene))
    rng.shuffle(things)
    answer = ", ".join(f"{thing.colour} {how}" for thing, how in things)
    return Sample("list the colours.", answer)


def _list_things(rng: random.Random, scene: Scene) -> Sample:
    things = list(_pairs(scene))
    rng.shuffle(things)
    answer = ", ".join(f"{thing.tag} {how}" for thing, how in things)
    return Sample("list the things.", answer)


def _tell_other(rng: random.Random, scene: Scene) -> Sample:
    """Name one thing only, so that it must be found in the picture."""
    one, _, how = _pair(rng, scene)
    return Sample(f"what about the {one.tag}?", f"{how} the other.")


def _compare(rng: random.Random, scene: Scene) -> Sample:
    one, two, how = _pair(rng, scene)
    x = _sign(one.box.centre[0] - two.box.centre[0], ("west", "level", "east"))
    y = _sign(one.box.centre[1] - two.box.centre[1], ("higher", "even", "lower"))
    size = _sign(
        one.box.width * one.box.height - two.box.width * two.box.height,
        ("smaller", "equal", "larger"),
        200,
    )
    return Sample(f"compare the {one.tag} with the {two.tag}.", f"{x}, {y}, {size}, {how}.")


def _tell_depth(rng: random.Random, scene: Scene) -> Sample:
    how = meeting(scene)
    answers = {"covering": scene.subject.tag, "covered by": scene.object.tag}
    whole = f"the {answers[how]}." if how in answers else "both."
    return Sample(rng.choice(("which thing is whole?", "what can be seen whole?")), whole)


def _describe(rng: random.Random, scene: Scene) -> Sample:
    one, two, how = _pair(rng, scene)
    question = rng.choice(("what is shown?", "tell me about the picture.", "what do you see?"))
    return Sample(question, f"a {one.tag} {how} a {two.tag}.")


def _locate(rng: random.Random, scene: Scene) -> Sample:
    one, _, _ = _pair(rng, scene)
    x, y = one.box.centre
    third = IMAGE_SIZE / 3
    column = ("west", "middle", "east")[min(2, int(x / third))]
    row = ("high", "middle", "low")[min(2, int(y / third))]
    return Sample(f"where is the {one.tag}?", f"{row} {column}.")


def _find(rng: random.Random, scene: Scene) -> Sample:
    one, two, how = _pair(rng, scene)
    return Sample(f"what is {how} the {two.tag}?", f"a {one.tag}.")


def _sign(difference: float, words: tuple[str, str, str], slack: float = 6) -> str:
    if abs(difference) <= slack:
        return words[1]
    return words[0] if difference < 0 else words[2]


_KINDS: Final[tuple[tuple[float, float, Callable[[random.Random, Scene], Sample]], ...]] = (
    (0.00, 3, _list_colours),
    (0.05, 3, _list_things),
    (0.12, 2, _tell_other),
    (0.12, 2, _locate),
    (0.20, 3, _tell_meeting_in_full),
    (0.20, 2, _describe),
    (0.25, 6, tell_meeting),
    (0.30, 2, _compare),
    (0.30, 1, _tell_depth),
    (0.30, 1, _find),
)
"""From what share of the training on, with what weight, which lesson; none is ever dropped."""
