"""Settings of ablate: Table 4 of files at hand, or a grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.resolve import resolve

GRID = {"finetune.lora_rank": [8, 16]}


def test_table_four_is_of_the_files_of_the_pipeline_and_the_engine_of_diversify() -> None:
    settings = AblateSettings()
    assert (settings.preds, settings.gold) == (Path("preds.jsonl"), Path("gold.jsonl"))
    assert settings.engine == DiversifySettings(gold="g").engine


def test_a_grid_makes_its_own_files_unless_they_are_named() -> None:
    assert AblateSettings(grid=GRID).preds is None
    assert AblateSettings(grid=GRID, gold="held-out.jsonl").gold == Path("held-out.jsonl")


def test_a_flag_goes_over_the_file_of_a_grid(tmp_path: Path) -> None:
    config = tmp_path / "grid.yaml"
    config.write_text("preds: a.jsonl\ngrid: {diversify.engine: [none, rules]}\n")
    settings = resolve(AblateSettings, flags={"preds": "b.jsonl"}, config=config).settings
    assert settings.preds == Path("b.jsonl")


@pytest.mark.parametrize("name", ["engine", "model", "base_url"])
def test_what_a_grid_would_silence_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} has no meaning beside a grid"):
        resolve(AblateSettings, flags={"grid": GRID, name: "rules"})


def test_stages_without_a_grid_are_refused() -> None:
    with pytest.raises(ConfigError, match="'grid' is needed"):
        resolve(AblateSettings, flags={"stages": {"infer": {}}})
