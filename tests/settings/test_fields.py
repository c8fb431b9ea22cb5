"""Fields that several commands share: what they take and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import Settings, resolve
from vsdkit.settings.score import ScoreSettings


@pytest.mark.parametrize("name", ["", ".", "..", "folder"])
@pytest.mark.parametrize(
    ("model", "field"),
    [
        (InferSettings, "output"),
        (DiversifySettings, "output"),
        (BuildInstructionsSettings, "output"),
        (BuildInstructionsSettings, "gold"),
        (BuildInstructionsSettings, "rejects"),
    ],
)
def test_a_folder_is_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: type, field: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    flags = {"v1": "a", "v2": "b"} if model is BuildInstructionsSettings else {}
    with pytest.raises(ConfigError, match=f"{field} = '.*': expected the name of a file"):
        resolve(model, flags={**flags, field: Path(name)})


@pytest.mark.parametrize("model", [ScoreSettings, AblateSettings, FinetuneSettings])
def test_plots_go_to_a_folder_that_need_not_be_there_and_change_no_result(
    tmp_path: Path, model: type[Settings]
) -> None:
    (tmp_path / "file").touch()
    for name in ("new", "."):
        settings = resolve(model, flags={"plots": str(tmp_path / name)}).settings
        assert settings.plots == tmp_path / name  # type: ignore[attr-defined]
        assert "plots" not in settings.identity()
    assert resolve(model, flags={}).settings.plots is None  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="expected the name of a folder, this is a file"):
        resolve(model, flags={"plots": str(tmp_path / "file")})


@pytest.mark.parametrize(
    "given",
    [
        "310,480,120.5,260",
        ["310,480,120.5,260"],
        ["310", "480", " 120.5", "260"],
        [310, 480, 120.5, 260],
    ],
)
def test_a_box_is_typed_listed_or_given(given: object) -> None:
    pair = {"image": "a.jpg", "subject": "a", "object": "b"}
    found = resolve(InferSettings, flags=pair | {"subject_box": given}).settings.subject_box
    assert found == (310, 480, 120.5, 260)
    assert [type(edge) for edge in found or ()] == [int, int, float, int]


@pytest.mark.parametrize("given", ["1,2,3", "1,2,x,4", "5,2,3,4", 7, [1, 2, 3, None], "1,2,3,4,5"])
def test_what_is_no_box_is_refused(given: object) -> None:
    pair = {"image": "a.jpg", "subject": "a", "object": "b"}
    with pytest.raises(ConfigError, match=r"object_box = .*a box is") as caught:
        resolve(InferSettings, flags=pair | {"object_box": given})
    assert caught.value.where == "object_box (flag)"


def test_an_output_need_not_be_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "preds.jsonl"
    assert resolve(InferSettings, flags={"output": path}).settings.output == path
