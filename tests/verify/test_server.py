"""A chat server that holds the merged model gives the same answers; another one is told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vsdkit.chat_client import ChatReply
from vsdkit.settings.verify import VerifySettings
from vsdkit.verify import VerifyReport
from vsdkit.verify.answers import Answer
from vsdkit.verify.questions import Question
from vsdkit.verify.server import compare_server

Look = Callable[..., VerifyReport]


@pytest.mark.parametrize("logprobs", [True, False])
def test_the_merged_model_served_is_the_same(
    shared: Any, look: Look, serve: Any, served: Any, logprobs: bool
) -> None:
    server = serve(served(shared.merged, logprobs=logprobs))
    report = look(run=shared.run, base_url=server.url)
    assert report.failures == ()
    found = report.comparisons[-1]
    assert (found.equal, found.rows, found.unit) == (2, 2, "probability")
    if logprobs:
        assert found.difference is not None
        assert 0 < found.difference < 1e-4
    else:
        assert found.difference is None
        assert "tells no probabilities" in found.found
    assert {one["model"] for one in server.asked} == {"one"}
    assert server.asked[0]["max_tokens"] == 6


def test_the_base_served_in_its_place_is_told_apart(
    shared: Any, look: Look, serve: Any, served: Any, tmp_path: Path
) -> None:
    import shutil

    folder = Path(shutil.copytree(shared.merged, tmp_path / "bare"))
    base = json.loads((shared.run / "run.json").read_text())["base"]
    shutil.copy(Path(base) / "model.safetensors", folder / "model.safetensors")
    server = serve(served(folder))
    report = look(run=shared.run, base_url=server.url, model="x", max_probability_difference=0.01)
    assert not report.comparisons[-1].passed
    assert report.failures[0].message.startswith(f"not the same: answers: server {server.url}: ")
    assert {one["model"] for one in server.asked} == {"x"}


class _Words:
    """A tokenizer of four tokens, two of which read alike."""

    def decode(self, ids: list[int]) -> str:
        return ("on", " on", "in", "at")[ids[0]]


def test_tokens_that_read_alike_are_added_up(trained_on: Path) -> None:
    from vsdkit.data.images import ImageFile

    image = ImageFile(str(trained_on / "0.png"), 1, 1, 0, 0, 0, "")
    question = Question("a", 1, "Where?", image)
    answer = Answer("on", torch.tensor([0.3, 0.3, 0.3, 0.1]).log())
    told = {"\u2581on": float(torch.tensor(0.5).log()), "in": float(torch.tensor(0.35).log())}
    found = compare_server(
        [answer],
        {"a": ChatReply("a", "in", first_token=told)},
        questions=[question],
        settings=VerifySettings(base_url="http://x/v1"),
        tokenizer=_Words(),  # type: ignore[arg-type]
    )
    assert found.difference == pytest.approx(0.1)
    assert found.first_other == ("a", "on", "in")
    assert not found.passed
