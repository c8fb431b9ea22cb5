"""A collection of odd images: check, training and infer make the same of each, and the right."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsdkit.data.images import open_image
from vsdkit.errors import DataError

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_odd_images.py"
_TOLERANCE = 14
"""Of 255: what lossy formats and LAB lose."""


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("make_odd_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(script: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("odd")
    return folder, script.make(folder)


def test_there_are_many_and_each_says_what_is_odd(made: tuple[Path, list[Any]]) -> None:
    folder, odd = made
    assert len(odd) >= 80
    lines = (folder / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [one.name for one in odd]
    assert all(one.what for one in odd)


def test_every_image_shows_what_it_should_or_is_named(made: tuple[Path, list[Any]]) -> None:
    folder, odd = made
    wrong = []
    for one in odd:
        try:
            image = open_image(folder / one.name)
        except DataError as error:
            if one.opens or error.where != str(folder / one.name) or "\n" in error.message:
                wrong.append((one.name, error.message))
            continue
        width, height = image.size
        seen = [
            image.getpixel((width * (1 + 2 * column) // 4, height * (1 + 2 * row) // 4))
            for row in (0, 1)
            for column in (0, 1)
        ]
        if not one.opens or image.size != one.size:
            wrong.append((one.name, f"opens with {image.size}"))
        elif np.abs(np.subtract(seen, one.colours)).max() > _TOLERANCE:
            wrong.append((one.name, f"shows {seen}"))
    assert wrong == []


def test_check_training_and_infer_agree_on_every_image(
    script: Any, made: tuple[Path, list[Any]]
) -> None:
    folder, odd = made
    expected = ["{} x {}".format(*one.size) if one.opens else "broken" for one in odd]
    found = script.outcomes(folder, [one.name for one in odd])
    assert dict(zip([one.name for one in odd], found, strict=True)) == {
        one.name: (outcome,) * 3 for one, outcome in zip(odd, expected, strict=True)
    }


def test_the_high_resolution_takes_strips_too(script: Any, made: tuple[Path, list[Any]]) -> None:
    folder, _ = made
    names = ["65000x40.png", "40x65000.png", "1x1.png"]
    assert script.outcomes(folder, names, "anyres") == [
        (size,) * 3 for size in ("65000 x 40", "40 x 65000", "1 x 1")
    ]


def test_mutated_images_open_or_are_named(made: tuple[Path, list[Any]], tmp_path: Path) -> None:
    """Bytes overwritten, cut out and doubled, anywhere: nothing but ``DataError`` comes out."""
    _, odd = made
    chance = random.Random(0)
    for number in range(300):
        content = bytearray(chance.choice(odd).content)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(content) + 1)
            length = chance.choice((1, 1, 2, 8, 64))
            new = chance.choice((chance.randbytes(length), bytes(length), b"\xff" * length, b""))
            content[place : place + length] = new
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(content)
        with suppress(DataError):
            image = open_image(path)
            assert (image.mode, image.info) == ("RGB", {})
