"""One mutation of a valid file: an error that names the row, or all other rows as they were."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_score_files.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_score_files", FUZZ)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fuzz = _load()


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory):
    return {case.name: case for case in fuzz.make_cases(tmp_path_factory.mktemp("fuzz"))}


@pytest.mark.parametrize("name", fuzz.CASES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_mutations(cases, name: str, seed: int) -> None:
    case = cases[name]
    content, start, end = fuzz.mutate(case.content, random.Random(seed))
    outcome = fuzz.judge(case, content, start, end)
    good = ("error that names the row", "other rows unchanged")
    assert outcome.kind in good, f"{start}:{end} {outcome}"


@pytest.mark.parametrize("name", fuzz.CASES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(piece=st.text(max_size=30), place=st.floats(0, 1), size=st.integers(0, 60))
def test_any_text_in_the_place_of_any_other(cases, name, piece: str, place, size: int) -> None:
    case = cases[name]
    start = int(place * len(case.content))
    end = min(len(case.content), start + size)
    content = case.content[:start] + piece.encode("utf-8", "surrogatepass") + case.content[end:]
    outcome = fuzz.judge(case, content, start, end)
    good = ("error that names the row", "other rows unchanged")
    assert outcome.kind in good, f"{start}:{end} {outcome}"


def test_the_judge_sees_what_it_looks_for(cases) -> None:
    case = cases["preds"]
    lines = case.content.split(b"\n")
    swapped = b"\n".join([lines[0].replace(b"above", b"under"), *lines[1:]])
    assert fuzz.judge(case, swapped, 0, 5).kind == "other rows unchanged"
    assert fuzz.judge(case, swapped, len(case.content) - 3, len(case.content)).kind == (
        "another row changed"
    )
    broken = fuzz.Case("x", b"", {}, [], lambda content: {}[content])
    assert fuzz.judge(broken, b"", 0, 0).kind == "traceback"
