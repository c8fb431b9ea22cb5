"""Settings of ``vsdkit score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from vsdkit.settings.fields import OutputFile
from vsdkit.settings.resolve import SAME_RESULT, Settings

__all__ = ["ScoreSettings"]

_FEWEST_RESAMPLES = 100


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list)]


class ScoreSettings(Settings):
    """Inputs, reading, resamples, and which tables and files are wanted."""

    preds: Paths = Field(default=(Path("preds.jsonl"),), min_length=1)
    """Predictions, one file or folder for each system; a submission's two files are one system."""

    gold: Paths = Field(default=(Path("gold.jsonl"),), min_length=1, max_length=2)
    """What is known of the answers: gold.jsonl, or VSDv1 and VSDv2."""

    kind: Literal["preds", "submission", "llava", "llama-factory", "lines"] | None = None
    """What the predictions are; else it is decided from their content."""

    task: Literal[1, 2, 3] | None = None
    """The task of answers that do not tell theirs, or of the exported questions."""

    reading: Literal["paper", "coco"] = "paper"
    """Which reading of BLEU-4, SPICE and mBLEU-4 makes z2, z3 and overall; both are printed."""

    coco_metrics: bool = False
    """BLEU-1 to BLEU-4, METEOR, ROUGE-L and CIDEr of task 2 as well."""

    bootstrap: int = Field(default=1000, ge=0, le=100_000)
    """Resamples of images for intervals and p; 0 for none."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the resamples."""

    baselines: bool = False
    """Score what gold's own tags and labels say, too."""

    diagnosis: bool = False
    """Tables of what is wrong: by relation, by what the sentences state, by sentence pair."""

    worst: int = Field(default=0, ge=0, le=100_000)
    """How many of the worst rows of each task are shown."""

    all_numbers: Annotated[bool, SAME_RESULT] = False
    """Print every number, not the headline ones only."""

    signatures: Annotated[bool, SAME_RESULT] = False
    """Print the choices behind each number."""

    items: OutputFile | None = None
    """Where every row's own numbers go."""

    submission: Path | None = None
    """Folder where the predictions go as the challenge's two files."""

    export_questions: OutputFile | None = None
    """Where a question for each gold row goes; nothing is scored then."""

    questions_for: Literal["llava", "llama-factory"] = "llava"
    """The tool that shall answer the exported questions."""

    question_template: str = "paper"
    """Template the exported questions are of."""

    allow_missing: bool = False
    """Count gold rows without a prediction as wrong, instead of stopping at the first."""

    java_memory_mib: Annotated[int, SAME_RESULT] = Field(default=3072, ge=512, le=1_048_576)
    """Largest heap of Java, in MiB."""

    java_timeout_s: Annotated[float, SAME_RESULT] = Field(default=600, gt=0, le=86_400)
    """Longest time that Java may take for one batch of sentences, in seconds."""

    @field_validator("bootstrap")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < _FEWEST_RESAMPLES:
            raise ValueError(f"an interval needs {_FEWEST_RESAMPLES} resamples or more; 0 for none")
        return value
