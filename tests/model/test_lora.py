import re

import pytest
from transformers import CLIPVisionConfig, LlamaConfig, LlavaNextConfig

from vsdkit.model import LORA_TARGETS, LoraCount, check_base, count_lora


@pytest.fixture(scope="module")
def config_13b():
    """LLaVA-1.6-Vicuna-13B's shape."""
    text = LlamaConfig(
        hidden_size=5120,
        intermediate_size=13824,
        num_hidden_layers=40,
        num_attention_heads=40,
        num_key_value_heads=40,
        vocab_size=32064,
    )
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        projection_dim=768,
    )
    return LlavaNextConfig(vision_config=vision.to_dict(), text_config=text.to_dict())


# 40 layers x 7 projections; the parameters as haotian-liu/LLaVA's script trains them, projector
# left out.
@pytest.mark.parametrize(("rank", "parameters"), [(128, 500_695_040), (16, 62_586_880)])
def test_13b(config_13b, rank, parameters):
    assert count_lora(config_13b, rank) == LoraCount(280, parameters)


def test_tiny():
    layers, width, inner = 3, 128, 256
    expected = layers * 16 * (4 * 2 * width + 3 * (width + inner))

    assert count_lora(check_base("tiny"), 16) == LoraCount(7 * layers, expected)


@pytest.mark.parametrize(
    ("name", "hit"),
    [
        ("model.language_model.layers.0.self_attn.q_proj", True),
        ("language_model.model.layers.39.mlp.down_proj", True),
        ("model.vision_tower.encoder.layers.0.self_attn.q_proj", False),
        ("model.multi_modal_projector.linear_1", False),
        ("lm_head", False),
    ],
)
def test_only_the_language_model(name, hit):
    assert bool(re.fullmatch(LORA_TARGETS, name)) is hit
