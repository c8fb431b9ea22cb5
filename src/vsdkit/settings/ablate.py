"""Settings of ``vsdkit ablate``: two files of the paper's Table 4, or a grid over the stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from vsdkit.settings.defaults import GOLD, PREDS, Engine
from vsdkit.settings.diversify import DiversifySettings
from vsdkit.settings.fields import Folder, Plots
from vsdkit.settings.resolve import NO_FLAG, SAME_RESULT, Settings

__all__ = ["AblateSettings"]

_OF_TABLE_FOUR = ("engine", "model", "base_url")


class AblateSettings(Settings):
    """What is compared: Table 4 without ``grid``, every combination of its values with it."""

    preds: Path | None = PREDS
    """Predictions without rewriting; with a grid none, unless named: infer makes them."""

    gold: Path | None = GOLD
    """What they are scored against; with a grid none, unless named: build-instructions makes it."""

    engine: Engine = DiversifySettings.model_fields["engine"].default
    """What rewrites sentence 2 for Table 4."""

    model: str | None = None
    """The engine's model; the default of diversify if none is named."""

    base_url: Annotated[str | None, SAME_RESULT] = None
    """Address of the server, for the openai engine."""

    folder: Annotated[Folder, SAME_RESULT] = Path("ablations")
    """Where each stage keeps what it made."""

    plots: Plots = None
    """Where plots go, as SVG and PNG: what each combination's overall is made of beside the
    paper's; loss and learning rate of the runs, if the grid trains any."""

    stages: Annotated[dict[str, dict[str, object]], NO_FLAG] = Field(default_factory=dict)
    """Stage (build-instructions, finetune, infer, diversify, score) to its settings; only the
    stages named here or in the grid are run, in this order."""

    grid: Annotated[dict[str, list[object]], NO_FLAG] = Field(default_factory=dict)
    """``stage.setting`` to its values; every combination is run. ``diversify.engine: none`` leaves
    rewriting out."""

    @model_validator(mode="before")
    @classmethod
    def _of_a_grid(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not (values.get("grid") or values.get("stages")):
            return values
        if not values.get("grid"):
            raise ValueError("'grid' is needed beside stages: which settings vary")
        for name in _OF_TABLE_FOUR:
            # The default is what a printed file of settings says where nobody chose.
            if values.get(name) not in (None, cls.model_fields[name].default):
                raise ValueError(
                    f"{name} has no meaning beside a grid: write it under stages or grid, as "
                    f"diversify.{name}"
                )
        return {"preds": None, "gold": None} | values
