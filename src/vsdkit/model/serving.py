"""The line that serves a run with vLLM, or the reason why it cannot be served."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vsdkit.model.bases import resolve_base
from vsdkit.model.chat_template import CHAT_TEMPLATE

if TYPE_CHECKING:
    from vsdkit.model.families import Family

__all__ = ["Serving", "serve_adapter", "serve_merged", "why_not_served"]

# What --max-lora-rank takes: vllm/config/lora.py, MaxLoRARanks.
_LORA_RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)


class Serving(NamedTuple):
    """Whether and how one form of a run is served."""

    what: str
    """``merged model`` or ``adapter``."""
    command: str = ""
    """What to type; empty if it cannot be served."""
    reason: str = ""
    """Why it cannot be served, and what to do instead."""

    @property
    def line(self) -> str:
        """One line for a person."""
        told = self.command or f"not possible: {self.reason}"
        return f"serve the {self.what}: {told}"


def why_not_served(family: Family, image_mode: str) -> str:
    """Return why no server answers as a model of an image mode does; empty if they do."""
    if image_mode in family.served_modes:
        return ""
    return (
        f"image mode {image_mode} has no counterpart there: servers cut images by the base's own "
        f"grid; answer with vsdkit infer, or train with --image-mode {family.served_modes[0]}"
    )


def serve_merged(folder: Path, *, family: Family, image_mode: str) -> Serving:
    """Return how the folder that ``vsdkit merge`` wrote is served."""
    reason = why_not_served(family, image_mode)
    if reason:
        return Serving("merged model", reason=reason)
    return Serving("merged model", shlex.join(["vllm", "serve", str(folder)]))


def serve_adapter(
    folder: Path,
    *,
    base: str,
    family: Family,
    image_mode: str,
    rank: int,
    projector_trained: bool,
    chat_template: Path | None = None,
) -> Serving:
    """Return how an adapter is served beside its base, which stays as it is.

    Args:
        folder: The run's; its name becomes the name of the model at the server.
        base: What the adapter was trained on.
        family: The base's.
        image_mode: What it was trained with.
        rank: The largest rank of its LoRA pairs.
        projector_trained: Whether it holds a projector of its own.
        chat_template: The file with the run's chat template; without one the line says where
            ``vsdkit merge`` writes it.
    """
    reason = why_not_served(family, image_mode)
    if reason:
        return Serving("adapter", reason=reason)
    if projector_trained:
        return Serving(
            "adapter",
            reason="it holds a trained projector, and servers take LoRA weights only; serve the "
            f"merged model: vsdkit merge {shlex.quote(str(folder))}",
        )
    allowed = next((one for one in _LORA_RANKS if one >= rank), None)
    if allowed is None:
        return Serving(
            "adapter",
            reason=f"its rank {rank} is above the largest of vLLM, {_LORA_RANKS[-1]}; serve the "
            f"merged model: vsdkit merge {shlex.quote(str(folder))}",
        )
    template = chat_template or folder / "merged" / CHAT_TEMPLATE
    name = folder.resolve().name
    words = ["vllm", "serve", resolve_base(base), "--enable-lora", "--max-lora-rank", str(allowed)]
    words += ["--lora-modules", f"{name}={folder}"]
    # The base's own template asks otherwise than the run did, and its generation config may hold
    # a repetition penalty.
    words += ["--chat-template", str(template), "--generation-config", "vllm"]
    return Serving("adapter", shlex.join(words))
