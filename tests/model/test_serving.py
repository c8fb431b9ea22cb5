"""A line that serves, or the reason why there is none."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from vsdkit.model.families import FAMILIES
from vsdkit.model.serving import Serving, serve_adapter, serve_merged

RUN = Path("runs/my run")
FAMILY = FAMILIES["llava_next"]


def adapter(**facts: Any) -> Serving:
    given: dict[str, Any] = {
        "base": "owner/base",
        "image_mode": "anyres",
        "rank": 128,
        "projector_trained": False,
    }
    return serve_adapter(RUN, family=FAMILY, **(given | facts))


def test_the_merged_folder() -> None:
    found = serve_merged(RUN / "merged", family=FAMILY, image_mode="anyres")
    assert found.command == "vllm serve 'runs/my run/merged'"
    assert found.line == f"serve the merged model: {found.command}"


def test_the_adapter_beside_its_base() -> None:
    assert shlex.split(adapter().command) == [
        "vllm",
        "serve",
        "owner/base",
        "--enable-lora",
        "--max-lora-rank",
        "128",
        "--lora-modules",
        "my run=runs/my run",
        "--chat-template",
        "runs/my run/merged/chat_template.jinja",
        "--generation-config",
        "vllm",
    ]


@pytest.mark.parametrize(("rank", "allowed"), [(1, 8), (8, 8), (9, 16), (200, 256), (512, 512)])
def test_the_rank_is_one_that_vllm_takes(rank: int, allowed: int) -> None:
    assert f"--max-lora-rank {allowed} " in adapter(rank=rank).command


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"rank": 513}, "its rank 513 is above the largest"),
        ({"projector_trained": True}, "it holds a trained projector"),
        ({"image_mode": "single"}, "image mode single has no counterpart there"),
    ],
)
def test_an_adapter_that_cannot_be_served(facts: dict[str, Any], reason: str) -> None:
    found = adapter(**facts)
    assert not found.command
    assert found.reason.startswith(reason)
    assert found.line.startswith(f"serve the adapter: not possible: {reason}")


def test_a_merged_folder_of_one_tile() -> None:
    found = serve_merged(RUN, family=FAMILY, image_mode="single")
    assert not found.command
    assert "vsdkit infer" in found.reason
