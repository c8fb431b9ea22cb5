"""What is published: wheel and sdist hold what a user needs, and the wheel works on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from vsdkit import __version__

ROOT = Path(__file__).parents[1]

TEMPLATES = ("paper", "varied", "beyond")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: the build backend of the environment, so no network is needed. The
    # wheel is built from the sdist, which shows that the sdist is whole.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; the heavy dependencies are lent by this one."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False, symlinks=True)
    fresh_python = folder / "bin" / "python"
    wheel = next(dist.glob("*.whl"))
    own_packages = Path(sysconfig.get_path("purelib"))
    fresh_packages = folder.joinpath(*own_packages.parts[-3:])
    subprocess.run(
        [
            sys.executable,
            *("-m", "pip", "--python", str(fresh_python), "install", "--quiet"),
            *("--no-deps", "--no-index", str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    # A plain path in a .pth file is appended behind the environment's own packages, and the
    # .pth files there (this project's editable install) are not read.
    (fresh_packages / "lent.pth").write_text(f"{own_packages}\n")
    return fresh_python


def _run(python: Path, *arguments: str, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_holds_the_data(dist: Path) -> None:
    names = zipfile.ZipFile(next(dist.glob("*.whl"))).namelist()
    for template in TEMPLATES:
        assert f"vsdkit/templates/tasks/{template}.yaml" in names
    assert "vsdkit/templates/conversations/vicuna_v1.yaml" in names
    assert "vsdkit/templates/rewriting/paper.yaml" in names
    assert "vsdkit/settings/profiles/paper.yaml" in names
    assert "vsdkit/model/tiny/model.safetensors" in names
    assert "vsdkit/model/vicuna_13b/preprocessor_config.json" in names
    assert "vsdkit/finetune/estimate/gpus.yaml" in names
    assert "vsdkit/py.typed" in names
    assert not [name for name in names if name.startswith("tests") or name.endswith(".pyc")]


def test_wheel_stays_small(dist: Path) -> None:
    # The tiny base is at most 3 MB; nothing else in the wheel is large.
    assert next(dist.glob("*.whl")).stat().st_size < 4_000_000


def test_sdist_holds_licence_and_templates(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "templates/tasks/paper.yaml"} <= names


def test_wheel_runs_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    vsdkit = python.parent / "vsdkit"
    where = _run(python, "-c", "import vsdkit; print(vsdkit.__file__)", cwd=tmp_path)
    assert str(python.parents[1]) in where
    assert _run(vsdkit, "--version", cwd=tmp_path) == f"vsdkit {__version__}\n"


def test_wheel_builds_instructions(python: Path, tmp_path: Path) -> None:
    item = {
        "img_id": "1",
        "triple_list": [
            {"s": "cup", "o": "table", "p": "on", "s_bbox": [1, 5, 1, 5], "o_bbox": [4, 9, 0, 9]}
        ],
    }
    (tmp_path / "vsdv1.json").write_text(
        json.dumps([item | {"captions": ["a cup on a table.", "the cup stands on the table."]}])
    )
    (tmp_path / "vsdv2.json").write_text(
        json.dumps([item | {"captions": ["A white cup stands on the table."]}])
    )
    vsdkit = python.parent / "vsdkit"
    _run(vsdkit, "build-instructions", "vsdv1.json", "vsdv2.json", cwd=tmp_path)
    assert len((tmp_path / "instructions.jsonl").read_text().splitlines()) == 1 + 2 + 1
    assert len((tmp_path / "gold.jsonl").read_text().splitlines()) == 3


def test_wheel_reads_every_template(python: Path, tmp_path: Path) -> None:
    code = (
        "from vsdkit.conversation import load_conversation, load_template\n"
        f"for name in {sorted(TEMPLATES)!r}: print(load_template(name).name)\n"
        "print(load_conversation('vicuna_v1').name)"
    )
    names = _run(python, "-c", code, cwd=tmp_path).split()
    assert names == [*sorted(TEMPLATES), "vicuna_v1"]
