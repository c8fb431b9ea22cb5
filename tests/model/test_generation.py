"""Any loaded model answers prompts, alone or in a batch, and tells how it chose its first token."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from vsdkit.conversation import load_conversation
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.generation import (
    Prompt,
    encode_question,
    first_logits,
    generate,
    stop_id,
)
from vsdkit.model.precision import choose_precision

VICUNA = load_conversation("vicuna_v1")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_base("tiny", image_mode="anyres", precision=choose_precision("cpu"))


@pytest.fixture(scope="module")
def prompts(loaded: Loaded) -> list[Prompt]:
    made = []
    for width, question in ((40, "Where is it?"), (200, "Where is the red cup on the desk?")):
        image = loaded.preparer.prepare(Image.new("RGB", (width, 60), (200, 40, 40)))
        ids = encode_question(loaded, VICUNA, question, image_tokens=image.n_tokens)
        made.append(Prompt(ids, image))
    assert len({len(one.ids) for one in made}) == 2
    return made


def test_the_first_token_is_the_likeliest(loaded: Loaded, prompts: list[Prompt]) -> None:
    stop = stop_id(loaded, VICUNA)
    logits = first_logits(loaded, prompts, stop=stop)
    assert logits.shape == (2, loaded.model.config.get_text_config().vocab_size)
    assert logits.dtype == torch.float32
    said = generate(loaded, prompts, stop=stop, max_new_tokens=1)
    for row, answer in zip(logits, said, strict=True):
        assert loaded.tokenizer.decode([int(row.argmax())]).strip() == answer.text


def test_padding_changes_no_logit(loaded: Loaded, prompts: list[Prompt]) -> None:
    stop = stop_id(loaded, VICUNA)
    together = first_logits(loaded, prompts, stop=stop)
    alone = torch.cat([first_logits(loaded, [one], stop=stop) for one in prompts])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
