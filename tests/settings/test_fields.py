"""Fields that several commands share: what they take and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import resolve


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


def test_an_output_need_not_be_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "preds.jsonl"
    assert resolve(InferSettings, flags={"output": path}).settings.output == path
