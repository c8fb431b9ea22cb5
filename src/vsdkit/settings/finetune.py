"""Settings of ``vsdkit finetune``: data, base, machine, batches, LoRA, schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from vsdkit.settings.deepspeed_args import DeepspeedArgs
from vsdkit.settings.defaults import (
    BASE,
    CONVERSATION,
    IMAGE_MODE,
    IMAGES,
    INSTRUCTIONS,
    RUNS,
    Batching,
    ImageMode,
    LoadIn,
    PrecisionChoice,
)
from vsdkit.settings.fields import Folder, Images, OutputFile, Plots, Reporters, Seed
from vsdkit.settings.resolve import ARGUMENT, REST, SAME_RESULT, Flag, Settings

__all__ = ["FinetuneSettings"]


class FinetuneSettings(Settings):
    """What is trained on what, and how.

    The defaults learn as the paper does, where it is silent as LLaVA's finetune_task_lora.sh does:
    global batch 128, rank 128, cosine, no clipping. They see more: high resolution, which costs
    less than the paper's one tile since the rows of an image share its tokens.
    """

    profile: ClassVar[str | None] = "anyres"

    instructions: Annotated[Path, ARGUMENT] = INSTRUCTIONS
    """Instruction rows, as ``vsdkit build-instructions`` writes them."""

    images: Annotated[Images, SAME_RESULT] = (IMAGES,)
    """Folder of pictures, searched below too; several times for several folders."""

    skip_broken: Annotated[bool, SAME_RESULT] = False
    """Leave the rows of pictures out that do not open, instead of stopping."""

    rejects: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where every picture is listed that is missing or does not open, with the reason."""

    evaluation: Annotated[Path | None, SAME_RESULT, Flag(("--eval",), metavar="FILE")] = None
    """Gold rows to answer when training is done, and to score but for SPICE."""

    base: str = Field(default=BASE, min_length=1)
    """Base model: a hub id, a folder, or ``tiny``."""

    name: Annotated[str | None, SAME_RESULT] = Field(default=None, pattern=r"^[^/\\.][^/\\]*$")
    """Name of the run's folder; else made of base, image mode and settings."""

    runs: Annotated[Folder, SAME_RESULT] = RUNS
    """Folder that holds the runs."""

    gpus: int | None = Field(default=None, ge=1, le=1024)
    """Processes a machine, one a GPU; else every visible GPU. Without a GPU they run on
    the CPU, one by default."""

    hostfile: Annotated[Path | None, SAME_RESULT, Flag(metavar="FILE")] = None
    """DeepSpeed's list of machines; without it this one trains alone."""

    node_rank: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=0, le=1023)
    """Place of this machine in the host file, from 0: each machine is started by itself, without
    ssh."""

    master_addr: Annotated[str | None, SAME_RESULT] = Field(
        default=None, pattern=r"^[A-Za-z0-9][\w.:-]*$"
    )
    """Machine where the processes meet; else the first of the host file."""

    master_port: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=1, le=65535)
    """Port where they meet; else a free one, or 29500 where ssh starts them."""

    deepspeed_args: Annotated[DeepspeedArgs, SAME_RESULT, REST] = ()
    """Words for DeepSpeed's launcher, passed on as they are; on the command line what follows
    ``--``."""

    max_rows: int | None = Field(default=None, ge=1)
    """Use only the first so many rows, in the order of the instructions: for a quick trial."""

    resume_from: Annotated[Path | None, Flag(metavar="FOLDER")] = None
    """Begin a new run from the adapter in this run or checkpoint folder: its weights alone, the
    steps are counted from 0. A stopped run needs no such thing: it goes on by itself."""

    image_mode: ImageMode = IMAGE_MODE
    """One padded tile, as LLaVA's own script trains, or the high resolution of LLaVA-1.6."""

    batching: Batching = "pictures"
    """Let the rows of a picture go through the model together, the picture once, or each row with
    a picture of its own. Without dropout both learn the same of the same rows."""

    picture_weight: Literal["sum", "sqrt", "mean"] = "sum"
    """What a picture with n rows weighs in the loss: all rows alike, or each row one over the root
    of n, or one over n."""

    template: str | None = None
    """Template the rows were made with; else the one noted in their run.json."""

    conversation: str = Field(default=CONVERSATION, min_length=1)
    """Conversation format: a shipped name or a YAML file."""

    global_batch_size: int = Field(default=128, ge=1)
    """Rows a step, over all processes and accumulation."""

    per_device_batch_size: int | None = Field(default=None, ge=1)
    """Rows a process takes at once, in the mean if pictures are shared; else the largest number up
    to 16 that divides, or up to 4 of high resolution alone."""

    epochs: int = Field(default=1, ge=1, le=1000)
    """Passes over the rows."""

    max_steps: int | None = Field(default=None, ge=1)
    """Stop after so many steps; the rows are passed over again as often as that takes."""

    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Highest learning rate of the LoRA weights."""

    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """How the learning rate falls after the warm-up."""

    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps with a rising learning rate, rounded up."""

    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """AdamW's weight decay."""

    gradient_clipping: float = Field(default=0.0, ge=0)
    """Largest norm of the gradient; 0 does not clip, as LLaVA's ``zero3.json`` does not."""

    lora_rank: int = Field(default=128, ge=1, le=1024)
    """Rank of the LoRA weights."""

    lora_alpha: int = Field(default=256, ge=1)
    """Their scale is alpha over rank."""

    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout in front of the LoRA weights."""

    train_projector: bool = False
    """Also train the projector between picture and language model, whole."""

    projector_learning_rate: float = Field(default=2e-5, gt=0, le=1)
    """Highest learning rate of the projector."""

    precision: PrecisionChoice = "auto"
    """Number format; auto takes what the GPU has."""

    load_in: LoadIn | None = None
    """Keep the language model in so many bits, with bitsandbytes; LoRA trains on top."""

    zero_stage: Literal[0, 1, 2, 3] | None = None
    """DeepSpeed's ZeRO stage; else 3 for several GPUs, and 2 for one, none or with load_in."""

    gradient_checkpointing: Annotated[bool | None, SAME_RESULT] = None
    """Compute activations a second time instead of keeping them; else done on GPUs."""

    save_steps: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=1)
    """Steps between checkpoints; else about ten a run."""

    loader_workers: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=0, le=128)
    """Processes that open pictures for each training process; else 4 on GPUs, 0 on CPU."""

    report_to: Annotated[Reporters, SAME_RESULT] = ()
    """Programs that show each step's numbers, as tensorboard,wandb; else none hears of a run."""

    plots: Plots = None
    """Where loss and learning rate go as a plot, SVG and PNG, when the run is complete."""

    seed: Seed = 0
    """Seed of the LoRA weights, the order of the rows and the dropout."""

    dry_run: Annotated[bool, SAME_RESULT] = False
    """Check everything and print what the run will be and take: steps, tokens, memory, disk, hours,
    the command; train nothing. Images and weights need not be there."""

    gpu: Annotated[str | None, SAME_RESULT, Flag(metavar="NAME")] = None
    """With --dry-run: plan for --gpus of these instead of this machine's: v100-32gb, a100-80gb,
    h100, h200, rtx-4090 and others."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Begin anew although a run of that name is there."""

    @model_validator(mode="after")
    def _gpu_is_for_planning(self) -> Self:
        if self.gpu is not None and not self.dry_run:
            raise ValueError(
                "--gpu names a GPU to plan for, and needs --dry-run; a run takes the GPUs that are "
                "here"
            )
        return self
