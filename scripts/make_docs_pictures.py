"""Draw the pictures of docs/vsd.md from the demo's synthetic scenes; the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from vsdkit.data.records import Box
from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import IMAGE_SIZE, Scene, sample_scenes
from vsdkit.infer.drawing import OBJECT_COLOUR, SUBJECT_COLOUR, TEXT_COLOUR, draw_boxes

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"

_SEED: Final = 7
"""Chosen by eye: its scenes are clear, and the first one's captions differ."""
_SHOWN: Final = "above"
"""Relation of the scene that is shown with its three tasks."""
_MARGIN: Final = 24
_GREY: Final = "#757575"
# Things of these colours would be taken for the boxes around them.
_COLOURS_OF_BOXES: Final = {"red", "green"}
# So far around a thing that its outline and the box's line are two.
_CLEAR_PX: Final = 2


def main() -> None:
    """Draw them into docs/images."""
    FOLDER.mkdir(exist_ok=True)
    scenes = _scene_of_each_relation()
    for name, picture in (
        ("three-tasks", draw_three_tasks(scenes[_SHOWN])),
        ("nine-relations", draw_relations([scenes[relation] for relation in RELATIONS])),
    ):
        path = FOLDER / f"{name}.png"
        # A palette makes flat drawings a third as large, and no eye sees it.
        picture.quantize(128).save(path, optimize=True)
        print(f"written: {path}")


def _scene_of_each_relation() -> dict[str, Scene]:
    found: dict[str, Scene] = {}
    for scene in sample_scenes(400, seed=_SEED):
        colours = {scene.subject.colour, scene.object.colour}
        if not colours & _COLOURS_OF_BOXES:
            found.setdefault(scene.relation, scene)
    return found


def _draw_scene(scene: Scene, scale: int) -> Image.Image:
    """Return the scene with its boxes and a frame."""
    boxes = (_scaled(box, scale) for box in (scene.subject.box, scene.object.box))
    picture = draw_boxes(scene.draw(scale), *boxes, line=scale)
    frame = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(picture).rectangle(frame, outline="#bdbdbd")
    return picture


def _scaled(box: Box, scale: int) -> Box:
    edges = (
        box.y_min - _CLEAR_PX,
        box.y_max + _CLEAR_PX,
        box.x_min - _CLEAR_PX,
        box.x_max + _CLEAR_PX,
    )
    return Box(*(edge * scale for edge in edges))


def _sentences(scene: Scene) -> Iterator[str]:
    """Yield the three sentences of task 3, as the paper's training rows have them."""
    plain = f"{scene.subject.tag} {scene.relation} {scene.object.tag}."
    yield plain
    yield next(caption for caption in scene.captions if caption.rstrip(".") != plain.rstrip("."))
    yield from scene.descriptions


def draw_three_tasks(scene: Scene) -> Image.Image:
    """Return a scene and, beside it, what each task asks and a right answer."""
    drawn = _draw_scene(scene, 3)
    sheet = Image.new("RGB", (1064, drawn.height + 2 * _MARGIN), "white")
    sheet.paste(drawn, (_MARGIN, _MARGIN))
    pen = ImageDraw.Draw(sheet)
    x, y = drawn.width + 2 * _MARGIN, _MARGIN
    sentences = list(_sentences(scene))
    lines = [
        (f"subject: {scene.subject.tag}", SUBJECT_COLOUR, 26),
        (f"object: {scene.object.tag}", OBJECT_COLOUR, 26),
        ("task 1: which of nine relations?", _GREY, 20),
        (scene.relation, TEXT_COLOUR, 26),
        ("task 2: one sentence", _GREY, 20),
        (sentences[1], TEXT_COLOUR, 26),
        ("task 3: three sentences that differ", _GREY, 20),
        *((sentence, TEXT_COLOUR, 26) for sentence in sentences),
    ]
    for text, colour, size in lines:
        # A task begins with room above it.
        y += 14 if colour == _GREY else 0
        pen.text((x, y), text, colour, ImageFont.load_default(size))
        y += round(1.35 * size)
    return sheet


def draw_relations(scenes: Sequence[Scene]) -> Image.Image:
    """Return three rows of three scenes, each with what it shows below it."""
    side = IMAGE_SIZE * 2
    width, height = side + 2 * _MARGIN, side + 4 * _MARGIN
    sheet = Image.new("RGB", (3 * width, -(-len(scenes) // 3) * height), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(20)
    for number, scene in enumerate(scenes):
        row, column = divmod(number, 3)
        x, y = column * width + _MARGIN, row * height + _MARGIN
        sheet.paste(_draw_scene(scene, 2), (x, y))
        y += side + 6
        pen.text((x, y), scene.subject.tag, SUBJECT_COLOUR, font)
        pen.text((x, y + 24), scene.relation, TEXT_COLOUR, font)
        after = x + font.getlength(f"{scene.relation} ")
        pen.text((after, y + 24), scene.object.tag, OBJECT_COLOUR, font)
    return sheet


if __name__ == "__main__":
    main()
