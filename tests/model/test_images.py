import io

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

from vsdkit.data.images import to_rgb
from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model import ImagePreparer, check_base, collate_images, tiny_base_path

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
    return ImagePreparer.from_checkpoint(folder, config, image_mode="anyres")


@pytest.fixture(scope="module")
def single(folder, config):
    return ImagePreparer.from_checkpoint(folder, config, image_mode="single")


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

    assert torch.equal(picture.pixel_values, expected["pixel_values"][0])
    assert picture.image_size == size == tuple(expected["image_sizes"][0].tolist())
    assert picture.n_tokens == anyres.count_tokens(size)
    assert len(picture.pixel_values) == image_size_to_num_patches(list(size), GRID, 336)


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

    assert picture.pixel_values.shape == (1, 3, 336, 336)
    torch.testing.assert_close(
        picture.pixel_values, clip(square, return_tensors="pt")["pixel_values"]
    )
    assert image_size_to_num_patches(list(size), single.model_grid(), 336) == 1


def test_collate_fills_up_with_crops_that_the_model_leaves_out(anyres):
    pictures = [anyres.prepare(noise(*size)) for size in ((336, 336), (1000, 1000))]
    batch = collate_images(pictures)

    assert batch["pixel_values"].shape == (2, 5, 3, 336, 336)
    assert torch.equal(batch["pixel_values"][0, :3], pictures[0].pixel_values)
    assert not batch["pixel_values"][0, 3:].any()
    assert batch["image_sizes"].tolist() == [[336, 336], [1000, 1000]]


def test_upright_as_the_camera_noted():
    image = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)

    assert to_rgb(Image.open(file)).size == (4, 6)


def see_through() -> Image.Image:
    return Image.new("RGBA", (3, 3), (200, 0, 0, 0))


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("L", (3, 3), 77), (77, 77, 77)),
        (Image.new("1", (3, 3), 1), (255, 255, 255)),
        (Image.new("I;16", (3, 3), 65535), (255, 255, 255)),
        (Image.new("I;16", (3, 3), 257 * 40), (40, 40, 40)),
        (Image.new("I", (3, 3), 257 * 40), (40, 40, 40)),
        (see_through(), (255, 255, 255)),
        (Image.new("LA", (3, 3), (9, 255)), (9, 9, 9)),
        (Image.new("RGB", (3, 3), (1, 2, 3)).quantize(4), (1, 2, 3)),
        (Image.new("CMYK", (3, 3), (0, 0, 0, 0)), (255, 255, 255)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode_becomes_rgb(image, colour):
    rgb = to_rgb(image)

    assert rgb.mode == "RGB"
    assert rgb.getpixel((1, 1)) == colour


def test_unknown_mode(folder, config):
    with pytest.raises(ConfigError, match="unknown image mode 'square'"):
        ImagePreparer.from_checkpoint(folder, config, image_mode="square")


def test_no_preprocessor(tmp_path, config):
    with pytest.raises(CheckpointError, match="preprocessor configuration"):
        ImagePreparer.from_checkpoint(str(tmp_path), config, image_mode="single")


def test_preprocessor_of_another_model(config):
    with pytest.raises(CheckpointError, match="tiles of 32 pixels, the model takes 336"):
        ImagePreparer.from_checkpoint(str(tiny_base_path()), config, image_mode="single")


def test_tiny_base_has_both_modes():
    config = check_base("tiny")
    counts = [
        ImagePreparer.from_checkpoint(str(tiny_base_path()), config, image_mode=mode).count_tokens(
            (128, 128)
        )
        for mode in ("single", "anyres")
    ]

    assert counts == [17, 88]
