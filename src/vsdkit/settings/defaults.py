"""Defaults and choices that several commands or packages share; they load nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

__all__ = [
    "BASE",
    "BOXES_MODEL",
    "CONVERSATION",
    "GOLD",
    "GRAPH_SUFFIXES",
    "IMAGES",
    "IMAGE_MODE",
    "INSTRUCTIONS",
    "PREDS",
    "RUNS",
    "TEMPLATE",
    "Batching",
    "Engine",
    "ImageMode",
    "LoadIn",
    "PrecisionChoice",
]

ImageMode = Literal["single", "anyres"]
"""One padded tile, or the high resolution of LLaVA-1.6."""
Batching = Literal["pictures", "rows"]
"""Whether the rows about an image go through the model together, the image once, or each alone."""
PrecisionChoice = Literal["auto", "fp16", "bf16", "fp32"]
"""Number format of the model."""
LoadIn = Literal["4bit", "8bit"]
"""Bits that a weight of the language model takes in memory, where the format's own are too many."""
Engine = Literal["transformers", "openai", "rules"]
"""What rewrites: a model on this machine, a server that speaks OpenAI's protocol, or rules."""

BASE: Final = "llava-hf/llava-v1.6-vicuna-13b-hf"
"""LLaVA-1.6-Vicuna-13B in the Hugging Face form."""
CONVERSATION: Final = "vicuna_v1"
"""Conversation format of that base."""
TEMPLATE: Final = "paper"
"""Template of questions and answers."""
IMAGE_MODE: Final[ImageMode] = "anyres"
"""The high resolution that LLaVA-1.6 was trained with."""

# What one command writes by default is what the next one reads by default.
INSTRUCTIONS: Final = Path("instructions.jsonl")
GOLD: Final = Path("gold.jsonl")
PREDS: Final = Path("preds.jsonl")
RUNS: Final = Path("runs")
"""Holds the run folders of ``vsdkit finetune``."""
BOXES_MODEL: Final = Path("boxes.skops")
"""The model of boxes and tags."""
IMAGES: Final = Path("images")
"""Folder of pictures."""

GRAPH_SUFFIXES: Final = (".dot", ".gv", ".json")
"""Of a file of scene graphs: the first two are graphviz's, the last holds node-link data."""
