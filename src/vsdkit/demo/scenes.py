"""Synthetic scenes in the form of the VSD data: two things a picture, nine relations, captions.

A thing is a thick outline with an opaque paler inside, so that anything can contain anything and
the tags alone say nothing about the relation. The relation is a function of the two boxes and of
the draw order, nothing else.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw

from vsdkit.data.relations import RELATIONS

__all__ = [
    "COLOURS",
    "PICTURE_SIZE",
    "SHAPES",
    "Box",
    "Scene",
    "SceneFiles",
    "Thing",
    "draw_scenes",
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
CONVERSE: Final[dict[str, str]] = {
    "on": "under",
    "under": "above",
    "above": "under",
    "behind": "in front of",
    "in front of": "behind",
    "next to": "next to",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
}

PICTURE_SIZE: Final = 128
"""Width and height of every picture, in pixels."""

_BACKGROUND: Final = (246, 246, 246)
_OUTLINE_PX: Final = 6
_MARGIN_PX: Final = 3
_OVERSAMPLING: Final = 2
_ID_STRIDE: Final = 1000
_MAX_SCENES: Final = 9000


class Box(NamedTuple):
    """A box in whole pixels, in the order in which the VSD files write it."""

    ymin: int
    ymax: int
    xmin: int
    xmax: int

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.ymax - self.ymin

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.xmax - self.xmin


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn thing: a colour, a shape, a box."""

    colour: str
    shape: str
    box: Box

    @property
    def tag(self) -> str:
        """Name of the thing as the VSD files write it, such as ``red ball``."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture of two things, with what people say about them."""

    id: str
    """Picture id in the form of the VSD files: a number, or a file name with its suffix."""
    relation: str
    """Long label, one of ``RELATIONS``."""
    subject: Thing
    object: Thing
    subject_in_front: bool
    """Whether the subject was drawn last; it shows only where the boxes overlap."""
    captions: tuple[str, ...]
    """VSDv1-like: one to five short sentences, repeats included."""
    descriptions: tuple[str, ...]
    """VSDv2-like: one longer sentence."""

    @property
    def file_name(self) -> str:
        """Name of the picture's file: an id that is a bare number stands for ``<number>.jpg``."""
        return f"{self.id}.jpg" if self.id.isdigit() else self.id

    def picture(self) -> Image.Image:
        """Return the picture, RGB, ``PICTURE_SIZE`` square."""
        side = PICTURE_SIZE * _OVERSAMPLING
        canvas = Image.new("RGB", (side, side), _BACKGROUND)
        pen = ImageDraw.Draw(canvas)
        things = (
            (self.object, self.subject) if self.subject_in_front else (self.subject, self.object)
        )
        for thing in things:
            _draw_thing(pen, thing)
        return canvas.reduce(_OVERSAMPLING)


class SceneFiles(NamedTuple):
    """Where ``write_scenes`` put the pictures and the two annotation files."""

    images: Path
    vsdv1: Path
    vsdv2: Path


def draw_scenes(scenes: int, *, seed: int) -> Iterator[Scene]:
    """Yield scenes, the same for the same seed; the nine relations take turns, shuffled.

    Picture ids of two seeds that differ modulo 1,000 never meet, so training and held-out scenes
    can share a folder.

    Raises:
        ValueError: If more scenes are asked for than one seed has ids.
    """
    if not 0 <= scenes <= _MAX_SCENES:
        raise ValueError(f"scenes must lie between 0 and {_MAX_SCENES}, got {scenes}")
    rng = random.Random(f"vsdkit drawn world {seed}")
    numbers = rng.sample(range(1, 10 * _ID_STRIDE), scenes)
    order: list[str] = []
    for number in numbers:
        if not order:
            order = rng.sample(RELATIONS, len(RELATIONS))
        yield _scene(rng, _picture_id(rng, number * _ID_STRIDE + seed % _ID_STRIDE), order.pop())


def write_scenes(folder: Path, *, scenes: int, seed: int) -> SceneFiles:
    """Write pictures to ``folder/images``, annotations to ``vsdv1.json``, ``vsdv2.json``.

    Args:
        folder: Created when missing; files of the same name are replaced.
        scenes: Number of pictures, one pair of things each.
        seed: Same seed, same bytes.

    Returns:
        The three paths.
    """
    files = SceneFiles(folder / "images", folder / "vsdv1.json", folder / "vsdv2.json")
    files.images.mkdir(parents=True, exist_ok=True)
    items_v1: list[dict[str, Any]] = []
    items_v2: list[dict[str, Any]] = []
    for scene in draw_scenes(scenes, seed=seed):
        _save_picture(scene.picture(), files.images / scene.file_name)
        items_v1.append(_item(scene, scene.captions))
        items_v2.append(_item(scene, scene.descriptions))
    files.vsdv1.write_text(json.dumps(items_v1), encoding="utf-8")
    files.vsdv2.write_text(json.dumps(items_v2), encoding="utf-8")
    return files


def _item(scene: Scene, captions: tuple[str, ...]) -> dict[str, Any]:
    triple = {
        "s": scene.subject.tag,
        "o": scene.object.tag,
        "p": scene.relation,
        "s_bbox": list(scene.subject.box),
        "o_bbox": list(scene.object.box),
    }
    return {"img_id": scene.id, "triple_list": [triple], "captions": list(captions)}


def _save_picture(picture: Image.Image, path: Path) -> None:
    if path.suffix == ".png":
        picture.save(path, compress_level=1)
    else:
        # Full chroma: the relation of two small coloured things must survive the compression.
        picture.save(path, quality=95, subsampling=0)


def _picture_id(rng: random.Random, number: int) -> str:
    """Return an id in one of the three forms of the real files, in about their proportions."""
    draw = rng.random()
    if draw < 0.78:
        return str(number)
    if draw < 0.96:
        return f"{number}_{rng.getrandbits(40):010x}.jpg"
    seconds, micros, tick = (
        rng.randrange(10**9, 2 * 10**9),
        rng.randrange(10**6),
        rng.randrange(10**9),
    )
    return f"nyu_room_{number}_r-{seconds}.{micros}-{tick}.png"


def _draw_thing(pen: ImageDraw.ImageDraw, thing: Thing) -> None:
    box = thing.box
    corners = tuple(side * _OVERSAMPLING for side in (box.xmin, box.ymin, box.xmax, box.ymax))
    # ImageDraw counts the far edge in.
    area = (corners[0], corners[1], corners[2] - 1, corners[3] - 1)
    colour = COLOURS[thing.colour]
    inside = tuple(round(0.4 * part + 0.6 * 255) for part in colour)
    shape = pen.ellipse if thing.shape == "ball" else pen.rectangle
    shape(area, fill=inside, outline=colour, width=_OUTLINE_PX * _OVERSAMPLING)


# --- geometry: one placer a relation


class _Size(NamedTuple):
    width: int
    height: int


def _size(rng: random.Random, low: int, high: int) -> _Size:
    """Return a width and a height whose mean is drawn from ``low`` to ``high`` pixels."""
    side = rng.uniform(low, high)
    stretch = rng.uniform(0.9, 1.1)
    return _Size(round(side * stretch), round(side / stretch))


def _box_at(xmin: int, ymin: int, size: _Size) -> Box:
    return Box(ymin, ymin + size.height, xmin, xmin + size.width)


def _start(rng: random.Random, length: int) -> int:
    """Return where a stretch of ``length`` pixels may begin inside the picture."""
    return rng.randint(_MARGIN_PX, PICTURE_SIZE - _MARGIN_PX - length)


def _stacked(rng: random.Random, gap: int) -> tuple[Box, Box]:
    """Return (upper, lower), ``gap`` pixels apart, mostly above one another."""
    biggest = 36 if gap else 46
    upper, lower = _size(rng, 24, biggest), _size(rng, 24, biggest)
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
    wobble = 0 if level else 12
    y = rng.randint(_MARGIN_PX + wobble, PICTURE_SIZE - _MARGIN_PX - wobble - tallest)
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
    while True:
        first, second = _size(rng, 40, 60), _size(rng, 40, 60)
        one = _box_at(_start(rng, first.width), _start(rng, first.height), first)
        two = _box_at(_start(rng, second.width), _start(rng, second.height), second)
        width = min(one.xmax, two.xmax) - max(one.xmin, two.xmin)
        height = min(one.ymax, two.ymax) - max(one.ymin, two.ymin)
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


_PLACERS: Final[dict[str, Callable[[random.Random], tuple[Box, Box]]]] = {
    "on": lambda rng: _stacked(rng, 0),
    "in": _inside,
    "next to": _next_to,
    "under": _under,
    "above": lambda rng: _stacked(rng, rng.randint(20, 36)),
    "behind": _crossing,
    "in front of": _crossing,
    "to the left of": lambda rng: _side_by_side(rng, rng.randint(22, 46), level=False),
    "to the right of": _right_of,
}
"""Each returns (subject box, object box) for its relation."""


def _scene(rng: random.Random, picture_id: str, relation: str) -> Scene:
    colours = rng.sample(sorted(COLOURS), 2)
    subject_box, object_box = _PLACERS[relation](rng)
    subject = Thing(colours[0], rng.choice(SHAPES), subject_box)
    other = Thing(colours[1], rng.choice(SHAPES), object_box)
    in_front = relation != "behind" and (relation in ("in", "in front of") or rng.random() < 0.5)
    return Scene(
        id=picture_id,
        relation=relation,
        subject=subject,
        object=other,
        subject_in_front=in_front,
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
    shapes = rng.choices(_CAPTIONS, weights=weights, k=rng.randint(1, 5))
    return tuple(shape.format(s=subject, r=relation, o=other) for shape in shapes)


def _description(rng: random.Random, subject: str, relation: str, other: str) -> str:
    """Return one longer sentence; one in six names the object first, with the converse relation."""
    shape = rng.choice(_DESCRIPTIONS)
    if relation in CONVERSE and rng.random() < 1 / 6:
        return shape.format(s=other, r=CONVERSE[relation], o=subject)
    return shape.format(s=subject, r=relation, o=other)
