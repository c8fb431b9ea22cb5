"""``vsdkit score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["score"]

_option = options.option


_Preds = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Predictions, then gold; with --gold all are predictions, a file or folder for "
        "each system.",
        metavar="[PREDS] [GOLD]",
        show_default="preds.jsonl",
    ),
]
_Gold = Annotated[
    list[Path] | None,
    _option(
        "--gold",
        help="Gold rows, or VSDv1 and VSDv2 by giving it twice.",
        metavar="FILE",
        default="gold.jsonl",
    ),
]
_Reading = Annotated[
    str | None,
    _option(
        "--reading",
        help="paper (best reference) or coco (corpus, merged): what makes the totals.",
        default="paper",
    ),
]
_CocoMetrics = Annotated[
    bool | None,
    _option("--coco-metrics", help="BLEU-1..4, METEOR, ROUGE-L and CIDEr of task 2 as well."),
]
_Bootstrap = Annotated[
    int | None,
    _option(
        "--bootstrap",
        help="Resamples of images for intervals, 100 to 100,000; 0: none.",
        default=1000,
    ),
]
_Baselines = Annotated[
    bool | None,
    _option("--baselines", help="Score what gold's own tags and labels say, too."),
]
_Diagnosis = Annotated[
    bool | None,
    _option("--diagnosis", help="Tables by relation, by what sentences state, by pair."),
]
_Worst = Annotated[
    int | None,
    _option("--worst", help="Show so many of the worst rows of each task.", default=0),
]
_Items = Annotated[
    Path | None,
    _option("--items", help="Write every row's own numbers here.", metavar="FILE"),
]
_Kind = Annotated[
    str | None,
    _option(
        "--kind",
        help="preds, submission, llava, llama-factory or lines; else told from the content.",
    ),
]
_Task = Annotated[
    int | None,
    _option(
        "--task",
        help="Task of answers that do not tell it, or of the exported questions: 1, 2 or 3.",
    ),
]
_Submission = Annotated[
    Path | None,
    _option("--submission", help="Write the challenge's two files here.", metavar="FOLDER"),
]
_ExportQuestions = Annotated[
    Path | None,
    _option("--export-questions", help="Write gold's questions and stop.", metavar="FILE"),
]
_QuestionsFor = Annotated[
    str | None,
    _option("--questions-for", help="llava or llama-factory.", default="llava"),
]
_AllowMissing = Annotated[
    bool | None,
    _option("--allow-missing", help="Count missing predictions as wrong."),
]


def score(
    *,
    preds: _Preds = None,
    gold: _Gold = None,
    reading: _Reading = None,
    coco_metrics: _CocoMetrics = None,
    bootstrap: _Bootstrap = None,
    seed: options.SeedOption = None,
    baselines: _Baselines = None,
    diagnosis: _Diagnosis = None,
    worst: _Worst = None,
    items: _Items = None,
    kind: _Kind = None,
    task: _Task = None,
    submission: _Submission = None,
    export_questions: _ExportQuestions = None,
    questions_for: _QuestionsFor = None,
    allow_missing: _AllowMissing = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Score predictions as the challenge words it: F1, BLEU-4, SPICE, mBLEU-4, overall.

    Several systems stand side by side, with their differences: vsdkit score a.jsonl b.jsonl
    --gold gold.jsonl

    The first run fetches 17 MB for SPICE. Without it every other number is printed, SPICE and
    the totals are n/a, and the exit code is 3.
    """
    typed = dict(locals())
    from vsdkit.score import export_questions as export
    from vsdkit.score import score
    from vsdkit.score.inputs import tell_apart
    from vsdkit.settings.resolve import resolve
    from vsdkit.settings.score import ScoreSettings

    given = {name: value for name, value in typed.items() if name in ScoreSettings.model_fields}
    given |= tell_apart(preds, gold, questions_only=export_questions is not None)
    settings, origins = resolve(ScoreSettings, flags=given, config=config)
    listener = options.output(as_json=as_json, quiet=quiet)
    if settings.export_questions is not None:
        listener.show(export(settings, listener=listener))
        return
    listener.show(score(settings, listener=listener, origins=origins))
