"""What is wrong with the inputs is named before a model is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError, MissingInputError, TemplateError
from vsdkit.finetune.preflight import check_inputs, open_images
from vsdkit.settings.finetune import FinetuneSettings


def _check(settings: FinetuneSettings, **changes: object):
    return check_inputs(settings.model_copy(update=changes))


def test_inputs_that_are_right(settings: FinetuneSettings) -> None:
    inputs = _check(settings)
    assert len(inputs.rows) == 20
    assert sorted(inputs.images.paths) == [f"{number}.png" for number in range(8)]
    assert inputs.images.paths["3.png"].is_file()
    assert (inputs.template.name, inputs.conversation.name) == ("paper", "vicuna_v1")


def test_missing_bitsandbytes_is_told_before_the_rows_are_read(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    asked = settings.model_copy(update={"load_in": "8bit", "instructions": Path("none.jsonl")})
    with pytest.raises(MissingInputError, match="bitsandbytes"):
        check_inputs(asked)


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
    assert inputs.images.paths["4.png"] == second / "4.png"


def test_rows_are_left_out_by_their_place(settings: FinetuneSettings) -> None:
    rows = check_inputs(settings).rows
    used = rows.without([0, 2, 19])
    assert [row.id for row in used] == [f"row-{n}" for n in range(20) if n not in (0, 2, 19)]
    assert (len(used), used[-1].id, [row.id for row in used[:2]]) == (
        17,
        "row-18",
        ["row-1", "row-3"],
    )


def test_missing_and_broken_images_are_listed_together(
    settings: FinetuneSettings, tmp_path: Path
) -> None:
    images = tmp_path / "pictures" / "below"
    (images / "2.png").unlink()
    (images / "5.png").write_bytes(b"")
    given = settings.model_copy(update={"rejects": tmp_path / "rejects.jsonl"})
    inputs = check_inputs(given)
    with pytest.raises(MissingInputError, match=r"1 of 8 pictures not found: 2.png; 1 more do not"):
        open_images(given, inputs)
    assert (tmp_path / "rejects.jsonl").read_text().count("\n") == 2


def test_the_list_of_rejects_does_not_go_over_the_rows(settings: FinetuneSettings) -> None:
    with pytest.raises(ConfigError, match="--rejects and instructions are the same file"):
        _check(settings, rejects=settings.instructions)


def test_checking_loads_no_torch(settings: FinetuneSettings) -> None:
    code = (
        "import sys\n"
        "from vsdkit.finetune.preflight import check_inputs\n"
        "from vsdkit.settings.finetune import FinetuneSettings\n"
        f"settings = FinetuneSettings(instructions={str(settings.instructions)!r}, "
        f"images=[{str(settings.images[0])!r}])\n"
        "check_inputs(settings)\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
