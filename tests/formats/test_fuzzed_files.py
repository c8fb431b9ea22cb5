"""One mutation of a valid file: an error that names the row, or all other rows as they were."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _load(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        # As Python has it for a script that is started there.
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


fuzz, files = _load("fuzz_files"), _load("fuzz_cases")
KINDS = tuple(fuzz.MUTATIONS)
fuzzed = settings(suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("fuzz")
        yield {case.name: case for case in files.make_cases(folder)}


def _check(case, mutant) -> None:
    outcome = fuzz.judge(case, mutant)
    assert outcome.kind in fuzz.GOOD, f"{mutant.touched} {outcome}"


@pytest.mark.parametrize("name", [name for name in files.CASES if name not in files.SLOW])
@settings(fuzzed, max_examples=80)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_random_mutations(cases, name: str, seed: int, kind: str) -> None:
    _check(cases[name], fuzz.mutate(cases[name], random.Random(seed), kind))


@pytest.mark.parametrize("name", files.SLOW)
@settings(fuzzed, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS))
def test_random_mutations_of_what_arrow_reads(cases, name: str, seed: int, kind: str) -> None:
    _check(cases[name], fuzz.mutate(cases[name], random.Random(seed), kind))


@pytest.mark.parametrize("name", [name for name in files.CASES if name not in files.SLOW])
@settings(fuzzed, max_examples=40)
@given(piece=st.text(max_size=30), place=st.floats(0, 1), size=st.integers(0, 60))
def test_any_text_in_the_place_of_any_other(cases, name, piece: str, place, size: int) -> None:
    case = cases[name]
    start = int(place * len(case.content))
    end = min(len(case.content), start + size)
    content = case.content[:start] + piece.encode("utf-8", "surrogatepass") + case.content[end:]
    _check(case, fuzz.Mutant(content, [(start, end)]))


def test_the_judge_sees_what_it_looks_for(cases) -> None:
    case = cases["preds"]
    lines = case.content.split(b"\n")
    swapped = b"\n".join([lines[0].replace(b"above", b"under"), *lines[1:]])
    assert fuzz.judge(case, fuzz.Mutant(swapped, [(0, 5)])).kind == "other rows unchanged"
    end = len(case.content)
    assert fuzz.judge(case, fuzz.Mutant(swapped, [(end - 3, end)])).kind == "another row changed"
    assert fuzz.judge(case, fuzz.Mutant(swapped, [(0, 5)], refused=True)).kind == (
        "taken though it is no JSON"
    )
    broken = files.Case("x", b"", {}, [], lambda content: {}[content])
    assert fuzz.judge(broken, fuzz.Mutant(b"", [])).kind == "traceback"
