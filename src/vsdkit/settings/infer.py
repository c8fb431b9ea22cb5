"""Settings of ``vsdkit infer``: items, pictures, the model that answers, output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vsdkit.settings.defaults import (
    GOLD,
    GRAPH_SUFFIXES,
    IMAGES,
    PREDS,
    ImageMode,
    LoadIn,
    PrecisionChoice,
)
from vsdkit.settings.fields import BoxEdges, Folder, Images, OutputFile, Pairs, Tasks
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["STANDARD_STREAM", "InferSettings"]

STANDARD_STREAM = "-"
"""Stands for stdin in the place of a file to read, for stdout in that of a file to write."""


class InferSettings(Settings):
    """What is asked of which model, and where the answers go."""

    items: Annotated[Path, ARGUMENT] = GOLD
    """gold.jsonl, pairs of one's own as JSON Lines or CSV, or detections (COCO, YOLO, Pascal VOC,
    lists of boxes: docs/detections.md); - reads a stream of lines from stdin."""

    images: Annotated[Images, SAME_RESULT] = (IMAGES,)
    """Folder of pictures, searched below too; several times for several folders."""

    skip_broken: Annotated[bool, SAME_RESULT] = False
    """Go on without the pictures that do not open: their rows get an error, and no answer."""

    rejects: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where every picture is listed that is missing or does not open, with the reason."""

    engine: Literal["transformers", "openai", "boxes", "boxes+vlm"] = "transformers"
    """Who answers: a model on this machine, a server that speaks OpenAI's protocol, a small model
    of boxes and tags that opens no picture and needs no GPU, or that and the model on this machine
    together."""

    fit: Annotated[Path | None, Flag(metavar="FILE")] = None
    """For the engines with boxes: gold.jsonl of the pairs to fit the model on, first of all."""

    boxes_model: Annotated[Path | None, Flag(metavar="FILE")] = None
    """For the engines with boxes: a model of ``vsdkit fit-boxes``."""

    weight_on: Annotated[Path | None, Flag(metavar="FILE")] = None
    """For the engine boxes+vlm: gold.jsonl of pairs that neither model has seen; the weight of
    boxes is the one under which their labels are likeliest."""

    boxes_weight: float | None = Field(default=None, ge=0, le=1)
    """For the engine boxes+vlm: the weight of boxes itself, from 0 (none) to 1 (boxes alone)."""

    base_url: str | None = None
    """Address of the server, else OPENAI_BASE_URL; the key comes from OPENAI_API_KEY."""

    model: str | None = None
    """What the server calls the model; a folder of ``vsdkit merge`` that is here as well brings
    its template."""

    concurrency: Annotated[int, SAME_RESULT] = Field(default=8, ge=1, le=256)
    """Questions to the server under way at once."""

    no_store: Annotated[bool, SAME_RESULT] = False
    """Ask the server again what it has answered before, and keep no answer for later runs."""

    adapter: Folder | None = None
    """Run folder of ``vsdkit finetune``; else the newest complete one in runs/."""

    base: str | None = None
    """Base model: without an adapter it answers itself; with one it stands in for the base that
    the adapter's run.json names, where that has moved."""

    template: str | None = None
    """Template of the questions; an adapter brings its own, without one it is that of
    build-instructions."""

    conversation: str | None = None
    """Conversation format; an adapter brings its own, without one it is that of finetune."""

    image_mode: ImageMode | None = None
    """How pictures are cut; an adapter brings its own, without one it is that of finetune."""

    output: Annotated[OutputFile, SAME_RESULT, Flag(("-o",))] = PREDS
    """The answers, one row per (id, task); - writes a line to stdout for each line of a stream."""

    tasks: Tasks = (1, 2, 3)
    """Tasks to ask, as 1,3."""

    label: Literal["generate", "likelihood"] = "generate"
    """How task 1 is answered: in the model's own words, or by the likeliest of the nine labels,
    with the probability of each; boxes+vlm always does the latter."""

    batch_size: Annotated[int, SAME_RESULT] = Field(default=16, ge=1, le=1024)
    """Pictures answered at once, with all their questions; fewer where the memory does not hold
    as many."""

    precision: PrecisionChoice = "auto"
    """Number format; auto takes what the GPU has."""

    load_in: LoadIn | None = None
    """Keep the language model in 4 or 8 bits, for GPUs that do not hold it; the adapter then stays
    beside it."""

    device_map: Annotated[Literal["auto"] | None, SAME_RESULT] = None
    """auto: spread one model over all GPUs and the machine's memory, for GPUs that do not hold
    it."""

    gpus: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=1, le=1024)
    """Processes a machine, one a GPU, each with a share of the pictures; else every visible GPU.
    Without a GPU they run on the CPU, one by default."""

    hostfile: Annotated[Path | None, SAME_RESULT, Flag(metavar="FILE")] = None
    """DeepSpeed's list of machines; without it this one answers alone."""

    fail_on_error: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=0)
    """Stop when more rows than this have failed; else all are tried, and the exit code is 1 if one
    has."""

    limit: int | None = Field(default=None, ge=1)
    """Ask only of the first so many items."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Begin anew although answers made otherwise are there."""

    # Detections in, relations out.
    pairs: Pairs | None = None
    """Of detections, the pairs to ask about: all, in both orders; those near each other; or so
    many of each picture, the nearest. All if it is left out."""

    box_units: Literal["pixels", "fractions", "thousandths"] | None = None
    """Unit of the boxes in JSON lists: pixels if it is left out; newer Qwen models write
    thousandths of width and height."""

    graph: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where the objects of each picture and their relations are written as a graph: .dot or .gv for
    graphviz, .json for networkx."""

    least: Annotated[float | None, SAME_RESULT] = Field(default=None, ge=0, le=1)
    """Leave relations out of the graph that are less probable than this."""

    # One picture in place of a file of items. No file of predictions comes of it, so none of these
    # belongs to the identity of one.
    image: Annotated[Path | None, SAME_RESULT, Flag(metavar="FILE")] = None
    """One picture to describe, in place of items: with --subject and --object, or --chat."""

    subject: Annotated[str | None, SAME_RESULT] = None
    """What is to be described, in words."""

    object: Annotated[str | None, SAME_RESULT] = None
    """What the subject is seen from, in words."""

    subject_box: Annotated[BoxEdges | None, SAME_RESULT] = None
    """Where the subject is, for --save; the model sees the plain picture."""

    object_box: Annotated[BoxEdges | None, SAME_RESULT] = None
    """Where the object is, for --save."""

    save: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where the picture is saved with both boxes and the relation on it."""

    chat: Annotated[bool, SAME_RESULT] = False
    """Talk about the picture: questions at the terminal or from a pipe, one a line."""

    @property
    def is_stream(self) -> bool:
        """Whether items come line by line from stdin, and answers go to stdout."""
        return STANDARD_STREAM in (str(self.items), str(self.output))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse settings of one picture that do not go together."""
        of_one = {"subject", "object", "subject_box", "object_box", "save", "chat"}
        given = [name for name in type(self).model_fields if name in of_one and getattr(self, name)]
        if self.image is None:
            if given:
                raise ValueError(f"{_flag(given[0])} is about one picture: name it, --image FILE")
            if self.is_stream and not str(self.items) == str(self.output) == STANDARD_STREAM:
                raise ValueError(
                    "a stream reads lines from stdin and writes lines to stdout: "
                    "vsdkit infer - --output - < items.jsonl > answers.jsonl"
                )
            return self
        pair = {"subject": self.subject, "object": self.object}
        missing = [name for name, text in pair.items() if not text]
        if missing and (given != ["chat"]):
            raise ValueError(
                f"{_flag(missing[0])} is needed: which two things of the picture, as --subject dog "
                "--object sofa"
            )
        if self.save is not None and not (self.subject_box and self.object_box):
            raise ValueError(
                "--save draws both boxes: name them, --subject-box Y1,Y2,X1,X2 and "
                "--object-box Y1,Y2,X1,X2"
            )
        return self

    @model_validator(mode="after")
    def _of_the_graph(self) -> Self:
        if self.graph is None:
            if self.least is not None:
                raise ValueError("--least is about the graph: name it, --graph FILE.dot")
            return self
        if self.graph.suffix.lower() not in GRAPH_SUFFIXES:
            raise ValueError(f"--graph {self.graph} must end in {', '.join(GRAPH_SUFFIXES)}")
        if 1 not in self.tasks:
            raise ValueError("--graph draws the relations, which task 1 asks for: --tasks 1")
        asks_a_model = self.engine in ("transformers", "openai")
        if self.least is not None and asks_a_model and self.label != "likelihood":
            raise ValueError("--least needs probabilities: add --label likelihood")
        return self

    @model_validator(mode="before")
    @classmethod
    def _label_of_a_mixture(cls, given: Any) -> Any:
        """Weigh the nine labels where their probabilities are mixed."""
        if isinstance(given, Mapping) and given.get("engine") == "boxes+vlm":
            return {"label": "likelihood", **given}
        return given

    @model_validator(mode="after")
    def _mixture(self) -> Self:
        of_both = {"--weight-on": self.weight_on, "--boxes-weight": self.boxes_weight}
        if self.engine != "boxes+vlm":
            _refuse(of_both, "weighs two models: add --engine boxes+vlm")
            return self
        if (self.weight_on is None) == (self.boxes_weight is None):
            raise ValueError(
                "--engine boxes+vlm needs the weight of boxes: --weight-on gold_val.jsonl of pairs "
                "that neither model has seen, or --boxes-weight 0.5, one of the two"
            )
        if self.label != "likelihood":
            raise ValueError(
                "--engine boxes+vlm mixes the probabilities of labels: --label likelihood, or "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _boxes(self) -> Self:
        of_boxes = {"--fit": self.fit, "--boxes-model": self.boxes_model}
        if self.engine not in ("boxes", "boxes+vlm"):
            _refuse(of_boxes, "is of the engine that sees boxes alone: add --engine boxes")
            return self
        if (self.fit is None) == (self.boxes_model is None):
            raise ValueError(
                f"--engine {self.engine} needs a fitted model: --fit gold_train.jsonl, or "
                "--boxes-model FILE of vsdkit fit-boxes, one of the two"
            )
        if self.engine == "boxes+vlm":
            return self
        _refuse(
            {
                "--adapter": self.adapter,
                "--template": self.template,
                "--rejects": self.rejects,
                "--skip-broken": self.skip_broken or None,
                **self._of_a_local_model(),
            },
            "has no meaning where no picture is opened: leave it out with --engine boxes",
        )
        return self

    def _of_a_local_model(self) -> dict[str, Any]:
        return {
            "--base": self.base,
            "--conversation": self.conversation,
            "--image-mode": self.image_mode,
            "--load-in": self.load_in,
            "--device-map": self.device_map,
            "--gpus": self.gpus,
            "--hostfile": self.hostfile,
            "--precision": None if self.precision == "auto" else self.precision,
        }

    @model_validator(mode="after")
    def _server(self) -> Self:
        of_server = {
            "--base-url": self.base_url,
            "--model": self.model,
            "--no-store": self.no_store or None,
        }
        if self.engine != "openai":
            _refuse(of_server, "asks a server: add --engine openai")
            return self
        if self.model is None:
            raise ValueError("--engine openai needs the model's name at the server: --model NAME")
        if self.label == "likelihood":
            raise ValueError(
                "--label likelihood weighs the nine labels with their stop token, and a server "
                "tells only the likeliest words: leave it out, or answer on this machine"
            )
        _refuse(
            self._of_a_local_model(),
            "is the server's to decide: leave it out with --engine openai",
        )
        return self


def _flag(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"


def _refuse(given: Mapping[str, object], why: str) -> None:
    for option, value in given.items():
        if value is not None:
            raise ValueError(f"{option} {why}")
