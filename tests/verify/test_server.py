"""A chat server that holds the merged model gives the same answers; another one is told apart."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from vsdkit.chat_client import ChatReply
from vsdkit.settings.verify import VerifySettings
from vsdkit.verify import VerifyReport
from vsdkit.verify.answers import Answer
from vsdkit.verify.questions import Question
from vsdkit.verify.server import compare_server

Look = Callable[..., VerifyReport]


class Served:
    """A merged folder as a server of transformers' own classes runs it."""

    def __init__(self, folder: Path, *, logprobs: bool = True) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.logprobs = logprobs

    def __call__(self, body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        (message,) = body["messages"]
        parts = message["content"]
        data = parts[0]["image_url"]["url"].partition(";base64,")[2]
        image = Image.open(BytesIO(base64.b64decode(data)))
        messages = [{"role": "user", "content": [{"type": "image", "image": image}, parts[1]]}]
        inputs = self.processor.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
        )
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=body["max_tokens"],
                output_logits=True,
                return_dict_in_generate=True,
            )
        ids = out.sequences[0, inputs["input_ids"].shape[1] :]
        tokenizer = self.processor.tokenizer
        text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "length",
            "message": {"role": "assistant", "content": text},
        }
        if self.logprobs:
            top = out.logits[0][0].float().log_softmax(0).topk(body["top_logprobs"])
            told = [
                {"token": tokenizer.decode([id_]), "logprob": value}
                for value, id_ in zip(top.values.tolist(), top.indices.tolist(), strict=True)
            ]
            choice["logprobs"] = {"content": [told[0] | {"top_logprobs": told}]}
        content = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        return 200, json.dumps(content | {"choices": [choice]}).encode(), {}


@pytest.mark.parametrize("logprobs", [True, False])
def test_the_merged_model_served_is_the_same(
    shared: Any, look: Look, serve: Any, logprobs: bool
) -> None:
    server = serve(Served(shared.merged, logprobs=logprobs))
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
    shared: Any, look: Look, serve: Any, tmp_path: Path
) -> None:
    import shutil

    folder = Path(shutil.copytree(shared.merged, tmp_path / "bare"))
    base = json.loads((shared.run / "run.json").read_text())["base"]
    shutil.copy(Path(base) / "model.safetensors", folder / "model.safetensors")
    server = serve(Served(folder))
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
