import pytest
from transformers import CLIPVisionConfig, LlamaConfig, LlavaNextConfig

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import check_base
from vsdkit.model.families.llava_next import LlavaNext
from vsdkit.model.lora import Trainable, count_trainable


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


# 40 layers x 7 projections; the parameters as haotian-liu/LLaVA's script trains them, rank x the
# sum of their sides, counted by hand. The projector: 1024 x 5120 + 5120 + 5120 x 5120 + 5120.
@pytest.mark.parametrize(
    ("rank", "train_projector", "parameters"),
    [(128, False, 500_695_040), (128, True, 532_162_560), (16, False, 62_586_880)],
)
def test_13b(config_13b, rank, train_projector, parameters):
    found = count_trainable(config_13b, rank=rank, train_projector=train_projector)
    assert found == Trainable(280, parameters)


def test_tiny():
    layers, width, inner = 3, 128, 256
    expected = layers * 16 * (4 * 2 * width + 3 * (width + inner))

    found = count_trainable(check_base("tiny"), rank=16, train_projector=False)
    assert found == Trainable(7 * layers, expected)


def _wrapped(pattern, monkeypatch):
    monkeypatch.setattr(LlavaNext, "lora_targets", pattern)
    return count_trainable(check_base("tiny"), rank=2, train_projector=False)


def test_pattern_that_hits_a_layer_outside_the_decoder(monkeypatch):
    with pytest.raises(
        CheckpointError, match=r"LoRA got 9 modules outside the language model \(first: .*vision"
    ):
        _wrapped(r".*\.(q|k|v)_proj", monkeypatch)


def test_pattern_that_hits_nothing(monkeypatch):
    with pytest.raises(CheckpointError, match="LoRA finds no place: Target modules") as caught:
        _wrapped(r".*nowhere", monkeypatch)
    assert "names its layers otherwise" in caught.value.hint
