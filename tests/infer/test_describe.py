"""A model that is loaded once: the same answers however images are given; errors with reasons."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vsdkit
from vsdkit.answers import parse_answer
from vsdkit.conversation import load_template
from vsdkit.data.items import parse_item
from vsdkit.data.records import Box
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import CheckpointError, ConfigError, DataError, MissingInputError, VsdkitError
from vsdkit.infer.describe import Describer, Description
from vsdkit.model.generation import Prompt, encode_question, generate, stop_id
from vsdkit.model.shared_image import answer_one_image

BOX, BALL = [4, 64, 4, 64], [64, 124, 64, 124]


def test_relation_probabilities_sentence_and_boxes_come_back(
    describer: Describer, photo: Path
) -> None:
    said = describer.describe(photo, "red box", "blue ball", BOX, BALL)
    assert said.probabilities is not None
    assert set(said.probabilities) == set(RELATIONS)
    assert sum(said.probabilities.values()) == pytest.approx(1, abs=1e-4)
    # The likeliest first, and it is the relation.
    assert list(said.probabilities.values()) == sorted(said.probabilities.values(), reverse=True)
    assert said.relation == next(iter(said.probabilities))
    assert said.sentence == " ".join(said.raw[2].split())
    assert (said.subject_box, said.object_box) == (Box(*BOX), Box(*BALL))
    assert said.unfinished == ()
    assert said.to_dict()["raw"] == {str(task): text for task, text in said.raw.items()}


def test_sentences_are_those_of_prompts_of_their_own(describer: Describer, photo: Path) -> None:
    said = describer.describe(photo, "red box", "blue ball")
    loaded, conversation = describer._answerer.loaded, describer.choice.conversation
    image = loaded.preparer.prepare(Image.open(photo))
    (row,) = parse_item({"image": "x", "subject": "red box", "object": "blue ball"}, tasks=(3,))
    ids = encode_question(
        loaded, conversation, describer.question(row), image_tokens=image.n_tokens
    )
    (alone,) = generate(
        loaded, [Prompt(ids, image)], stop=stop_id(loaded, conversation), max_new_tokens=8
    )
    assert said.raw[3] == alone.text


def test_paths_bytes_images_and_arrays_give_the_same(describer: Describer, photo: Path) -> None:
    image = Image.open(photo)
    forms: list[Any] = [photo, str(photo), photo.read_bytes(), image, np.asarray(image)]
    said = [describer.describe(form, "red box", "blue ball") for form in forms]
    assert all(one == said[0] for one in said)


def test_an_answer_that_is_cut_off_is_told(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 4, 2: 1, 3: 8})
    said = describer.describe(photo, "red box", "blue ball")
    assert said.unfinished == (2,)


def test_boxes_are_not_shown_to_the_model(describer: Describer, photo: Path) -> None:
    with_boxes = describer.describe(photo, "red box", "blue ball", BOX, BALL)
    without = describer.describe(photo, "red box", "blue ball")
    assert with_boxes.raw == without.raw
    assert (without.subject_box, without.object_box) == (None, None)


def test_boxes_may_be_arrays_of_a_detectors_numbers(describer: Describer, photo: Path) -> None:
    given = np.array(BOX, np.float32), tuple(np.int64(edge) for edge in BALL)
    said = describer.describe(photo, "red box", "blue ball", *given)
    assert (said.subject_box, said.object_box) == (Box(*BOX), Box(*BALL))


def test_all_pairs_of_an_image_are_those_asked_alone(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ["red box", "blue ball", "lamp"]
    images: list[object] = []

    def count(*arguments: Any, **settings: Any) -> Any:
        images.append(arguments)
        return answer_one_image(*arguments, **settings)

    monkeypatch.setattr("vsdkit.model.shared_image.answer_one_image", count)
    # Fewer at once than there are questions: 6 pairs of 3.
    monkeypatch.setattr(describer, "_at_once", 4)
    many = describer.describe_many(photo, [BOX, BALL, [1, 9, 2, 8]], labels)
    assert len(images) == 1
    assert [(one.subject, one.object) for one in many] == [
        (labels[i], labels[j]) for i, j in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))
    ]
    for one in many:
        alone = describer.describe(photo, one.subject, one.object, one.subject_box, one.object_box)
        assert alone.raw == one.raw
        assert alone.probabilities == pytest.approx(one.probabilities, abs=2e-5)


def test_pairs_are_chosen_and_boxes_may_be_missing(describer: Describer, photo: Path) -> None:
    (said,) = describer.describe_many(photo, None, ["a", "b", "c"], pairs=[(2, 0)])
    assert (said.subject, said.object, said.subject_box) == ("c", "a", None)
    assert describer.describe_many(photo, [], []) == []
    assert describer.describe_many(photo, [BOX], ["alone"]) == []


@pytest.mark.parametrize(
    ("boxes", "pairs", "message"),
    [
        ([BOX], None, "1 boxes for 2 labels"),
        ([BOX, BALL], [(0, 2)], "0 to 1"),
        ([BOX, BALL], [(1, 1)], "two different numbers"),
        ([BOX, BALL], [(-1, 0)], "0 to 1"),
    ],
)
def test_boxes_labels_and_pairs_belong_together(
    describer: Describer, photo: Path, boxes: Any, pairs: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        describer.describe_many(photo, boxes, ["a", "b"], pairs=pairs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subject": ""}, "'subject' must be text that is not empty"),
        ({"subject": "a <image>"}, "<image> stands for the picture"),
        ({"object": "a </s>"}, "</s>"),
        ({"object": "long " * 9000}, "the model has positions for"),
        ({"subject_box": [9, 1, 2, 3]}, "ymin < ymax"),
        ({"subject_box": [1, 2, 3]}, "four numbers"),
        ({"subject_box": 5}, "four numbers"),
        ({"object_box": [200, 300, 0, 9]}, "nothing of the box .* 128 high and 128 wide"),
    ],
)
def test_wrong_words_and_boxes_are_told_before_the_model_is_asked(
    describer: Describer,
    photo: Path,
    given: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(describer, "_answer", None)
    words = {"subject": "red box", "object": "blue ball"} | given
    with pytest.raises(DataError, match=message):
        describer.describe(photo, **words)


def test_only_the_tasks_that_are_wanted_are_asked(describer: Describer, photo: Path) -> None:
    one = Describer(describer._answerer, describer.choice, tasks=(2,))
    said = one.describe(photo, "red box", "blue ball")
    assert (said.relation, said.probabilities, said.sentences) == (None, None, None)
    assert set(said.to_dict()) == {"sentence", "raw", "unfinished"}


def test_a_model_that_cannot_weigh_labels_says_its_label(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = type(describer._answerer.loaded.family)
    monkeypatch.setattr(family, "shares_images", False)
    said = describer.describe(photo, "red box", "blue ball")
    assert said.probabilities is None
    assert said.relation == parse_answer(said.raw[1], 1)


def test_threads_wait_for_each_other(describer: Describer, photo: Path) -> None:
    pairs = [("red box", "blue ball"), ("blue ball", "red box"), ("lamp", "red box")] * 2
    said: dict[int, Description] = {}

    def work(number: int) -> None:
        said[number] = describer.describe(photo, *pairs[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(pairs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, pair in enumerate(pairs):
        assert said[number] == describer.describe(photo, *pair)


def test_fewer_are_asked_at_once_where_the_memory_is_full(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def answer(*arguments: Any, at_once: int) -> Any:
        tried.append(at_once)
        if at_once > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return answer_one_image(*arguments, at_once=at_once)

    monkeypatch.setattr(describer, "_at_once", 24)
    expected = describer.describe(photo, "red box", "blue ball")
    monkeypatch.setattr("vsdkit.model.shared_image.answer_one_image", answer)
    assert describer.describe(photo, "red box", "blue ball").raw == expected.raw
    assert tried == [24, 1]
    # What did not fit once is not tried again.
    describer.describe(photo, "red box", "blue ball")
    assert tried == [24, 1, 1]


def test_memory_that_holds_not_even_one_question_is_an_error(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(describer, "_at_once", 24)
    monkeypatch.setattr("vsdkit.model.shared_image.answer_one_image", full)
    with pytest.raises(VsdkitError, match="does not hold the picture and one question"):
        describer.describe(photo, "red box", "blue ball")


def test_a_defect_keeps_its_traceback(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shape '[2]' is invalid")

    monkeypatch.setattr("vsdkit.model.shared_image.answer_one_image", fail)
    with pytest.raises(RuntimeError, match="is invalid"):
        describer.describe(photo, "red box", "blue ball")


def test_a_run_is_loaded_with_all_it_was_trained_with(
    write_run: Callable[..., Path], photo: Path, describer: Describer
) -> None:
    folder = write_run()
    said = vsdkit.load(folder)
    assert repr(said) == (
        f"Describer(base='tiny', adapter={str(folder)!r}, image_mode='single', tasks=(1, 2, 3), "
        "float32 on cpu)"
    )
    bare = describer.describe(photo, "red box", "blue ball")
    assert said.describe(photo, "red box", "blue ball").raw != bare.raw
    with pytest.raises(ConfigError, match="was trained with image mode 'single'"):
        vsdkit.load(folder, image_mode="anyres")


def test_without_a_name_the_newest_run_is_loaded(
    write_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run()
    monkeypatch.chdir(tmp_path)
    assert vsdkit.load().choice.adapter == Path("runs/one")
    assert vsdkit.load("runs/one", base="tiny", tasks=(1,)).tasks == (1,)


def test_a_folder_of_a_whole_model_is_a_base(fp32_base: Path) -> None:
    loaded = vsdkit.load(fp32_base, image_mode="single", template="varied")
    assert (loaded.choice.base, loaded.choice.adapter) == (str(fp32_base), None)
    assert loaded.choice.template == load_template("varied")


@pytest.mark.parametrize("name", ["runs/none", "/nowhere/run"])
def test_a_run_that_is_not_there_is_not_looked_for_on_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no such folder"):
        vsdkit.load(name)


def test_wrong_settings_are_refused_as_of_any_command(tmp_path: Path) -> None:
    wrong: Any = "half"
    with pytest.raises(ConfigError, match="precision = 'half'"):
        vsdkit.load("tiny", precision=wrong)
    with pytest.raises(ConfigError, match="tasks"):
        vsdkit.load("tiny", tasks=(4,))


def test_a_picture_that_is_not_there_is_named(describer: Describer) -> None:
    with pytest.raises(MissingInputError, match="no such picture"):
        describer.describe("nowhere.jpg", "a", "b")


def _detections(*boxes: list[float], **data: Any) -> Any:
    return SimpleNamespace(xyxy=np.array(boxes, dtype=np.float32), data=data)


def test_detected_objects_are_described_pair_by_pair(describer: Describer, photo: Path) -> None:
    labels = np.array(["red box", "blue ball"])
    given = _detections([4, 4, 60, 64], [64, 64, 124.4, 129], class_name=labels)
    (near,) = describer.describe_detections(photo, given, pairs="near")
    assert (near.subject, near.object) == ("red box", "blue ball")
    # x first became y first, and the edge that was rounded out of the picture its edge.
    assert (near.subject_box, near.object_box) == ((4, 64, 4, 60), (64, 128, 64, 124.4))
    both = describer.describe_detections(photo, given)
    assert [(one.subject, one.object) for one in both] == [
        ("red box", "blue ball"),
        ("blue ball", "red box"),
    ]
    assert describer.describe_detections(photo, _detections(class_name=labels[:0])) == []


@pytest.mark.parametrize(
    ("boxes", "data", "message"),
    [
        ([[4, 4, 64, 64]], {}, "detections without labels"),
        ([[64, 4, 4, 64]], {"class_name": ["dog"]}, "x_min < x_max"),
        ([[4, 4, 640, 64]], {"class_name": ["dog"]}, "outside of the picture, which is 128 wide"),
    ],
)
def test_wrong_detections_are_one_error(
    describer: Describer, photo: Path, boxes: Any, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        describer.describe_detections(photo, _detections(*boxes, **data))
