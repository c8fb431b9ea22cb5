"""What is wrong with the inputs is named before a model is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vsdkit.errors import ConfigError, DataError, MissingInputError, TemplateError
from vsdkit.finetune.preflight import check_inputs, measure_images
from vsdkit.progress import SILENT
from vsdkit.settings.finetune import FinetuneSettings


def _check(settings: FinetuneSettings, **changes: object):
    return check_inputs(settings.model_copy(update=changes), listener=SILENT)


def test_inputs_that_are_right(settings: FinetuneSettings) -> None:
    inputs = _check(settings)
    assert len(inputs.rows) == 20
    assert sorted(inputs.pictures) == [f"{number}.png" for number in range(8)]
    assert inputs.pictures["3.png"][1:] == (48, 52)
    assert Path(inputs.pictures["3.png"].path).is_file()
    assert (inputs.template.name, inputs.conversation.name) == ("paper", "vicuna_v1")


def test_no_instructions(settings: FinetuneSettings, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no instructions") as raised:
        _check(settings, instructions=tmp_path / "nowhere.jsonl")
    assert raised.value.hint == "make them: vsdkit build-instructions vsdv1.json vsdv2.json"


def test_empty_instructions(settings: FinetuneSettings) -> None:
    settings.instructions.write_text("\n")
    with pytest.raises(DataError, match="no rows to learn from") as raised:
        _check(settings)
    assert "vsdkit build-instructions" in raised.value.hint


def test_llavas_list(settings: FinetuneSettings, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[]")
    with pytest.raises(ConfigError, match="read as JSON Lines") as raised:
        _check(settings, instructions=tmp_path / "rows.json")
    assert "--format jsonl" in raised.value.hint


def test_row_with_an_empty_answer_is_named(settings: FinetuneSettings) -> None:
    text = settings.instructions.read_text()
    settings.instructions.write_text(
        text.replace("The red box is to the left of the ball.", " ", 1)
    )
    with pytest.raises(DataError, match="the answer is empty: nothing to learn from") as raised:
        _check(settings)
    assert raised.value.where.endswith("instructions.jsonl:2, id 'row-1'")


def test_unknown_template_of_the_rows(settings: FinetuneSettings) -> None:
    Path(f"{settings.instructions}.run.json").unlink()
    with pytest.raises(ConfigError, match="template of these rows is not known") as raised:
        _check(settings)
    assert "--template paper" in raised.value.hint
    assert _check(settings, template="paper").template.name == "paper"


def test_misspelt_template(settings: FinetuneSettings) -> None:
    with pytest.raises(TemplateError, match="unknown template 'papre'"):
        _check(settings, template="papre")


def test_missing_folder_and_missing_pictures(settings: FinetuneSettings, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such folder of pictures") as raised:
        _check(settings, images=(tmp_path / "VG_100K",))
    assert "--images" in raised.value.hint
    for number in (2, 5):
        (tmp_path / "pictures" / "below" / f"{number}.png").unlink()
    with pytest.raises(
        MissingInputError, match=r"2 of 8 pictures not found: 2\.png, 5\.png"
    ) as raised:
        _check(settings)
    assert "--images FOLDER" in raised.value.hint


def test_several_folders_are_searched_below(settings: FinetuneSettings, tmp_path: Path) -> None:
    second = tmp_path / "VG_100K_2" / "deep"
    second.mkdir(parents=True)
    (tmp_path / "pictures" / "below" / "4.png").rename(second / "4.png")
    inputs = _check(settings, images=(tmp_path / "pictures", tmp_path / "VG_100K_2"))
    assert inputs.pictures["4.png"].path == str(second / "4.png")


def test_pictures_that_do_not_open_are_named(settings: FinetuneSettings, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "below" / "1.png").write_text("not a picture")
    cut = tmp_path / "pictures" / "below" / "6.png"
    cut.write_bytes(cut.read_bytes()[:60])
    with pytest.raises(DataError, match="2 of 8 pictures do not open") as raised:
        _check(settings)
    assert "1.png" in raised.value.where
    assert "6.png" in raised.value.where
    assert "fetch them again" in raised.value.hint


def test_pictures_lying_on_their_side_are_measured_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    sizes = measure_images({"a.jpg": tmp_path / "a.jpg"}, listener=SILENT)
    assert sizes["a.jpg"][1:] == (30, 20)


def test_checking_loads_no_torch(settings: FinetuneSettings) -> None:
    code = (
        "import sys\n"
        "from vsdkit.finetune.preflight import check_inputs\n"
        "from vsdkit.progress import SILENT\n"
        "from vsdkit.settings.finetune import FinetuneSettings\n"
        f"settings = FinetuneSettings(instructions={str(settings.instructions)!r}, "
        f"images=[{str(settings.images[0])!r}])\n"
        "check_inputs(settings, listener=SILENT)\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("trailing", [b"", b"\0\0", b"notes of a camera"])
def test_a_jpeg_that_is_cut_off_at_its_end(tmp_path: Path, trailing: bytes) -> None:
    path = tmp_path / "1.jpg"
    Image.effect_noise((64, 64), 50).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole + trailing)
    assert measure_images({"1.jpg": path}, listener=SILENT)["1.jpg"][1:] == (64, 64)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="1 of 1 pictures do not open"):
        measure_images({"1.jpg": path}, listener=SILENT)
