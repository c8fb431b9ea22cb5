"""Every block of code in README, CONTRIBUTING and docs says its language, and runs or says why not.

The blocks of a page run one after the other in a folder of the page's own, a copy of ``world``:
what a newcomer has who follows the guides with the demo's scenes in place of VSD.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vsdkit.demo.scenes import sample_scenes, write_scenes

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "doc_blocks.py"))
ROOT: Path = SCRIPT["ROOT"]
BLOCKS = {page: list(SCRIPT["read_blocks"](page)) for page in SCRIPT["PAGES"]}
ALL_BLOCKS = [block for blocks in BLOCKS.values() for block in blocks]
# These run in a test of their own, which looks at what they print.
RUN_ELSEWHERE = {("docs/robotics.md", "python"): "tests/test_robotics.py"}
# What a page makes itself, step by step.
MAKES = {
    "README.md": ["instructions.jsonl", "gold.jsonl", "runs", "preds.jsonl", "preds.diverse.jsonl"],
    "docs/inference.md": ["preds.jsonl"],
    "docs/reproduce.md": ["preds.jsonl", "preds.diverse.jsonl"],
}
# The tiny base in the place of 13B weights, and few steps.
SMALL = {
    "VSDKIT_FINETUNE_BASE": "tiny",
    # The first step warms up from a learning rate of 0, and leaves LoRA as it was.
    "VSDKIT_FINETUNE_MAX_STEPS": "2",
    "VSDKIT_FINETUNE_MAX_ROWS": "16",
    "VSDKIT_FINETUNE_GLOBAL_BATCH_SIZE": "8",
}
# Scenes of each, by the end of its files' names.
SPLITS = {"": 6, "_train": 60, "_val": 6, "_test": 6}
# Far more than it takes: a busy machine is no fault.
BLOCK_SECONDS = 600


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _runs_here(block: Any) -> bool:
    return block.is_run and (_name(block.page), block.language) not in RUN_ELSEWHERE


def test_there_are_blocks() -> None:
    assert sum(map(_runs_here, ALL_BLOCKS)) > 30


@pytest.mark.parametrize("page", BLOCKS, ids=_name)
def test_every_block_says_its_language(page: Path) -> None:
    assert [
        f"{block.place}: {block.language!r}"
        for block in BLOCKS[page]
        if block.language not in SCRIPT["LANGUAGES"]
    ] == []


def test_a_command_stands_in_a_shell_block() -> None:
    # In a block of text nobody would notice when it stops working.
    words = ("$ ", "vsdkit ", "pip ", "python ")
    assert [
        f"{block.place}: {line}"
        for block in ALL_BLOCKS
        if block.language == "text"
        for line in block.text.splitlines()
        if line.startswith(words)
    ] == []


@pytest.mark.parametrize(
    "block",
    [block for block in ALL_BLOCKS if block.language == "python"],
    ids=lambda block: block.place,
)
def test_python_compiles(block: Any) -> None:
    compile(block.text, block.place, "exec")


# --- the world


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_photos(folder: Path) -> None:
    """Write images under names of the guides, and their objects as people and detectors do."""
    names = ("photo.jpg", "street.jpg", "kitchen.jpg", "IMG_0412.jpg")
    for place in ("photos", "dataset/images", "dataset/labels"):
        (folder / place).mkdir(parents=True)
    lists, rows, yolo = dict[str, Any](), list[dict[str, Any]](), list[str]()
    coco: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for number, (name, scene) in enumerate(zip(names, sample_scenes(4, seed=5), strict=True)):
        scene.draw().save(folder / "photos" / name)
        side = scene.draw().width
        coco["images"].append({"id": number, "file_name": name, "width": side, "height": side})
        lines = []
        for thing in (scene.subject, scene.object):
            kind = len(yolo)
            yolo.append(thing.tag)
            box = thing.box
            coco["categories"].append({"id": kind, "name": thing.tag})
            corner = [box.x_min, box.y_min, box.width, box.height]
            coco["annotations"].append({"image_id": number, "category_id": kind, "bbox": corner})
            parts = [*box.centre, box.width, box.height]
            lines.append(" ".join(map(str, [kind, *(part / side for part in parts)])))
            lists.setdefault(name, []).append({"bbox_2d": box.corners, "label": thing.tag})
        (folder / "dataset" / "labels" / f"{name[:-4]}.txt").write_text("\n".join(lines))
        boxes = {"subject_box": scene.subject.box, "object_box": scene.object.box}
        row = {"image": f"photos/{name}", "subject": scene.subject.tag, "object": scene.object.tag}
        rows.append(row | boxes)
    shutil.copytree(folder / "photos", folder / "dataset" / "images", dirs_exist_ok=True)
    shutil.copy(folder / "photos" / "photo.jpg", folder)
    _write_json(folder / "dataset" / "data.yaml", {"names": yolo})
    _write_json(folder / "instances.json", coco)
    _write_json(folder / "boxes.json", lists)
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    table = [f"{row['image'][7:]},{row['subject']},{row['object']}\n" for row in rows]
    (folder / "items.csv").write_text("image,subject,object\n" + "".join(table))


def _write_captions(folder: Path) -> None:
    """Write captions and two systems' results in COCO's form."""
    scenes = list(sample_scenes(9, seed=6))
    told = [
        {"image_id": number, "caption": caption}
        for number, scene in enumerate(scenes)
        for caption in scene.captions
    ]
    _write_json(folder / "captions.json", {"annotations": told})
    for name, shape in (("results", "a {} and a {}"), ("others", "the {} is near the {}.")):
        said = [shape.format(scene.subject.tag, scene.object.tag) for scene in scenes]
        results = [{"image_id": number, "caption": text} for number, text in enumerate(said)]
        _write_json(folder / f"{name}.json", results)


def _write_scenes(folder: Path) -> None:
    """Write what stands for VSD: annotations, and the images in the folders they come in."""
    # Boxes are fitted on train, without images; what is scored is little, as SPICE is slow.
    for seed, (split, count) in enumerate(SPLITS.items()):
        files = write_scenes(folder / "scenes" / (split or "some"), scenes=count, seed=seed)
        for path in (files.vsdv1, files.vsdv2):
            shutil.move(path, folder / f"{path.stem}{split}.json")
    shutil.rmtree(folder / "scenes" / "_train")
    places = [folder / name for name in ("VG_100K", "VG_100K_2", "SpatialSense/images")]
    for place in places:
        place.mkdir(parents=True)
    for number, image in enumerate(sorted(folder.glob("scenes/*/images/*"))):
        is_genome = image.stem.isdigit()
        shutil.move(image, places[number % 2] if is_genome else places[2])
    shutil.rmtree(folder / "scenes")
    (folder / "images").mkdir()
    for name in ("VG_100K", "VG_100K_2", "SpatialSense"):
        (folder / "images" / name).symlink_to(f"../{name}")


COMMANDS = """
vsdkit build-instructions vsdv1.json vsdv2.json
for split in train val test; do
  files="vsdv1_$split.json vsdv2_$split.json"
  vsdkit build-instructions $files --output rows.jsonl --gold gold_$split.jsonl
done
rm rows.jsonl*
vsdkit finetune --profile tiny --name mine
vsdkit fit-boxes gold_train.jsonl --output boxes.skops
vsdkit infer --engine boxes --boxes-model boxes.skops
vsdkit diversify --engine rules
cp preds.jsonl ours.jsonl
cp preds.diverse.jsonl theirs.jsonl
"""


@pytest.fixture(scope="session")
def cache(spice_files: Path, tmp_path_factory: Any, pytestconfig: pytest.Config) -> Iterator[Path]:
    """vsdkit's cache folder; parsed sentences stay for the next session, as a user's do."""
    folder: Path = tmp_path_factory.mktemp("cache")
    (folder / spice_files.name).symlink_to(spice_files)
    parsed = folder / "parsed_sentences.sqlite"
    # Nine sessions of Java parse little, but each loads its parser first: 40 s of a core.
    kept = pytestconfig.cache.mkdir("docs") / parsed.name if pytestconfig.cache else None
    if kept and kept.exists():
        shutil.copy(kept, parsed)
    yield folder
    if kept and parsed.exists():
        shutil.copy(parsed, kept)


@pytest.fixture(scope="session")
def shell(
    start_forking_server: Callable[..., Any], cache: Path, tmp_path_factory: Any
) -> Callable[..., str]:
    """Return what runs a program in a folder, where ``vsdkit`` and ``python`` are forked."""
    # skops takes longer to import than a model of boxes to answer.
    server = start_forking_server("skops.io", *_own_modules())
    place = tmp_path_factory.mktemp("programs")
    ask = f'exec "{sys.executable}" -I -S "{server.program}" ask "{server.address}"'
    programs = {
        # A dry run needs no weights: it reckons for the base that it names.
        "vsdkit": f"""case " $* " in *" --dry-run "*) unset {" ".join(SMALL)};; esac
{ask} vsdkit "$@\"""",
        "python": f'case $1 in *.py) {ask} "$@";; esac\nexec "{sys.executable}" "$@"',
    }
    for name, text in programs.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / name).chmod(0o755)
    environment = os.environ | SMALL
    environment |= {
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "VSDKIT_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }

    def run(folder: Path, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        printed = done.stdout.decode()
        if done.returncode:
            pytest.fail(f"exit code {done.returncode} of {' '.join(command)}:\n{printed}", False)
        return printed

    return run


def _own_modules() -> Iterator[str]:
    source = ROOT / "src"
    for path in sorted((source / "vsdkit").rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        # What is started by its name is no module to import.
        if '__name__ == "__main__"' not in path.read_text(encoding="utf-8"):
            yield name.removesuffix(".__init__")


@pytest.fixture(scope="session")
def world(shell: Callable[..., str], tmp_path_factory: Any) -> Path:
    """The folder that each page begins with; nobody writes into it."""
    folder = tmp_path_factory.mktemp("world")
    _write_scenes(folder)
    _write_photos(folder)
    _write_captions(folder)
    shell(folder, ["bash", "-euc", COMMANDS])
    return folder


# --- the blocks


def _program(block: Any, folder: Path) -> list[str]:
    """Write a block so that its lines have the numbers of the page, and return what runs it."""
    path = folder / f"{block.page.stem}.{'py' if block.language == 'python' else 'sh'}"
    lines = ["\n" * (block.line - 1), block.text]
    if block.language == "python":
        path.write_text("".join(lines), encoding="utf-8")
        return ["python", str(path)]
    lines[0] = f"""trap 'echo "stopped at line $LINENO" >&2' ERR{lines[0]}"""
    path.write_text("".join(lines), encoding="utf-8")
    return ["bash", "-Eeuo", "pipefail", str(path)]


def _missing(shown: str, printed: str) -> list[str]:
    """Return the shown lines that were not printed in this order; ``...`` stands for any lines."""
    left = iter([line.rstrip() for line in printed.splitlines()])
    lines = [line.rstrip() for line in shown.splitlines() if line.strip() not in ("", "...")]
    return [line for line in lines if line not in left]


@pytest.mark.slow
@pytest.mark.java
@pytest.mark.parametrize(
    "page", [page for page in BLOCKS if any(map(_runs_here, BLOCKS[page]))], ids=_name
)
def test_the_blocks_of_a_page_run(
    page: Path, world: Path, shell: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "world"
    shutil.copytree(world, folder, symlinks=True)
    for name in MAKES.get(_name(page), []):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    printed = ""
    for block in BLOCKS[page]:
        if _runs_here(block):
            printed = shell(folder, _program(block, tmp_path))
        elif block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.printed:
            assert _missing(block.text, printed) == [], f"{block.place}: printed was\n{printed}"
