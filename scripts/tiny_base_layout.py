"""What each patch of a drawn picture shows: the lesson by which the tiny base learns to see."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from tiny_base_lessons import MEETINGS, meeting

from vsdkit.data.records import Box
from vsdkit.demo.scenes import COLOURS, IMAGE_SIZE, Scene

__all__ = ["PATCH", "TILE", "Layout", "layout_of"]

TILE: Final = 32
PATCH: Final = 8
_EMPTY_BELOW: Final = 0.03


class Layout(NamedTuple):
    """What the patches of pictures show; a patch belongs to the thing of which it shows most."""

    coverage: torch.Tensor
    """Share of the patch inside each colour's box ``[pictures, patches, colours]``."""
    owner: torch.Tensor
    """Number of the owner's colour, ``len(COLOURS)`` for none ``[pictures, patches]``."""
    ball: torch.Tensor
    """1 where the owner is a ball ``[pictures, patches]``."""
    place: torch.Tensor
    """Way to the owner's middle, its size, in patches ``[pictures, patches, 4]``."""
    meeting: torch.Tensor
    """Number of the way in which the owner meets the other thing ``[pictures, patches]``."""


class _Patch(NamedTuple):
    """One patch of ``Layout``, its fields in the same order."""

    coverage: list[float]
    owner: int
    ball: float
    place: list[float]
    meeting: int


def layout_of(scenes: list[Scene]) -> Layout:
    """Return the layout of pictures of ``(TILE / PATCH) ** 2`` patches each."""
    pictures = [_patches(scene) for scene in scenes]
    fields = range(len(Layout._fields))
    return Layout(
        *(torch.tensor([[patch[field] for patch in row] for row in pictures]) for field in fields)
    )


def _patches(scene: Scene) -> list[_Patch]:
    side = TILE // PATCH
    step = IMAGE_SIZE / side
    colours = list(COLOURS)
    things = (scene.subject, scene.object)
    hows = [MEETINGS.index(meeting(scene, of_subject=subject)) for subject in (True, False)]
    near, far = (0, 1) if scene.subject_in_front else (1, 0)
    corners = [(column * step, row * step) for row in range(side) for column in range(side)]
    inside = [[_cover(thing.box, x, y, step) for x, y in corners] for thing in things]
    # What the front thing covers of a patch, the other cannot show there.
    shown = [list(part) for part in inside]
    shown[far] = [min(b, 1 - a) for a, b in zip(inside[near], inside[far], strict=True)]
    totals = [max(sum(part), 0.01) for part in shown]
    patches = []
    for number, (x, y) in enumerate(corners):
        shares = [part[number] / total for part, total in zip(shown, totals, strict=True)]
        owner = near if shares[near] >= shares[far] else far
        box = things[owner].box
        middle = ((box.x_min + box.x_max - step) / 2 - x, (box.y_min + box.y_max - step) / 2 - y)
        coverage = dict.fromkeys(colours, 0.0)
        for thing, part in zip(things, inside, strict=True):
            coverage[thing.colour] = part[number]
        empty = max(part[number] for part in shown) < _EMPTY_BELOW
        patches.append(
            _Patch(
                coverage=list(coverage.values()),
                owner=len(colours) if empty else colours.index(things[owner].colour),
                ball=float(things[owner].shape == "ball"),
                place=[length / step for length in (*middle, box.width, box.height)],
                meeting=hows[owner],
            )
        )
    return patches


def _cover(box: Box, x: float, y: float, step: float) -> float:
    """Return the share of a patch that lies inside a box."""
    width = max(0.0, min(box.x_max, x + step) - max(box.x_min, x))
    height = max(0.0, min(box.y_max, y + step) - max(box.y_min, y))
    return width * height / (step * step)
