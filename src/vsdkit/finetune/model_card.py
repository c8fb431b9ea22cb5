"""The model card of a run: README.md with the hub's metadata, which ``hf upload`` takes along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vsdkit.conversation import Conversation, Template, fill
from vsdkit.finetune.summary import summarise
from vsdkit.model.run_folder import LOSS_CURVE, METRICS, TRAINING_IMAGES

if TYPE_CHECKING:
    from vsdkit.finetune.summary import FinishedRun

__all__ = ["model_card"]

_EXAMPLE = {"T1": "cup", "T2": "table"}
_EXAMPLE_TASK = 2

_WHAT = (
    "A LoRA adapter for visual spatial description: where in an image one object is, seen from "
    "another. It names the relation (task 1), describes it in a sentence (task 2) or in three "
    "sentences (task 3)."
)
_LIMITS = (
    "It answers such questions about two objects that are named, in the language of its rows. It "
    "may state a wrong relation in fluent words, and says nothing of how sure it is. How good it "
    "is was not measured in training: `vsdkit score` does that, on images that were not trained "
    "on. No license is stated here, since it is not known: those of the base and of the data apply."
)
_SINGLE_TILE = (
    "It was trained on one padded tile an image. The base's own processor cuts more tiles than "
    "that; `vsdkit infer` prepares images as in training."
)


def model_card(run: FinishedRun, metrics: Mapping[str, Any]) -> str:
    """Return the text of a run folder's README.md.

    Nothing in it tells of this machine. A license is not claimed: it is the base's and the data's.

    Args:
        run: What to tell of.
        metrics: The last row of metrics.jsonl.
    """
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        base_model=run.base if run.is_of_hub else None,
        base_model_relation="adapter" if run.is_of_hub else None,
        datasets=None if run.data_set is None else [run.data_set],
        library_name="peft",
        pipeline_tag="image-text-to-text",
        tags=["lora", "visual-spatial-description", "vsdkit"],
    )
    sections = [
        f"# {run.name}",
        _WHAT,
        "## How to use it",
        "With vsdkit, which prepares images and questions as in training:",
        f"```\nvsdkit infer items.jsonl --images IMAGES --adapter {run.name}\n```",
        "With PEFT:",
        f"```python\n{_code(run)}```",
        *([_SINGLE_TILE] if run.job.settings["image_mode"] == "single" else []),
        "## Training",
        summarise(run),
        _numbers(run, metrics),
        f"All steps are in `{METRICS}`, `{LOSS_CURVE}` plots their loss.",
        "## Data",
        f"{run.job.plan['rows']:,} rows of {run.instructions} (content `{run.rows_digest}`) about "
        f"{run.job.plan['pictures']:,} images, whose names are in `{TRAINING_IMAGES}`. The wording "
        "of questions and answers is in `template.yaml`, what stands around them in "
        "`conversation.yaml`.",
        "## Limits",
        _LIMITS,
    ]
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"


def _code(run: FinishedRun) -> str:
    """Return Python that loads the adapter, and asks it where the base's processor suffices."""
    name = run.base if run.is_of_hub else "FOLDER_OF_THE_BASE"
    revision = f', revision="{run.commit}"' if run.is_of_hub else ""
    base = f'"{name}"{revision}'
    load = (
        f"model = AutoModelForImageTextToText.from_pretrained(\n"
        f'    {base}, dtype="auto", device_map="auto"\n)\n'
        f'model = PeftModel.from_pretrained(model, "{run.name}")\n'
    )
    if run.job.settings["image_mode"] == "single":
        return (
            "from peft import PeftModel\n"
            "from transformers import AutoModelForImageTextToText\n\n" + load
        )
    conversation = Conversation.parse(run.job.conversation, where="conversation")
    template = Template.parse(run.job.template, where="template")
    question = fill(template.questions[_EXAMPLE_TASK][0], _EXAMPLE)
    return (
        "from peft import PeftModel\n"
        "from PIL import Image\n"
        "from transformers import AutoModelForImageTextToText, AutoProcessor\n\n"
        f"{load}"
        f"processor = AutoProcessor.from_pretrained({base})\n"
        f"prompt = {conversation.render(question).text!r}\n"
        'image = Image.open("scene.jpg").convert("RGB")\n'
        'inputs = processor(images=image, text=prompt, return_tensors="pt")\n'
        "inputs = inputs.to(model.device, model.dtype)\n"
        "answer = model.generate(**inputs, max_new_tokens=64, do_sample=False)\n"
        'said = answer[0, inputs["input_ids"].shape[1] :]\n'
        "print(processor.tokenizer.decode(said, skip_special_tokens=True))\n"
    )


def _numbers(run: FinishedRun, last: Mapping[str, Any]) -> str:
    """Return a table of what came out, without what is not known."""
    numbers: dict[str, Any] = {
        "steps": run.job.plan["steps"],
        "loss of the first step": run.first_loss,
        "loss of the last step": run.last_loss,
        "seconds": run.seconds,
        "memory, GiB a process": last.get("memory_gib"),
    }
    rows = [
        f"| {name} | {round(value, 4):,} |" for name, value in numbers.items() if value is not None
    ]
    return "\n".join(("| | |", "|---|---|", *rows))
