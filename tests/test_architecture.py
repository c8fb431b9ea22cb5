"""Who may import whom, and how large modules and functions may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vsdkit"

# From the ground up; a unit imports from lower layers only, and inside itself.
LAYERS = [
    ["__init__", "errors"],
    ["progress", "reporting"],
    ["data"],
    [
        "conversation",
        "wording",
        "answers",
        "settings",
        "manifest",
        "metrics",
        "jvm",
        "launch",
        "chat_client",
    ],
    ["model", "formats", "rewards", "plots"],
    ["boxes"],
    ["instructions", "finetune", "merge", "verify", "infer", "diversify", "score", "doctor"],
    ["ablate", "demo", "report"],
    ["cli"],
    ["__main__"],
]
LAYER = {unit: number for number, layer in enumerate(LAYERS) for unit in layer}

# What ``vsdkit.load`` and ``vsdkit.Spice`` are, for type checkers alone: test_library.py shows that
# nothing is loaded.
LATER = {("__init__", "infer"), ("__init__", "jvm")}

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "datasets",
    "PIL",
    "numpy",
    "pydantic",
    "matplotlib",
    "sklearn",
    "scipy",
    "skops",
)


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _unit(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imported_units(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [node.module or ""]
            if node.module == "vsdkit":
                names = [f"vsdkit.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vsdkit":
                unit = parts[1] if len(parts) > 1 else "__init__"
                yield node.lineno, unit if unit in LAYER else "__init__"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    unit = _unit(path)
    assert unit in LAYER, f"{unit} is in no layer"
    for line, imported in _imported_units(path):
        allowed = imported == unit or LAYER[imported] < LAYER[unit] or (unit, imported) in LATER
        assert allowed, f"{path}:{line}: {unit} must not import {imported}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_or_function_is_too_large(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 80, f"{path}:{node.lineno}: {node.name} has {length} lines"


def test_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, vsdkit.cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_package_is_listed_for_the_wheel() -> None:
    text = (SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    for folder in {path.parent for path in _modules()}:
        name = ".".join(("vsdkit", *folder.relative_to(SOURCE).parts))
        assert f'"{name}"' in text, f"{name} is missing in tool.setuptools.packages"


def _imported_distributions() -> dict[str, Path]:
    found: dict[str, Path] = {}
    own = metadata.packages_distributions()
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names} - {"vsdkit"}:
                if top not in sys.stdlib_module_names and top in own:
                    found.update(dict.fromkeys(own[top], path))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_distribution_is_declared() -> None:
    requirements = metadata.requires("vsdkit") or []
    declared = {re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in requirements}
    declared = {_normal(name) for name in declared}
    for distribution, path in _imported_distributions().items():
        assert _normal(distribution) in declared, f"{path} imports {distribution}: not declared"
