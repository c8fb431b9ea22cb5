"""Make synthetic scenes in the form of the VSD data: two things an image, a relation, captions.

A thing is a thick outline with an opaque paler inside, so that anything can contain anything and
the tags alone say nothing about the relation. The relation is a function of the two boxes and of
which thing is in front, nothing else.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw

from vsdkit.data.records import Box
from vsdkit.data.relations import BY_LABEL, RELATIONS

__all__ = [
    "COLOURS",
    "IMAGE_SIZE",
    "SHAPES",
    "Scene",
    "SceneFiles",
    "Thing",
    "sample_scenes",
    "write_scenes",
]

COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (214, 40, 40),
    "green": (30, 150, 70),
    "blue": (40, 80, 215),
    "yellow": (225, 175, 10),
    "purple": (150, 50, 180),
}
SHAPES: Final = ("ball", "box")

IMAGE_SIZE: Final = 128
"""Width and height of every image, in pixels."""

_BACKGROUND: Final = (246, 246, 246)
_OUTLINE_PX: Final = 6
_MARGIN_PX: Final = 3
_OVERSAMPLING: Final = 2
"""Images are drawn so many times as large and reduced, which smooths the edges of balls."""

_ID_STRIDE: Final = 1000
"""Ids of one seed lie so far apart; the seed, modulo this, is between them."""

_MAX_SCENES: Final = 9000
"""Of the 9,999 numbers that a seed has."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of a scene."""

    colour: str
    """One of ``COLOURS``."""
    shape: str
    """One of ``SHAPES``."""
    box: Box
    """Where it is, in whole pixels."""

    @property
    def tag(self) -> str:
        """Name of the thing as the VSD files write it, such as ``red ball``."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """One image of two things, with what people say about them."""

    id: str
    """Image id in the form of the VSD files: a number, or a file name with its suffix."""
    relation: str
    """Long label, one of ``RELATIONS``."""
    subject: Thing
    """The thing that the relation is told of."""
    object: Thing
    """The thing that it is seen from."""
    subject_in_front: bool
    """Whether the subject is drawn last; it shows only where the boxes overlap."""
    captions: tuple[str, ...]
    """VSDv1-like: one to five short sentences, repeats included."""
    descriptions: tuple[str, ...]
    """VSDv2-like: one longer sentence."""

    @property
    def file_name(self) -> str:
        """Name of the image's file: an id that is a bare number stands for ``<number>.jpg``."""
        return f"{self.id}.jpg" if self.id.isdigit() else self.id

    def draw(self, scale: int = 1) -> Image.Image:
        """Return the image, RGB, ``IMAGE_SIZE`` square or ``scale`` times as wide and high."""
        side = IMAGE_SIZE * scale * _OVERSAMPLING
        canvas = Image.new("RGB", (side, side), _BACKGROUND)
        pen = ImageDraw.Draw(canvas)
        things = (
            (self.object, self.subject) if self.subject_in_front else (self.subject, self.object)
        )
        for thing in things:
            _draw_thing(pen, thing, scale * _OVERSAMPLING)
        return canvas.reduce(_OVERSAMPLING)


class SceneFiles(NamedTuple):
    """Where ``write_scenes`` put the images and the two annotation files."""

    images: Path
    """Folder of the images."""
    vsdv1: Path
    """Annotations in the form of VSDv1: several short captions."""
    vsdv2: Path
    """Annotations in the form of VSDv2: one longer description."""


def sample_scenes(scenes: int, *, seed: int) -> Iterator[Scene]:
    """Yield scenes, the same for the same seed; the relations take turns, shuffled.

    Image ids of two seeds that differ modulo 1,000 never meet, so training and held-out scenes
    can share a folder.

    Raises:
        ValueError: If more scenes are asked for than one seed has ids.
    """
    if not 0 <= scenes <= _MAX_SCENES:
        raise ValueError(f"scenes must lie between 0 and {_MAX_SCENES}, got {scenes}")
    # This text is a seed, not a name: another one would give other scenes, with which the tiny
    # base and all published numbers of the demo would no longer agree.
    rng = random.Random(f"vsdkit drawn world {seed}")
    numbers = rng.sample(range(1, 10 * _ID_STRIDE), scenes)
    order: list[str] = []
    for number in numbers:
        if not order:
            order = rng.sample(RELATIONS, len(RELATIONS))
        yield _scene(rng, _image_id(rng, number * _ID_STRIDE + seed % _ID_STRIDE), order.pop())


def write_scenes(folder: Path, *, scenes: int, seed: int) -> SceneFiles:
    """Write images to ``folder/images``, annotations to ``vsdv1.json``, ``vsdv2.json``.

    Args:
        folder: Created when missing; files of the same name are replaced.
        scenes: Number of images, two things each.
        seed: Same seed, same bytes.

    Returns:
        The three paths.
    """
    files = SceneFiles(folder / "images", folder / "vsdv1.json", folder / "vsdv2.json")
    files.images.mkdir(parents=True, exist_ok=True)
    entries_v1: list[dict[str, Any]] = []
    entries_v2: list[dict[str, Any]] = []
    for scene in sample_scenes(scenes, seed=seed):
        _save_image(scene.draw(), files.images / scene.file_name)
        entries_v1.append(_entry(scene, scene.captions))
        entries_v2.append(_entry(scene, scene.descriptions))
    files.vsdv1.write_text(json.dumps(entries_v1), encoding="utf-8")
    files.vsdv2.write_text(json.dumps(entries_v2), encoding="utf-8")
    return files


def _entry(scene: Scene, captions: tuple[str, ...]) -> dict[str, Any]:
    triple = {
        "s": scene.subject.tag,
        "o": scene.object.tag,
        "p": scene.relation,
        "s_bbox": list(scene.subject.box),
        "o_bbox": list(scene.object.box),
    }
    return {"img_id": scene.id, "triple_list": [triple], "captions": list(captions)}


def _save_image(image: Image.Image, path: Path) -> None:
    if path.suffix == ".png":
        # The fastest; the files are small either way.
        image.save(path, compress_level=1)
    else:
        # Full chroma: the relation of two small coloured things must survive the compression.
        image.save(path, quality=95, subsampling=0)


def _image_id(rng: random.Random, number: int) -> str:
    """Return an id in one of the three forms of the real files, in about their proportions."""
    # VSDv1's validation split: 77.9 % numbers, 18.3 % names of photos, 3.8 % names of NYU rooms.
    chance = rng.random()
    if chance < 0.78:
        return str(number)
    if chance < 0.96:
        return f"{number}_{rng.getrandbits(40):010x}.jpg"
    seconds, micros, tick = (
        rng.randrange(10**9, 2 * 10**9),
        rng.randrange(10**6),
        rng.randrange(10**9),
    )
    return f"nyu_room_{number}_r-{seconds}.{micros}-{tick}.png"


def _draw_thing(pen: ImageDraw.ImageDraw, thing: Thing, scale: int) -> None:
    corners = [edge * scale for edge in thing.box.corners]
    # ImageDraw counts the far edge in.
    area = (corners[0], corners[1], corners[2] - 1, corners[3] - 1)
    colour = COLOURS[thing.colour]
    # Paler than the outline, so that a thing inside another of any colour is seen.
    inside = tuple(round(0.4 * part + 0.6 * 255) for part in colour)
    shape = pen.ellipse if thing.shape == "ball" else pen.rectangle
    shape(area, fill=inside, outline=colour, width=_OUTLINE_PX * scale)


# --- geometry: one rule a relation
#
# Lengths are in pixels. Two relations are told apart by a length at which nothing lies: things
# that touch are on one another and those 20 or more apart above, those up to 8 apart next to one
# another and those 22 or more apart left and right. The sizes are such that the largest two
# things, up to 1.1 times as wide, and the widest gap fit an image: 37 + 46 + 37 + 2 x 3 = 126.


class _Size(NamedTuple):
    width: int
    height: int


def _size(rng: random.Random, low: int, high: int) -> _Size:
    """Return a width and a height whose mean is sampled from ``low`` to ``high`` pixels."""
    side = rng.uniform(low, high)
    stretch = rng.uniform(0.9, 1.1)
    return _Size(round(side * stretch), round(side / stretch))


def _box_at(x_min: int, y_min: int, size: _Size) -> Box:
    return Box(y_min, y_min + size.height, x_min, x_min + size.width)


def _start(rng: random.Random, length: int) -> int:
    """Return where a stretch of ``length`` pixels may begin inside the image."""
    return rng.randint(_MARGIN_PX, IMAGE_SIZE - _MARGIN_PX - length)


def _stacked(rng: random.Random, gap: int) -> tuple[Box, Box]:
    """Return (upper, lower), ``gap`` pixels apart, mostly above one another."""
    # Without a gap there is room for larger things.
    biggest = 36 if gap else 46
    upper, lower = _size(rng, 24, biggest), _size(rng, 24, biggest)
    # The upper thing may stand out by a quarter of the narrower one, and still lies on the lower.
    overhang = min(upper.width, lower.width) // 4
    shift = rng.randint(
        min(0, lower.width - upper.width) - overhang, max(0, lower.width - upper.width) + overhang
    )
    left, right = min(0, shift), max(lower.width, shift + upper.width)
    x = _start(rng, right - left) - left
    y = _start(rng, upper.height + gap + lower.height)
    return _box_at(x + shift, y, upper), _box_at(x, y + upper.height + gap, lower)


def _side_by_side(rng: random.Random, gap: int, *, level: bool) -> tuple[Box, Box]:
    """Return (left, right), ``gap`` pixels apart, on one base line or roughly at one height."""
    left, right = _size(rng, 22, 34), _size(rng, 22, 34)
    x = _start(rng, left.width + gap + right.width)
    tallest = max(left.height, right.height)
    # Neighbours stand on one ground; left and right may differ in height, but less than they would
    # where one lay above the other.
    wobble = 0 if level else 12
    y = rng.randint(_MARGIN_PX + wobble, IMAGE_SIZE - _MARGIN_PX - wobble - tallest)
    tops = [y + tallest - size.height + rng.randint(-wobble, wobble) for size in (left, right)]
    return _box_at(x, tops[0], left), _box_at(x + left.width + gap, tops[1], right)


def _inside(rng: random.Random) -> tuple[Box, Box]:
    """Return (inner, outer), the inner one clear of the outer one's outline."""
    outer, inner = _size(rng, 58, 76), _size(rng, 22, 30)
    x, y = _start(rng, outer.width), _start(rng, outer.height)
    # Wide enough for the corners of a ball.
    rim_x, rim_y = outer.width * 23 // 100, outer.height * 23 // 100
    dx = rng.randint(rim_x, max(rim_x, outer.width - inner.width - rim_x))
    dy = rng.randint(rim_y, max(rim_y, outer.height - inner.height - rim_y))
    return _box_at(x + dx, y + dy, inner), _box_at(x, y, outer)


def _crossing(rng: random.Random) -> tuple[Box, Box]:
    """Return two boxes that cover a good part of each other and neither holds the other."""
    # Rejection sampling: so much must be covered that the one in front is seen to be, and so little
    # that the one behind is still seen for what it is.
    while True:
        first, second = _size(rng, 40, 60), _size(rng, 40, 60)
        one = _box_at(_start(rng, first.width), _start(rng, first.height), first)
        two = _box_at(_start(rng, second.width), _start(rng, second.height), second)
        width = min(one.x_max, two.x_max) - max(one.x_min, two.x_min)
        height = min(one.y_max, two.y_max) - max(one.y_min, two.y_min)
        if min(width, height) < 16:
            continue
        share = width * height / min(one.width * one.height, two.width * two.height)
        if 0.2 <= share <= 0.55:
            return one, two


def _under(rng: random.Random) -> tuple[Box, Box]:
    upper, lower = _stacked(rng, 0 if rng.random() < 0.5 else rng.randint(4, 34))
    return lower, upper


def _right_of(rng: random.Random) -> tuple[Box, Box]:
    left, right = _side_by_side(rng, rng.randint(22, 46), level=False)
    return right, left


def _next_to(rng: random.Random) -> tuple[Box, Box]:
    pair = _side_by_side(rng, rng.randint(2, 8), level=True)
    return pair if rng.random() < 0.5 else (pair[1], pair[0])


class _Rule(NamedTuple):
    """How the things of one relation lie."""

    place: Callable[[random.Random], tuple[Box, Box]]
    """Returns (subject box, object box)."""
    subject_in_front: bool | None = None
    """Whether the subject hides what it covers of the object; None where it does not matter."""


_RULES: Final[dict[str, _Rule]] = {
    "on": _Rule(lambda rng: _stacked(rng, 0)),
    "in": _Rule(_inside, subject_in_front=True),
    "next to": _Rule(_next_to),
    "under": _Rule(_under),
    "above": _Rule(lambda rng: _stacked(rng, rng.randint(20, 36))),
    "behind": _Rule(_crossing, subject_in_front=False),
    "in front of": _Rule(_crossing, subject_in_front=True),
    "to the left of": _Rule(lambda rng: _side_by_side(rng, rng.randint(22, 46), level=False)),
    "to the right of": _Rule(_right_of),
}
"""A rule for each of ``RELATIONS``."""


def _scene(rng: random.Random, image_id: str, relation: str) -> Scene:
    rule = _RULES[relation]
    colours = rng.sample(sorted(COLOURS), 2)
    subject_box, object_box = rule.place(rng)
    subject = Thing(colours[0], rng.choice(SHAPES), subject_box)
    other = Thing(colours[1], rng.choice(SHAPES), object_box)
    in_front = rule.subject_in_front
    return Scene(
        id=image_id,
        relation=relation,
        subject=subject,
        object=other,
        subject_in_front=rng.random() < 0.5 if in_front is None else in_front,
        captions=_captions(rng, subject.tag, relation, other.tag),
        descriptions=(_description(rng, subject.tag, relation, other.tag),),
    )


# --- words

_CAPTIONS: Final = (
    "there is a {s} {r} the {o}.",
    "a {s} is {r} the {o}.",
    "a {s} is {r} a {o}.",
    "the {s} is {r} the {o}.",
    "there is a {s} {r} a {o}.",
    "{s} {r} {o}",
    "a {s} {r} a {o}",
)
_DESCRIPTIONS: Final = (
    "The {s} is {r} the {o}.",
    "The {s} in the picture is {r} the {o}.",
    "We can see that the {s} is {r} the {o}.",
    "The {s} can be seen {r} the {o}.",
)


def _captions(rng: random.Random, subject: str, relation: str, other: str) -> tuple[str, ...]:
    """Return one to five captions; as in the real files some are said twice."""
    weights = (6, 4, 3, 3, 2, 1, 1)
    # With replacement: repeated captions must be dealt with, as in the real files.
    shapes = rng.choices(_CAPTIONS, weights=weights, k=rng.randint(1, 5))
    return tuple(shape.format(s=subject, r=relation, o=other) for shape in shapes)


def _description(rng: random.Random, subject: str, relation: str, other: str) -> str:
    """Return one longer sentence; one in six names the object first, with the converse relation."""
    shape = rng.choice(_DESCRIPTIONS)
    converses = BY_LABEL[relation].converses
    if converses and rng.random() < 1 / 6:
        return shape.format(s=other, r=converses[0], o=subject)
    return shape.format(s=subject, r=relation, o=other)
