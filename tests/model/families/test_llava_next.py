import re

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, LlavaNextConfig
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import check_base, family_of, resolve_base, tiny_base_path
from vsdkit.model.families.llava_next import LlavaNext

GRID = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
SIZES = [
    (480, 640),
    (1000, 1000),
    (427, 640),
    (336, 336),
    (640, 427),
    (99, 1280),
    (1280, 99),
    (1, 7),
    (375, 500),
]


@pytest.fixture(scope="module")
def config():
    return LlavaNextConfig(
        vision_config=CLIPVisionConfig(image_size=336, patch_size=14).to_dict(),
        image_grid_pinpoints=GRID,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The preprocessor files of LLaVA-1.6 in the Hugging Face form."""
    folder = tmp_path_factory.mktemp("processor")
    LlavaNextImageProcessorPil(
        size={"shortest_edge": 336},
        crop_size={"height": 336, "width": 336},
        image_grid_pinpoints=GRID,
    ).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def anyres(folder, config):
    return LlavaNext().load_preparer(folder, config, image_mode="anyres")


@pytest.fixture(scope="module")
def single(folder, config):
    return LlavaNext().load_preparer(folder, config, image_mode="single")


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


# Counts of LLaVA-1.6 at 336 / 14, measured on transformers.
@pytest.mark.parametrize(
    ("size", "tokens"),
    [((480, 640), 2340), ((1000, 1000), 2928), ((427, 640), 2144), ((336, 336), 1176)],
)
def test_anyres_counts_of_real_sizes(anyres, size, tokens):
    assert anyres.count_tokens(size) == tokens


@pytest.mark.parametrize("size", SIZES)
def test_single_takes_577_whatever_the_size(single, size):
    assert single.count_tokens(size) == 577


@pytest.mark.parametrize("size", [(h, w) for h in range(50, 1200, 73) for w in range(40, 1300, 61)])
def test_anyres_counts_as_the_processor(anyres, size):
    processor = LlavaNextProcessor.__new__(LlavaNextProcessor)
    processor.image_processor = anyres.processor
    processor.patch_size, processor.num_additional_image_tokens = 14, 1

    assert anyres.count_tokens(size) == processor._get_number_of_features(*size, 336, 336) - 1


@pytest.mark.parametrize("size", SIZES)
def test_anyres_crops_as_the_processor(anyres, size):
    image = noise(*size)
    picture = anyres.prepare(image)
    expected = anyres.processor(image, return_tensors="pt")

    assert torch.equal(picture.tensors["pixel_values"], expected["pixel_values"][0])
    assert torch.equal(picture.tensors["image_sizes"], expected["image_sizes"][0])
    assert picture.tensors["image_sizes"].tolist() == list(size)
    assert picture.n_tokens == anyres.count_tokens(size)
    assert len(picture.tensors["pixel_values"]) == image_size_to_num_patches(list(size), GRID, 336)


@pytest.mark.parametrize("size", [(480, 640), (640, 427), (336, 336)])
def test_single_is_the_padded_square_through_clip(single, size):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    image = noise(*size)
    side = max(size)
    square = Image.new("RGB", (side, side), (122, 116, 104))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    clip = CLIPImageProcessorPil(
        size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
    )
    picture = single.prepare(image)

    assert picture.tensors["pixel_values"].shape == (1, 3, 336, 336)
    torch.testing.assert_close(
        picture.tensors["pixel_values"], clip(square, return_tensors="pt")["pixel_values"]
    )


@pytest.mark.parametrize("size", [(480, 640), (3000, 4000), (40, 6500), (5000, 33), (336, 336)])
def test_single_is_padded_before_it_is_scaled(single, size):
    """Bit by bit as LLaVA's expand2square and a resize make it."""
    image = noise(*size)
    side = max(size)
    square = Image.new("RGB", (side, side), tuple(int(part * 255) for part in single.mean))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    tile = np.asarray(square.resize((336, 336), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    expected = (tile - np.float32(single.mean)) / np.float32(single.std)

    found = single.prepare(image).tensors["pixel_values"][0]
    assert torch.equal(found, torch.from_numpy(expected.transpose(2, 0, 1).copy()))


@pytest.mark.parametrize("size", [(40, 65000), (65000, 40), (1, 20000)])
@pytest.mark.parametrize("mode", ["single", "anyres"])
def test_a_strip_costs_no_gigabytes(request, monkeypatch, mode, size):
    preparer = request.getfixturevalue(mode)
    made, new = [], Image.new
    monkeypatch.setattr(
        Image, "new", lambda mode, size, *more: (made.append(size), new(mode, size, *more))[1]
    )
    picture = preparer.prepare(Image.fromarray(np.zeros((*size, 3), dtype=np.uint8)))
    assert max((width * height for width, height in made), default=0) < 8_000_000
    assert picture.tensors["image_sizes"].tolist() == list(size)
    assert picture.n_tokens == preparer.count_tokens(size)
    assert picture.tensors["pixel_values"].shape[1:] == (3, 336, 336)


def test_a_strip_looks_the_same_scaled_first(single, monkeypatch):
    image = noise(300, 6000).resize((6000, 300), Image.Resampling.BICUBIC, box=(0, 0, 60, 300))
    padded_first = single.prepare(image).tensors["pixel_values"]
    monkeypatch.setattr("vsdkit.model.families.llava_next._LARGEST_SQUARE", 5000 * 5000)
    scaled_first = single.prepare(image).tensors["pixel_values"]
    assert not torch.equal(padded_first, scaled_first)
    # A level of 255 is 0.015 here: the rounding of one more resize.
    assert (padded_first - scaled_first).abs().max() < 0.1


@pytest.mark.parametrize("size", SIZES)
def test_single_is_one_tile_to_the_model_too(config, size):
    own = LlavaNextConfig.from_dict(config.to_dict())
    LlavaNext().configure(own, image_mode="single", where="config.json")

    assert image_size_to_num_patches(list(size), own.image_grid_pinpoints, 336) == 1


def test_collate_pads_with_crops_that_the_model_leaves_out(anyres):
    pictures = [anyres.prepare(noise(*size)) for size in ((336, 336), (1000, 1000))]
    batch = anyres.collate(pictures, torch.zeros(2, 1))

    assert batch["pixel_values"].shape == (2, 5, 3, 336, 336)
    assert torch.equal(batch["pixel_values"][0, :3], pictures[0].tensors["pixel_values"])
    assert not batch["pixel_values"][0, 3:].any()
    assert batch["image_sizes"].tolist() == [[336, 336], [1000, 1000]]


def test_no_preprocessor(tmp_path, config):
    with pytest.raises(CheckpointError, match="preprocessor configuration"):
        LlavaNext().load_preparer(str(tmp_path), config, image_mode="single")


def test_preprocessor_of_another_model(config):
    with pytest.raises(CheckpointError, match="tiles of 32 pixels, the model takes 336"):
        LlavaNext().load_preparer(str(tiny_base_path()), config, image_mode="single")


def test_tiny_base_has_both_modes():
    counts = []
    for mode in ("single", "anyres"):
        config = check_base("tiny", image_mode=mode)
        preparer = family_of(config).load_preparer(resolve_base("tiny"), config, image_mode=mode)
        counts.append(preparer.count_tokens((128, 128)))

    assert counts == [17, 88]


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
def test_lora_goes_to_the_language_model_only(name, hit):
    assert bool(re.fullmatch(LlavaNext.lora_targets, name)) is hit
