"""Make a collection of odd images, each with what should come of it; show what does.

    python scripts/make_odd_images.py FOLDER            # the images and FOLDER/expected.jsonl
    python scripts/make_odd_images.py FOLDER --table    # and what comes of each

Every image but the extreme ones shows the same: four quarters in red, green, blue and white, so
that a wrong orientation, a wrong colour and a lost gradient are seen by four pixels.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms

SIZE = (64, 48)
RED, GREEN, BLUE, WHITE = (230, 20, 20), (20, 200, 20), (20, 20, 230), (255, 255, 255)
QUARTERS = (RED, GREEN, BLUE, WHITE)
"""Top left, top right, bottom left, bottom right."""
GREYS = tuple((level, level, level) for level in (32, 96, 160, 224))
ORIENTATION = 0x0112
# How a camera's orientation is undone, and what has to be done to an upright image for it.
TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class Odd(NamedTuple):
    """An odd image and what should come of it."""

    name: str
    what: str
    content: bytes
    opens: bool = True
    size: tuple[int, int] | None = SIZE
    """Upright, as (width, height)."""
    colours: tuple[tuple[int, int, int], ...] | None = QUARTERS
    """What the four quarters show; None where the image has others."""

    def expected(self) -> dict[str, Any]:
        """Return the row of expected.jsonl."""
        row: dict[str, Any] = {"name": self.name, "what": self.what, "opens": self.opens}
        return row | {"size": self.size, "colours": self.colours} if self.opens else row


def quarters(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return the image that all show."""
    width, height = size
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    for place, colour in enumerate(QUARTERS):
        row, column = divmod(place, 2)
        pixels[
            row * height // 2 : (row + 1) * height // 2,
            column * width // 2 : (column + 1) * width // 2,
        ] = colour
    return Image.fromarray(pixels)


def grey_levels() -> np.ndarray:
    """Return four quarters in grey, of 255."""
    width, height = SIZE
    pixels = np.zeros((height, width), dtype=np.float64)
    for place, colour in enumerate(GREYS):
        row, column = divmod(place, 2)
        pixels[
            row * height // 2 : (row + 1) * height // 2,
            column * width // 2 : (column + 1) * width // 2,
        ] = colour[0]
    return pixels


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file's bytes."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    if kind in ("JPEG", "HEIF", "AVIF", "MPO"):
        options = {"quality": 95} | options
    buffer = io.BytesIO()
    # Copies: Pillow leaves the encoder's settings in what it saved.
    if "append_images" in options:
        options["append_images"] = [one.copy() for one in options["append_images"]]
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()


def png(pixels: np.ndarray, colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of 16 bits, which Pillow does not write in all forms.

    Args:
        pixels: ``[height, width, channels]``, of 65,535.
        colour_type: As the format numbers it: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA.
        chunks: Further ones, before the pixels.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(whole: bytes, kind: bytes, data: bytes) -> bytes:
    """Return a PNG with one chunk more, behind its header."""
    return whole[:33] + chunk(kind, data) + whole[33:]


def with_exif(whole: bytes, exif: bytes) -> bytes:
    """Return a JPEG with an EXIF segment, whatever its bytes."""
    body = b"Exif\0\0" + exif
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + whole[2:]


def exif_of(orientation: int) -> bytes:
    """Return EXIF with an orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def formats() -> Iterator[Odd]:
    """Yield plain images of every format and under other names."""
    image = quarters()
    kinds = {
        "jpg": "JPEG",
        "png": "PNG",
        "gif": "GIF",
        "webp": "WEBP",
        "bmp": "BMP",
        "tif": "TIFF",
        "heic": "HEIF",
        "avif": "AVIF",
        "jp2": "JPEG2000",
        "ppm": "PPM",
    }
    for suffix, kind in kinds.items():
        options = {"lossless": True} if kind == "WEBP" else {}
        yield Odd(f"plain.{suffix}", f"{kind}, nothing odd", save(image, kind, **options))
    for suffix, kind in {"JPG": "JPEG", "jfif": "JPEG", "jpe": "JPEG", "PNG": "PNG"}.items():
        yield Odd(f"suffix.{suffix}", f"{kind} as .{suffix}", save(image, kind))
    for kind in ("PNG", "HEIF", "AVIF", "WEBP", "GIF", "BMP", "TIFF"):
        yield Odd(f"{kind.lower()}_as.jpg", f"{kind} named .jpg", save(image, kind))
    jpeg = save(image, "JPEG")
    yield Odd("progressive.jpg", "progressive JPEG", save(image, "JPEG", progressive=True))
    yield Odd("behind.jpg", "a note behind the end", jpeg + b"notes of a camera" * 9)
    yield Odd("zeros_behind.png", "zeros behind the end", save(image, "PNG") + bytes(500))
    yield Odd("café été.png", "accents and a blank in the name", save(image, "PNG"))
    two = [image.transpose(Image.Transpose.ROTATE_180)]
    mpo = save(image, "MPO", save_all=True, append_images=two)
    yield Odd("two.mpo", "two pictures in one JPEG (MPO)", mpo)
    yield Odd("moving.gif", "moving GIF", save(image, "GIF", save_all=True, append_images=two))
    yield Odd("moving.png", "moving PNG", save(image, "PNG", save_all=True, append_images=two))
    moving = save(image, "WEBP", save_all=True, append_images=two, lossless=True)
    yield Odd("moving.webp", "moving WebP", moving)
    yield Odd(
        "pages.tif", "TIFF of two pages", save(image, "TIFF", save_all=True, append_images=two)
    )


def orientations() -> Iterator[Odd]:
    """Yield images that are to be turned, and images whose EXIF says nothing."""
    image = quarters()
    for orientation, turn in TURNED_BACK.items():
        content = save(image.transpose(turn), "JPEG", exif=exif_of(orientation))
        yield Odd(f"turned{orientation}.jpg", f"EXIF orientation {orientation}", content)
    on_its_side = image.transpose(TURNED_BACK[6])
    for suffix, kind in {
        "png": "PNG",
        "webp": "WEBP",
        "tif": "TIFF",
        "heic": "HEIF",
        "avif": "AVIF",
        "mpo": "MPO",
    }.items():
        options: dict[str, Any] = {"exif": exif_of(6)}
        if kind == "TIFF":
            options = {"tiffinfo": {ORIENTATION: 6}}
        elif kind == "WEBP":
            options["lossless"] = True
        content = save(on_its_side, kind, **options)
        yield Odd(f"turned.{suffix}", f"EXIF orientation 6 in {kind}", content)
    jpeg, whole = save(image, "JPEG"), exif_of(6)
    damaged = {
        "zeros": bytes(40),
        "text": b"no EXIF at all",
        "cut": whole[:-9],
        "order": b"MM" + whole[2:],
        "far": b"II*\0" + struct.pack("<I", 2**31),
        "loop": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "many": b"II*\0\x08\0\0\0\xff\xff" + bytes(30),
        "empty": b"",
    }
    for name, exif in damaged.items():
        yield Odd(f"exif_{name}.jpg", f"damaged EXIF ({name})", with_exif(jpeg, exif))
    plain = save(image, "PNG")
    for name in ("zeros", "text", "far"):
        content = with_chunk(plain, b"eXIf", damaged[name])
        yield Odd(f"exif_{name}.png", f"damaged EXIF ({name}) in PNG", content)
        content = save(image, "WEBP", exif=damaged[name], lossless=True)
        yield Odd(f"exif_{name}.webp", f"damaged EXIF ({name}) in WebP", content)
    for orientation in (0, 9, 65535):
        content = with_exif(jpeg, exif_of(orientation)[6:])
        yield Odd(f"exif_{orientation}.jpg", f"EXIF orientation {orientation}", content)


def modes() -> Iterator[Odd]:
    """Yield images of every kind of pixel, with and without transparency."""
    image, grey = quarters(), Image.fromarray(grey_levels().astype(np.uint8))
    clear = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
    clear[: SIZE[1] // 2] = 255
    white_below = (RED, GREEN, WHITE, WHITE)
    layer = image.copy()
    layer.putalpha(Image.fromarray(clear))
    yield Odd("rgba.png", "transparent below", save(layer, "PNG"), colours=white_below)
    yield Odd(
        "rgba.webp", "the same, WebP", save(layer, "WEBP", lossless=True), colours=white_below
    )
    yield Odd("rgba.tif", "the same, TIFF", save(layer, "TIFF"), colours=white_below)
    yield Odd("rgba.avif", "the same, AVIF", save(layer, "AVIF"), colours=white_below)
    yield Odd("rgba.heic", "the same, HEIC", save(layer, "HEIF"), colours=white_below)
    yield Odd("rgba.gif", "the same, GIF", save(layer, "GIF"), colours=white_below)
    palette = image.quantize(8)
    yield Odd("palette.png", "palette", save(palette, "PNG"))
    blue = palette.getpixel((8, 40))
    no_blue = (RED, GREEN, WHITE, WHITE)
    content = save(palette, "PNG", transparency=blue)
    yield Odd("palette_one.png", "palette, one colour transparent", content, colours=no_blue)
    content = save(palette, "PNG", transparency=bytes(0 if n == blue else 255 for n in range(8)))
    yield Odd("palette_all.png", "palette with alpha", content, colours=no_blue)
    yield Odd("bits2.png", "palette of 2 bits", save(image.quantize(4), "PNG", bits=2))
    content = save(image, "PNG", transparency=BLUE)
    yield Odd("rgb_one.png", "RGB, one colour transparent", content, colours=no_blue)
    black_white = Image.fromarray((grey_levels() > 128).astype(np.uint8) * 255).convert("1")
    two = ((0, 0, 0), (0, 0, 0), WHITE, WHITE)
    yield Odd("one_bit.png", "1 bit", save(black_white, "PNG"), colours=two)
    yield Odd("one_bit.tif", "1 bit", save(black_white, "TIFF", compression="group4"), colours=two)
    content = save(black_white, "PNG", transparency=0)
    yield Odd("one_bit_one.png", "1 bit, black transparent", content, colours=(WHITE,) * 4)
    yield Odd("grey.jpg", "grey JPEG", save(grey, "JPEG"), colours=GREYS)
    yield Odd("grey.png", "grey", save(grey, "PNG"), colours=GREYS)
    no_darkest = (WHITE, *GREYS[1:])
    content = save(grey, "PNG", transparency=32)
    yield Odd("grey_one.png", "grey, the darkest transparent", content, colours=no_darkest)
    grey_layer = grey.copy()
    grey_layer.putalpha(Image.fromarray(clear))
    half = (*GREYS[:2], WHITE, WHITE)
    yield Odd("grey_alpha.png", "grey with alpha", save(grey_layer, "PNG"), colours=half)


def inks() -> Iterator[Odd]:
    """Yield images in other colour spaces and compressions."""
    image = quarters()
    cmyk = image.convert("CMYK")
    yield Odd("cmyk.jpg", "CMYK as Adobe writes it", save(cmyk, "JPEG"))
    # YCCK, which Pillow does not write: luma and chroma of the first three inks, said by the last
    # byte of Adobe's marker. Pillow inverts what it saves.
    parts = np.asarray(cmyk).copy()
    parts[..., :3] = 255 - np.asarray(Image.fromarray(parts[..., :3]).convert("YCbCr"))
    ycck = bytearray(save(Image.frombytes("CMYK", SIZE, parts.tobytes()), "JPEG"))
    ycck[ycck.index(b"Adobe") + 11] = 2
    yield Odd("ycck.jpg", "YCCK as Photoshop writes it", bytes(ycck))
    yield Odd("cmyk.tif", "CMYK", save(cmyk, "TIFF"))
    yield Odd("ycbcr.tif", "YCbCr, JPEG inside", save(image, "TIFF", compression="jpeg"))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        content = save(image, "TIFF", compression=compression)
        yield Odd(f"{compression}.tif", f"TIFF, {compression}", content)
    profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
    lab = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    assert lab is not None
    yield Odd("lab.tif", "LAB", save(lab, "TIFF"))


def deep() -> Iterator[Odd]:
    """Yield images of 16 and 32 bits and floats; all show the same greys, or colours."""
    levels = grey_levels()
    sixteen = (levels * 257).astype(np.uint16)
    colours = np.asarray(quarters()).astype(np.uint16) * 257
    opaque = np.full((*sixteen.shape, 1), 65535, dtype=np.uint16)
    content = save(Image.fromarray(sixteen), "PNG")
    yield Odd("grey16.png", "16 bits", content, colours=GREYS)
    yield Odd("grey16.tif", "16 bits", save(Image.fromarray(sixteen), "TIFF"), colours=GREYS)
    big = Image.frombytes("I;16B", SIZE, sixteen.astype(">u2").tobytes())
    yield Odd("grey16b.tif", "16 bits, big-endian", save(big, "TIFF"), colours=GREYS)
    pgm = b"P5 64 48 65535\n" + sixteen.astype(">u2").tobytes()
    yield Odd("grey16.pgm", "16 bits, PGM", pgm, colours=GREYS)
    one = (b"tRNS", struct.pack(">H", int(sixteen[0, 0])))
    content = png(sixteen[..., None], 0, one)
    yield Odd(
        "grey16_one.png", "16 bits, the darkest transparent", content, colours=(WHITE, *GREYS[1:])
    )
    content = png(np.concatenate([sixteen[..., None], opaque], -1), 4)
    yield Odd("grey16_alpha.png", "16 bits with alpha", content, colours=GREYS)
    yield Odd("rgb16.png", "16 bits a colour", png(colours, 2))
    yield Odd(
        "rgba16.png", "16 bits a colour and alpha", png(np.concatenate([colours, opaque], -1), 6)
    )
    one = (b"tRNS", struct.pack(">HHH", *(257 * part for part in BLUE)))
    content = png(colours, 2, one)
    yield Odd(
        "rgb16_one.png",
        "16 bits a colour, one transparent",
        content,
        colours=(RED, GREEN, WHITE, WHITE),
    )
    wide = {
        "int8": (levels.astype(np.int32), "32 bits that hold 0 to 255"),
        "int16": ((levels * 257).astype(np.int32), "32 bits that hold 0 to 65,535"),
        "float1": ((levels / 255).astype(np.float32), "floats of 0 to 1"),
        "float255": (levels.astype(np.float32), "floats of 0 to 255"),
    }
    for name, (pixels, what) in wide.items():
        content = save(Image.fromarray(pixels), "TIFF")
        yield Odd(f"{name}.tif", what, content, colours=GREYS)
    spread = ((0, 0, 0), (85, 85, 85), (170, 170, 170), WHITE)
    for name, pixels in {
        "int32": ((levels - 32) * 1e7).astype(np.int32),
        "signed": ((levels - 128) * 100).astype(np.int32),
        "metres": (levels - 100).astype(np.float32),
    }.items():
        content = save(Image.fromarray(pixels), "TIFF")
        yield Odd(f"{name}.tif", f"range of its own ({name})", content, colours=spread)
    holes = (levels / 255).astype(np.float32)
    holes[0, 0], holes[0, 1], holes[1, 0] = np.nan, np.inf, -np.inf
    yield Odd(
        "holes.tif",
        "floats with NaN and infinity",
        save(Image.fromarray(holes), "TIFF"),
        colours=GREYS,
    )


def extremes() -> Iterator[Odd]:
    """Yield images of odd sizes."""
    for size in ((1, 1), (2, 1), (65000, 40), (40, 65000), (12000, 1), (1, 9000)):
        content = save(Image.new("RGB", size, RED), "PNG")
        name = f"{size[0]}x{size[1]}.png"
        yield Odd(name, f"{size[0]:,} x {size[1]:,} pixels", content, size=size, colours=(RED,) * 4)


def damaged() -> Iterator[Odd]:
    """Yield files that are no images, or not whole ones."""

    def broken(name: str, what: str, content: bytes) -> Odd:
        return Odd(name, what, content, opens=False)

    image = quarters()
    noise = Image.effect_noise((96, 96), 60).convert("RGB")
    plain = save(image, "PNG")
    yield broken("empty.jpg", "empty", b"")
    yield broken("empty.png", "empty", b"")
    yield broken("text.jpg", "a text", b"no picture\n")
    yield broken("page.jpg", "a web page", b"<!DOCTYPE html><title>404</title>" * 20)
    yield broken("zeros.jpg", "zeros", bytes(4000))
    yield broken(
        "header.jpg", "the first bytes of a JPEG, then zeros", save(image, "JPEG")[:20] + bytes(900)
    )
    yield broken(
        "header.heic",
        "the first bytes of a HEIC, then zeros",
        save(image, "HEIF")[:32] + bytes(900),
    )
    cuts: dict[str, tuple[str, dict[str, Any]]] = {
        "jpg": ("JPEG", {}),
        "progressive.jpg": ("JPEG", {"progressive": True}),
        "png": ("PNG", {}),
        "gif": ("GIF", {}),
        "webp": ("WEBP", {"lossless": True}),
        "bmp": ("BMP", {}),
        "tif": ("TIFF", {}),
        "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
        "heic": ("HEIF", {}),
        "avif": ("AVIF", {}),
        "jp2": ("JPEG2000", {}),
        "ppm": ("PPM", {}),
        "mpo": ("MPO", {"save_all": True, "append_images": [noise]}),
    }
    for suffix, (kind, options) in cuts.items():
        whole = save(noise, kind, **options)
        # An MPO's second picture is not looked at: half of the file holds the first.
        shares = (10, 30) if kind == "MPO" else (10, 50, 90)
        for share in shares:
            name = f"cut{share}.{suffix}"
            yield broken(name, f"{kind}, {share} % of it", whole[: len(whole) * share // 100])
    place = plain.index(b"IDAT") + 12
    wrong = plain[:place] + bytes([plain[place] ^ 255]) + plain[place + 1 :]
    yield broken("checksum.png", "a wrong byte in the pixels", wrong)
    no_size = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0))
    yield broken("no_size.png", "0 x 0 pixels", no_size + plain[33:])
    vast = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    yield broken(
        "vast.png", "60,000 x 60,000 by its header", plain[:8] + chunk(b"IHDR", vast) + plain[33:]
    )
    bomb = zlib.compress(bytes(80_000_000), 9)
    yield broken(
        "text_bomb.png", "80 MB of text in 80 kB", with_chunk(plain, b"zTXt", b"a\0\0" + bomb)
    )
    yield broken(
        "icc_bomb.png", "80 MB of colour profile", with_chunk(plain, b"iCCP", b"a\0\0" + bomb)
    )
    yield broken("no_directory.tif", "TIFF without directory", b"II*\0\x08\0\0\0" + bytes(30))
    tiff = save(image, "TIFF", compression="tiff_adobe_deflate")
    half = len(tiff) // 2
    yield broken(
        "damaged.tif", "zeros in the compressed pixels", tiff[:8] + bytes(half) + tiff[8 + half :]
    )
    yield broken(
        "no_picture.gif",
        "GIF without a picture",
        b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b";",
    )


GROUPS: tuple[Callable[[], Iterator[Odd]], ...] = (
    formats,
    orientations,
    modes,
    inks,
    deep,
    extremes,
    damaged,
)


def make(folder: Path) -> list[Odd]:
    """Write the images and expected.jsonl, and return what was written."""
    odd = [one for group in GROUPS for one in group()]
    assert len({one.name for one in odd}) == len(odd), "each name once"
    folder.mkdir(parents=True, exist_ok=True)
    for one in odd:
        (folder / one.name).write_bytes(one.content)
    lines = [json.dumps(one.expected(), ensure_ascii=False) for one in odd]
    (folder / "expected.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return odd


def outcomes(folder: Path, names: list[str], image_mode: str = "single") -> list[tuple[str, ...]]:
    """Return what check, training and infer make of each image: its size, or ``broken``.

    Each by its own way: ``check_images``, a row of ``TrainingRows``, and the ``Answerer``.
    """
    from vsdkit.conversation import load_conversation, load_template
    from vsdkit.data.images import FoundImages, ImageFile, check_images
    from vsdkit.data.records import InstructionRow
    from vsdkit.errors import DataError
    from vsdkit.finetune.examples import RowEncoder, TrainingRows
    from vsdkit.finetune.order import Bundle
    from vsdkit.model.answerer import Answerer
    from vsdkit.model.checkpoint import load_base
    from vsdkit.model.families import PreparedImage
    from vsdkit.model.precision import choose_precision

    loaded = load_base("tiny", image_mode=image_mode, precision=choose_precision("cpu"))
    paths = {name: folder / name for name in names}
    checked = check_images(FoundImages(paths), skip_broken=True).files
    # Training and infer get every file, also those that the check refuses.
    files = {name: ImageFile(str(path), 48, 64, 0, 0, 0, "") for name, path in paths.items()}
    conversation = load_conversation("vicuna_v1")
    encoder = RowEncoder(
        tokenizer=loaded.tokenizer,
        conversation=conversation,
        image_id=loaded.image_id,
        longest=1_000_000,
        source=folder,
    )
    rows = [InstructionRow(name, name, 2, "Where is it?", "It is here.") for name in names]
    training = TrainingRows(rows, files=files, encoder=encoder, preparer=loaded.preparer)
    answerer = Answerer(loaded, load_template("paper"), conversation)

    def train(place: int) -> PreparedImage:
        return training[Bundle((place,))].image

    def ask(place: int) -> PreparedImage:
        return answerer.prepare(files[names[place]])

    def shown(prepare: Callable[[int], PreparedImage], place: int) -> str:
        try:
            height, width = prepare(place).tensors["image_sizes"].tolist()
        except DataError:
            return "broken"
        return f"{width} x {height}"

    return [
        (
            f"{checked[name].width} x {checked[name].height}" if name in checked else "broken",
            shown(train, place),
            shown(ask, place),
        )
        for place, name in enumerate(names)
    ]


def main() -> None:
    """Make the images, and with ``--table`` print what comes of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    odd = make(arguments.folder)
    opens = sum(one.opens for one in odd)
    if arguments.table:
        found = outcomes(arguments.folder, [one.name for one in odd])
        print("| file | what is odd | expected | check | training | infer |")
        print("|---|---|---|---|---|---|")
        for one, row in zip(odd, found, strict=True):
            expected = (
                "broken" if one.size is None or not one.opens else "{} x {}".format(*one.size)
            )
            print(f"| {one.name} | {one.what} | {expected} | {' | '.join(row)} |")
    print(f"{len(odd)} images in {arguments.folder}: {opens} open, {len(odd) - opens} are broken")


if __name__ == "__main__":
    main()
