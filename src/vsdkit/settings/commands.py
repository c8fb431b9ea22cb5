"""The commands: name, package, verb, settings and help of each; they load nothing themselves."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from vsdkit.settings.resolve import Settings
    from vsdkit.settings.verb import Verb

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """One command, which is one verb of the library."""

    package: str
    """Package whose verb it is."""
    verb: str
    """Name of the function."""
    settings: str
    """Class of the settings, in the module of ``vsdkit.settings`` that has the verb's name."""
    example: str
    """Arguments of an example."""
    help: str
    """What it does, as ``--help`` has it: a line, then paragraphs."""

    @property
    def name(self) -> str:
        """The verb as it is typed."""
        return self.verb.replace("_", "-")

    def load_settings(self) -> type[Settings]:
        """Import and return the class of the settings."""
        module = importlib.import_module(f"vsdkit.settings.{self.verb}")
        return cast("type[Settings]", getattr(module, self.settings))

    def load_verb(self) -> Verb[Any, Any]:
        """Import and return the function that does the work."""
        return cast("Verb[Any, Any]", getattr(importlib.import_module(self.package), self.verb))


# In the order of the pipeline.
_COMMANDS = (
    Command(
        "vsdkit.instructions",
        "build_instructions",
        "BuildInstructionsSettings",
        example="vsdv1.json vsdv2.json",
        help="Make instruction rows and gold rows of VSDv1 and VSDv2.",
    ),
    Command(
        "vsdkit.finetune",
        "finetune",
        "FinetuneSettings",
        example="--images VG_100K --images VG_100K_2 --gpus 8",
        help="Fine-tune LLaVA-1.6 with LoRA, launched by deepspeed; run again, it goes on.\n\n"
        "What follows -- goes to deepspeed's launcher as it is: vsdkit finetune --hostfile "
        "hosts -- --launcher slurm",
    ),
    Command(
        "vsdkit.merge",
        "merge",
        "MergeSettings",
        example="runs/mine",
        help="Write a run's base with its adapter added: a plain model in safetensors, and how to "
        "serve it.",
    ),
    Command(
        "vsdkit.verify",
        "verify",
        "VerifySettings",
        example="runs/mine --against runs/mine/merged",
        help="Compare the answers of an adapter on its base, merged, and at a server.\n\nThe exit "
        "code is 1 when they are not the same.",
    ),
    Command(
        "vsdkit.boxes",
        "fit_boxes",
        "FitBoxesSettings",
        example="gold_train.jsonl",
        help="Fit a small model of boxes and tags, which answers without images and without a GPU."
        "\n\nvsdkit infer --engine boxes uses it.",
    ),
    Command(
        "vsdkit.infer",
        "infer",
        "InferSettings",
        example="gold.jsonl --images VG_100K",
        help="Let the model answer: a label, a sentence, or three sentences for each pair of "
        "objects.\n\nRun again, it goes on where it stopped.",
    ),
    Command(
        "vsdkit.diversify",
        "diversify",
        "DiversifySettings",
        example="preds.jsonl --engine rules",
        help="Rewrite one of each three sentences so that they differ.\n\nA rewrite that "
        "loses an object or the relation, or keeps two words in a row, is not taken.",
    ),
    Command(
        "vsdkit.score",
        "score",
        "ScoreSettings",
        example="preds.jsonl gold.jsonl",
        help="Score predictions as the challenge words it: F1, BLEU-4, SPICE, mBLEU-4, overall."
        "\n\nSeveral systems stand side by side, with their differences: vsdkit score a.jsonl "
        "b.jsonl --gold gold.jsonl\n\nPlain captions in COCO's files: vsdkit score --coco "
        "captions.json results.json\n\nThe first run fetches 17 MB for SPICE. Without it every "
        "other number is printed, SPICE and the totals are n/a, and the exit code is 3.",
    ),
    Command(
        "vsdkit.ablate",
        "ablate",
        "AblateSettings",
        example="--preds preds.jsonl --engine rules",
        help="Compare settings: with and without rewriting (the paper's Table 4), or a grid.\n\n"
        "A grid of your own is a file for --config: settings of the stages, and those that vary.",
    ),
    Command(
        "vsdkit.report",
        "report",
        "ReportSettings",
        example="preds.jsonl --gold gold.jsonl --images VG_100K",
        help="Write a page to look at: predictions beside their pictures, instruction rows, or "
        "runs.\n\nIt opens by double-click, without a server. Several systems stand side by side; "
        "of runs under way the same command shows the new points.\n\nPredictions are scored as "
        "vsdkit score scores them; where gold says nothing of the answers they are shown without "
        "scores. Without SPICE the page has no tuples, and the exit code is 3.",
    ),
    Command(
        "vsdkit.demo",
        "demo",
        "DemoSettings",
        example="--folder my-demo",
        help="Run the whole pipeline on synthetic scenes in minutes: no GPU, no download of "
        "weights.",
    ),
    Command(
        "vsdkit.doctor",
        "doctor",
        "DoctorSettings",
        example="--install-spice",
        help="Look at Python, packages, GPU, Java and SPICE; say for each fault the command that "
        "fixes it.\n\nThe exit code is 1 when a check failed.",
    ),
)

COMMANDS = {command.name: command for command in _COMMANDS}
"""Every command by its name, in the order of the pipeline."""
