"""Scenes whose relation follows from their boxes, and files of the form of the real ones."""

import json
from collections import Counter

import pytest
from PIL import Image

from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import _RULES, COLOURS, IMAGE_SIZE, sample_scenes, write_scenes


@pytest.fixture(scope="module")
def scenes():
    return list(sample_scenes(450, seed=1))


def gap(one_low, one_high, two_low, two_high):
    return max(one_low, two_low) - min(one_high, two_high)


def relation_of(scene):
    """Return the label from boxes and order alone, told another way than made."""
    s, o = scene.subject.box, scene.object.box
    across, along = gap(s.x_min, s.x_max, o.x_min, o.x_max), gap(s.y_min, s.y_max, o.y_min, o.y_max)
    if o.x_min <= s.x_min and s.x_max <= o.x_max and o.y_min <= s.y_min and s.y_max <= o.y_max:
        return "in"
    if across < 0 and along < 0:
        return "in front of" if scene.subject_in_front else "behind"
    if across < 0:
        if s.y_min > o.y_min:
            return "under"
        return "on" if along == 0 else "above"
    if across <= 12:
        return "next to"
    return "to the left of" if s.x_min < o.x_min else "to the right of"


def test_relation_follows_from_boxes_and_order(scenes):
    assert [relation_of(scene) for scene in scenes] == [scene.relation for scene in scenes]


def test_every_relation_has_a_rule():
    assert tuple(_RULES) == RELATIONS


def test_relations_are_even(scenes):
    assert Counter(scene.relation for scene in scenes) == dict.fromkeys(RELATIONS, 50)


def test_boxes_lie_in_the_image(scenes):
    for scene in scenes:
        for thing in (scene.subject, scene.object):
            box = thing.box
            assert 0 <= box.y_min < box.y_max <= IMAGE_SIZE
            assert 0 <= box.x_min < box.x_max <= IMAGE_SIZE


def test_things_are_drawn_in_their_boxes_and_the_front_one_is_whole(scenes):
    for scene in scenes[:90]:
        image = scene.draw()
        front = scene.subject if scene.subject_in_front else scene.object
        box = front.box
        middle = (box.x_min + box.x_max) // 2
        assert image.size == (IMAGE_SIZE, IMAGE_SIZE)
        assert image.getpixel((middle, box.y_min + 2)) == COLOURS[front.colour]
        assert image.getpixel((middle, box.y_max - 3)) == COLOURS[front.colour]


def test_captions_as_in_the_real_files(scenes):
    counts = [len(scene.captions) for scene in scenes]

    assert set(counts) == {1, 2, 3, 4, 5}
    assert any(len(set(scene.captions)) < len(scene.captions) for scene in scenes)
    for scene in scenes:
        assert len(scene.descriptions) == 1
        for text in scene.captions:
            assert f"{scene.relation} " in text
            assert text.index(scene.subject.tag) < text.index(scene.object.tag)
        assert scene.subject.tag in scene.descriptions[0]
        assert scene.object.tag in scene.descriptions[0]


def test_ids_have_the_three_forms_and_never_meet(scenes):
    ids = {scene.id for scene in scenes}
    other = {scene.id for scene in sample_scenes(450, seed=2)}
    forms = Counter(
        "number" if scene.id.isdigit() else scene.id.rsplit(".", 1)[1] for scene in scenes
    )

    assert len(ids) == len(scenes)
    assert not ids & other
    assert set(forms) == {"number", "jpg", "png"}
    assert forms["number"] > 0.7 * len(scenes)


def test_same_seed_same_scenes():
    first, again = (list(sample_scenes(20, seed=4)) for _ in range(2))

    assert first == again
    assert first != list(sample_scenes(20, seed=5))
    assert [scene.draw().tobytes() for scene in first] == [
        scene.draw().tobytes() for scene in again
    ]


@pytest.mark.parametrize("scenes", [-1, 9001])
def test_as_many_scenes_as_a_seed_has_ids(scenes):
    with pytest.raises(ValueError, match="between 0 and 9000"):
        next(sample_scenes(scenes, seed=0))


def test_written_files_have_the_form_of_the_real_files(tmp_path):
    files = write_scenes(tmp_path, scenes=30, seed=3)
    items, others = (json.loads(path.read_text()) for path in (files.vsdv1, files.vsdv2))

    assert (files.vsdv1.name, files.vsdv2.name) == ("vsdv1.json", "vsdv2.json")
    assert len(items) == 30
    for item, other, scene in zip(items, others, sample_scenes(30, seed=3), strict=True):
        assert item.keys() == {"img_id", "triple_list", "captions"}
        assert item["triple_list"] == other["triple_list"]
        assert item["img_id"] == other["img_id"] == scene.id
        (triple,) = item["triple_list"]
        assert triple == {
            "s": scene.subject.tag,
            "o": scene.object.tag,
            "p": scene.relation,
            "s_bbox": list(scene.subject.box),
            "o_bbox": list(scene.object.box),
        }
        with Image.open(files.images / scene.file_name) as image:
            assert image.size == (IMAGE_SIZE, IMAGE_SIZE)
            assert image.format == ("PNG" if scene.id.endswith(".png") else "JPEG")
    assert {path.name for path in files.images.iterdir()} == {
        scene.file_name for scene in sample_scenes(30, seed=3)
    }


def test_writing_again_gives_the_same_bytes(tmp_path):
    first, again = (write_scenes(tmp_path / name, scenes=5, seed=3) for name in "ab")

    for path in first.images.iterdir():
        assert path.read_bytes() == (again.images / path.name).read_bytes()
    assert first.vsdv1.read_bytes() == again.vsdv1.read_bytes()
