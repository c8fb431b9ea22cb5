"""Every format gives the same items, and what is wrong with a box is told and not guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.data.records import Box, Corners, GoldRow
from vsdkit.errors import DataError, MissingInputError, VsdkitError
from vsdkit.formats.detections import Detections, check_box, find_detections, read_detections
from vsdkit.progress import SILENT


def read(path: Path, images: Path, box_units: str | None = None, **more: Any) -> Detections:
    found = find_detections(path, box_units=box_units)
    assert found is not None
    return read_detections(found, [images], **more)


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def track(self, description: str, *, total: int | None) -> Any:
        return SILENT.track(description, total=total)


def test_every_format_gives_the_same_items(written: Any) -> None:
    rows = read(written.path, written.images, tasks=[1]).rows
    assert {row.id: row for row in rows} == {row.id: row for row in EXPECTED}


def _row(image: str, subject: str, other: str, boxes: tuple[Box, Box]) -> GoldRow:
    labels = (subject.partition("#")[0], other.partition("#")[0])
    return GoldRow(f"{image}:{subject}:{other}", image, 1, *labels, *boxes)


_DOG, _DOG_2, _LIGHT = Box(60, 100, 10, 50), Box(70, 115, 60, 100), Box(0, 80, 120, 140)
_SOFA, _CAT = Box(80, 160, 0, 90), Box(60, 100, 20.5, 40)
EXPECTED = [
    _row("street.jpg", "dog", "traffic light", (_DOG, _LIGHT)),
    _row("street.jpg", "dog", "dog#2", (_DOG, _DOG_2)),
    _row("street.jpg", "traffic light", "dog", (_LIGHT, _DOG)),
    _row("street.jpg", "traffic light", "dog#2", (_LIGHT, _DOG_2)),
    _row("street.jpg", "dog#2", "dog", (_DOG_2, _DOG)),
    _row("street.jpg", "dog#2", "traffic light", (_DOG_2, _LIGHT)),
    _row("room 1.png", "sofa", '"best" cat', (_SOFA, _CAT)),
    _row("room 1.png", '"best" cat', "sofa", (_CAT, _SOFA)),
]


def test_objects_without_a_pair_are_kept_for_the_graph(coco: Any) -> None:
    objects = read(coco.path, coco.images).objects
    assert [one.name for one in objects["street.jpg"]] == ["dog", "traffic light", "dog#2"]
    assert [one.name for one in objects["sky.jpg"]] == ["kite"]


def test_what_was_read_is_told_in_one_line(coco: Any) -> None:
    heard = Heard()
    read(coco.path, coco.images, listener=heard)
    assert heard.lines == ["COCO: 6 objects in 3 images, 8 pairs; 1 images without a pair"]


def test_near_pairs_are_asked_in_one_order(coco: Any) -> None:
    rows = read(coco.path, coco.images, pairs="near", tasks=[1]).rows
    # The smaller one first: the dogs are 1,600 and 1,800 pixels.
    assert [row.id for row in rows] == [
        "street.jpg:dog:dog#2",
        "street.jpg:traffic light:dog#2",
        'room 1.png:"best" cat:sofa',
    ]


def test_so_many_nearest_pairs_are_asked_of_each_image(coco: Any) -> None:
    rows = read(coco.path, coco.images, pairs="1", tasks=[1]).rows
    assert [row.id for row in rows] == ["street.jpg:dog:dog#2", 'room 1.png:"best" cat:sofa']


def test_a_limit_reads_no_further(coco: Any) -> None:
    assert {row.image for row in read(coco.path, coco.images, limit=2).rows} == {"street.jpg"}


def test_an_object_that_is_there_twice_counts_once(coco: Any) -> None:
    document = json.loads(coco.path.read_text())
    document["annotations"].append(document["annotations"][0] | {"id": 99})
    coco.path.write_text(json.dumps(document))
    heard = Heard()
    assert len(read(coco.path, coco.images, tasks=[1], listener=heard).rows) == 8
    assert "1 objects left out that were there with the same label and box" in heard.lines[0]


@pytest.mark.parametrize(
    "box",
    [
        [60, 10, 100, 190],  # y first: 190 is below the picture, which is 120 high
        [150, 10, 100, 50],  # width and height in COCO's manner, where corners are expected
        [10, 60, 50, 100000],
        [300, 10, 310, 20],
        [-5, 10, 10, 20],
    ],
)
def test_a_box_in_another_order_or_outside_is_an_error_that_names_it(
    write: Any, images: Path, box: list[float]
) -> None:
    path = write("street.json", json.dumps([{"bbox_2d": box, "label": "dog"}]))
    with pytest.raises(DataError) as caught:
        read(path, images)
    assert f"{path}, box 1 ('dog'), image 'street'" in caught.value.where
    assert "[x1, y1, x2, y2] in pixels" in caught.value.hint


def test_an_edge_that_was_rounded_out_of_the_image_is_moved_to_its_edge(
    write: Any, images: Path
) -> None:
    boxes = [{"bbox_2d": [-0.4, 0, 200.8, 120], "label": "street"}]
    boxes.append({"bbox_2d": [10, 60, 50, 100], "label": "dog"})
    path = write("street.json", json.dumps(boxes))
    assert read(path, images).objects["street.jpg"][0].box == Box(0, 120, 0, 200)


def test_thousandths_and_fractions_are_converted_by_the_size_of_the_image(
    write: Any, images: Path, world: Any
) -> None:
    for unit, whole in (("thousandths", 1000), ("fractions", 1)):
        entries = [
            {"bbox_2d": [x / 200 * whole, y / 120 * whole, u / 200 * whole, v / 120 * whole],
             "label": label}
            for label, (x, y, u, v) in world["street.jpg"][1]
        ]  # fmt: skip
        path = write("street.json", json.dumps(entries))
        objects = read(path, images, box_units=unit).objects["street.jpg"]
        assert [one.box for one in objects] == [_DOG, _LIGHT, _DOG_2]


def test_an_image_of_another_size_than_the_file_states_is_an_error(coco: Any) -> None:
    Image.new("RGB", (100, 60)).save(coco.images / "street.jpg")
    with pytest.raises(DataError, match="200 wide and 120 high, and this one is 100 wide"):
        read(coco.path, coco.images)


def test_sizes_are_those_of_the_upright_image(coco: Any) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (120, 200)).save(coco.images / "street.jpg", exif=turned)
    assert len(read(coco.path, coco.images, tasks=[1]).rows) == 8


def test_an_unknown_image_keeps_its_name_for_the_check_of_images(coco: Any) -> None:
    (coco.images / "street.jpg").unlink()
    assert read(coco.path, coco.images).rows[0].image == "street.jpg"


def test_without_images_pixels_are_read_all_the_same(coco: Any, tmp_path: Path) -> None:
    rows = read(coco.path, tmp_path / "nowhere", tasks=[1]).rows
    assert [row.id for row in rows] == [row.id for row in EXPECTED]


def test_without_images_an_edge_below_0_is_outside_all_the_same(write: Any, images: Path) -> None:
    path = write("boxes.json", json.dumps({"1.jpg": [{"bbox_2d": [-9, 0, 9, 9], "label": "a"}]}))
    with pytest.raises(DataError, match="outside of the picture: x_min -9"):
        read(path, images / "nowhere")
    assert check_box(Corners(-1, 0, 9, 9), None) == (0, 9, 0, 9)
    with pytest.raises(DataError, match="four finite numbers, got x_min 0, y_min 0, x_max inf"):
        check_box(Corners(0, 0, float("inf"), 9), None)


def test_parts_of_a_size_need_the_image(yolo: Any) -> None:
    with pytest.raises(MissingInputError, match="no such folder of pictures"):
        read(yolo.path, yolo.images / "nowhere")
    for name in ("street.jpg", "sky.jpg"):
        (yolo.images / name).unlink()
    with pytest.raises(MissingInputError, match="2 of 2 pictures not found: sky, street"):
        read(yolo.path, yolo.images)


def test_a_broken_image_has_items_without_boxes(yolo: Any) -> None:
    (yolo.images / "street.jpg").write_bytes(b"no picture")
    rows = read(yolo.path, yolo.images, pairs="near", tasks=[1]).rows
    assert {row.subject_box is None for row in rows if row.image == "street.jpg"} == {True}


def test_an_image_in_another_folder_than_the_file_says_is_told(coco: Any) -> None:
    text = coco.path.read_text().replace('"sky.jpg"', '"upload/1/sky.jpg"')
    coco.path.write_text(text)
    heard = Heard()
    assert "sky.jpg" in read(coco.path, coco.images, listener=heard).objects
    assert "1 images found by their names without the folders before them" in heard.lines[0]


def test_a_name_without_suffix_that_stands_for_two_images_is_an_error(
    write: Any, images: Path
) -> None:
    Image.new("RGB", (200, 120)).save(images / "street.png")
    path = write("street.json", json.dumps([{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]))
    with pytest.raises(DataError, match=r"'street' stands for several: street.jpg, street.png"):
        read(path, images)


def test_one_object_in_each_image_is_nothing_to_ask(coco: Any) -> None:
    document = json.loads(coco.path.read_text())
    document["annotations"] = document["annotations"][-1:]
    coco.path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="no image has a pair of objects"):
        read(coco.path, coco.images)


def test_an_empty_list_is_nothing_to_ask(write: Any, images: Path) -> None:
    with pytest.raises(DataError, match="no image has a pair of objects") as caught:
        read(write("street.json", "[]\n"), images)
    assert caught.value.where.endswith("street.json")


def test_an_image_that_is_there_twice_is_an_error(coco: Any) -> None:
    document = json.loads(coco.path.read_text())
    document["images"].append(document["images"][0] | {"id": 99})
    coco.path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"image 'street.jpg' is there twice"):
        read(coco.path, coco.images)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("items.jsonl", '{"image": "1.jpg", "subject": "dog", "object": "sofa"}\n'),
        ("items.jsonl", '{"image": "1.jpg", "subject": "dog", "object": "sofa", "box": 1}\n' * 2),
        ("items.csv", "image,subject,object\n1.jpg,box,sofa\n"),
        ("items.jsonl", ""),
    ],
)
def test_what_holds_no_detections_is_left_to_the_reader_of_items(
    write: Any, name: str, text: str
) -> None:
    assert find_detections(write(name, text)) is None


def test_a_file_that_is_not_there_is_left_to_the_reader_of_items(tmp_path: Path) -> None:
    assert find_detections(tmp_path / "nowhere.json") is None


def test_files_of_other_kinds_beside_them_do_not_matter(yolo: Any, tmp_path: Path) -> None:
    (yolo.path / "notes.json").write_text('{"categories": []}')
    (yolo.path / "README.txt").write_text("made by a tool")
    assert len(read(yolo.path, yolo.images, tasks=[1]).rows) == 8


def test_a_file_of_names_far_above_does_not_matter(voc: Any, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [dog]")
    (voc.path / "labelmap.txt").write_text("# label:color_rgb:parts:actions")
    assert len(read(voc.path, voc.images, tasks=[1]).rows) == 8


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"qwen.json": '[{"bbox_2d": [1, 2, 3, 4], "label": "dog"'}, "not JSON"),
        ({"results.json": '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}]'},
         "COCO results"),
        ({"all/": ""}, "a folder without detections"),
        ({"all/1.xml": "<a/>", "all/labels/1.txt": "", "all/classes.txt": "dog"}, "two formats"),
        ({"all/1.json": '{"images": [], "annotations": []}'}, "no list of boxes"),
        ({"all/1.txt": "0 0.5 0.5 0.1 0.1\n"}, "none that names YOLO's classes"),
        ({"all/data.yaml": "names: [dog]\n"}, "and no text file of boxes"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_one_clear_error(
    write: Any, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            write(name, text)
    top = tmp_path / next(iter(files)).partition("/")[0]
    with pytest.raises(VsdkitError, match=message):
        find_detections(top)
