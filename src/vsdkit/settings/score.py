"""Settings of ``vsdkit score``: inputs, reading, extra tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from vsdkit.errors import ConfigError
from vsdkit.settings.defaults import PREDS, TEMPLATE
from vsdkit.settings.fields import Folder, OutputFile, Paths, Plots
from vsdkit.settings.resolve import SAME_RESULT, Flag
from vsdkit.settings.scoring import ScoringSettings

__all__ = ["ScoreSettings", "tell_apart"]


class ScoreSettings(ScoringSettings):
    """Inputs, and which numbers, tables and files are wanted."""

    preds: Annotated[Paths, Field(min_length=1), Flag(metavar="PREDS [GOLD]", argument=True)] = (
        PREDS,
    )
    """Predictions, one file or folder for each system; a submission's two files are one system.
    Of two files on the command line the second is gold, unless ``--gold`` names it."""

    task: Literal[1, 2, 3] | None = None
    """The task of answers that do not tell theirs, or of the exported questions."""

    coco: Annotated[Path | None, Flag(metavar="CAPTIONS")] = None
    """Captions in COCO's form, annotations of images; the files named are results then. Plain
    captions are scored: BLEU-1 to 4, METEOR, ROUGE-L, CIDEr, SPICE with its sub-scores."""

    coco_metrics: bool = False
    """BLEU-1 to BLEU-4, METEOR, ROUGE-L and CIDEr of task 2 as well."""

    baselines: bool = False
    """Score what gold's own tags and labels say, too."""

    diagnosis: bool = False
    """Tables of what is wrong: by relation, by what the sentences state, by sentence pair."""

    worst: int = Field(default=0, ge=0, le=100_000)
    """How many of the worst rows of each task are shown."""

    all_numbers: Annotated[bool, SAME_RESULT, Flag(("--all",))] = False
    """Print every number, not the headline ones alone: those of both readings and SPICE's
    sub-scores are among them."""

    signatures: Annotated[bool, SAME_RESULT] = False
    """Print the choices behind each number."""

    items: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where every row's own numbers go, SPICE's sub-scores among them."""

    plots: Plots = None
    """Where plots go, as SVG and PNG: F1 by relation, and what the overall is made of beside the
    paper's."""

    submission: Annotated[Folder | None, SAME_RESULT] = None
    """Folder where the predictions go as the challenge's two files."""

    export_questions: OutputFile | None = None
    """Where a question for each gold row goes; nothing is scored then."""

    questions_for: Literal["llava", "llama-factory"] = "llava"
    """The tool that shall answer the exported questions."""

    question_template: str = TEMPLATE
    """Template the exported questions are of."""

    @classmethod
    def from_command_line(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the flags with predictions and gold told apart.

        Raises:
            ConfigError: If it cannot be told which file is what.
        """
        if given.get("coco") is not None:
            if not given.get("preds"):
                raise ConfigError(
                    "no file of results is named",
                    where="--coco",
                    hint="vsdkit score --coco captions.json results.json",
                )
            return given
        questions_only = given.get("export_questions") is not None
        files = tell_apart(given.get("preds"), given.get("gold"), questions_only=questions_only)
        return {**given, **files}


def tell_apart(
    files: Sequence[Path] | None, gold: Sequence[Path] | None, *, questions_only: bool = False
) -> dict[str, Sequence[Path] | None]:
    """Return the settings that the files named on the command line stand for.

    With gold named by its option, all files are predictions. Without, one file is predictions,
    and of two the second is gold.

    Args:
        files: As typed, one after the other.
        gold: What its option names.
        questions_only: Whether nothing is scored; then the files are gold.

    Raises:
        ConfigError: If it cannot be told which file is what.

    >>> tell_apart([Path("a.jsonl"), Path("gold.jsonl")], None)["gold"] == [Path("gold.jsonl")]
    True
    """
    files = list(files or ())
    if questions_only:
        if files and gold:
            raise ConfigError(
                "questions are made of gold alone, and gold is named twice",
                where=", ".join(map(str, files)),
                hint="vsdkit score --gold gold.jsonl --export-questions questions.jsonl",
            )
        return {"preds": None, "gold": files or gold or None}
    if gold or len(files) < 2:
        return {"preds": files or None, "gold": gold or None}
    if len(files) == 2:
        return {"preds": files[:1], "gold": files[1:]}
    named = " ".join(map(str, files[:-1]))
    raise ConfigError(
        f"{len(files)} files, and which is gold is not said",
        where=", ".join(map(str, files)),
        hint=f"name gold by its option: vsdkit score {named} --gold {files[-1]}, or if the last "
        f"two are VSD's: --gold {files[-2]} --gold {files[-1]}",
    )
