"""The library as README shows it: verbs that take keywords, print nothing, and load little."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vsdkit

README = Path(__file__).parents[1] / "README.md"


def _example() -> str:
    section = README.read_text(encoding="utf-8").split("## As a library\n", 1)[1]
    (code,) = re.findall(r"```python\n(.*?)```", section.split("\n## ", 1)[0], re.DOTALL)
    return code


def _write_files(folder: Path) -> None:
    triple = {"s": "cup", "o": "desk", "p": "on", "s_bbox": [1, 9, 2, 8], "o_bbox": [5, 50, 0, 99]}
    captions_of = {"vsdv1.json": ["a cup on a desk.", "one cup.", "a desk."], "vsdv2.json": ["c."]}
    for name, captions in captions_of.items():
        item = {"img_id": "7", "triple_list": [triple], "captions": captions}
        (folder / name).write_text(json.dumps([item]), encoding="utf-8")
    row = {"id": "7", "task": 1, "prediction": "on"}
    (folder / "preds.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def test_the_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _write_files(tmp_path)
    exec(compile(_example(), str(README), "exec"), {})
    out, err = capfd.readouterr()
    # What the example prints itself, and nothing else.
    assert out.splitlines() == ["{1: 1, 2: 3, 3: 1}", "100.0"]
    assert err == ""


def _run(program: str, folder: Path) -> tuple[int, str, str]:
    """Run a program as a user's own, bars and all; return exit code, stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment | {"HF_HUB_OFFLINE": "1"},
    )
    return done.returncode, done.stdout, done.stderr


def test_a_model_answers_without_a_word(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 30), "white").save(tmp_path / "7.jpg")
    (tmp_path / "items.csv").write_text("image,subject,object\n7.jpg,cup,desk\n")
    program = (
        "from vsdkit.infer import infer\n"
        "from vsdkit.model import answerer\n"
        "answerer.MAX_NEW_TOKENS = {1: 2, 2: 2, 3: 2}\n"
        "report = infer(items='items.csv', images=['.'], base='tiny')\n"
        "assert report.answered_now == 3"
    )
    assert _run(program, tmp_path) == (0, "", "")
    assert (tmp_path / "preds.jsonl").is_file()


def test_a_model_is_loaded_once_and_describes_without_a_word(tmp_path: Path) -> None:
    program = (
        "import vsdkit, numpy\n"
        "from vsdkit.model import answerer\n"
        "answerer.MAX_NEW_TOKENS = {1: 2, 2: 2, 3: 2}\n"
        "model = vsdkit.load('tiny', image_mode='single')\n"
        "said = model.describe(numpy.zeros((30, 40, 3), 'uint8'), 'cup', 'desk')\n"
        "assert len(said.probabilities) == 9\n"
    )
    assert _run(program, tmp_path) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_what_the_package_has_is_named_and_nothing_else() -> None:
    assert vsdkit.load.__module__ == "vsdkit.infer.describe"
    assert all(hasattr(vsdkit, name) for name in vsdkit.__all__)
    with pytest.raises(AttributeError, match="module 'vsdkit' has no attribute 'lod'"):
        vsdkit.lod  # noqa: B018


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import vsdkit", ("torch", "transformers", "numpy", "pydantic", "PIL", "typer", "yaml")),
        ("import vsdkit; vsdkit.load", ("torch", "transformers", "typer")),
        ("from vsdkit.score import score", ("torch", "transformers", "numpy", "PIL", "typer")),
        *(
            (f"from vsdkit.{package} import {verb}", ("torch", "transformers", "typer"))
            for package, verb in (
                ("instructions", "build_instructions"),
                ("finetune", "finetune"),
                ("infer", "infer"),
                ("diversify", "diversify"),
                ("ablate", "ablate"),
                ("demo", "demo"),
                ("doctor", "doctor"),
            )
        ),
    ],
)
def test_importing_a_verb_loads_nothing_heavy(code: str, heavy: tuple[str, ...]) -> None:
    program = f"{code}\nimport sys\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
