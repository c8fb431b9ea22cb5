"""The files beside the code: workflows, CITATION.cff and CONTRIBUTING.md agree with the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from vsdkit import __version__

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _make_words() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (words,) = re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)
    return set(words.split())


def _workflow(name: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_there_are_two_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["publish.yml", "test.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_be_read_and_its_jobs_know_each_other(path: Path) -> None:
    workflow = _workflow(path.name)
    # YAML 1.1 reads the key "on" as true.
    assert workflow[True]
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert set(job) & {"steps", "uses"}
        assert job.get("needs") in {None, *workflow["jobs"]}
        for step in job.get("steps", []):
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@")
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()


def test_the_workflow_runs_the_words_of_the_makefile() -> None:
    runs = " ".join(step.get("run", "") for step in _steps(_workflow("test.yml")))
    called = set(re.findall(r"\bmake (\w+)", runs))
    assert {"check", "test"} <= called <= _make_words()


def test_every_python_of_the_classifiers_is_tested() -> None:
    prefix = "Programming Language :: Python :: "
    named = [
        line.removeprefix(prefix)
        for line in PROJECT["project"]["classifiers"]
        if line.startswith(prefix)
    ]
    matrix = _workflow("test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == named
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"


def test_only_the_publishing_job_may_speak_for_the_project() -> None:
    jobs = _workflow("publish.yml")["jobs"]
    allowed = [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert allowed == ["publish"]
    assert jobs["publish"]["environment"] == "pypi"
    assert jobs["publish"]["needs"] == "build"
    assert jobs["build"]["needs"] == "test"


def test_the_citation_agrees_with_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert citation["license"] == project["license"]
    assert citation["title"].startswith(project["name"])
    assert citation["authors"] == project["authors"]
    assert citation["keywords"] == project["keywords"]


def test_contributing_names_every_word_of_the_makefile_and_no_other() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`make (\w+)`", text)) == _make_words()


def test_contributing_names_the_markers_and_files_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    markers = {
        line.partition(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    }
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == markers
    paths = re.findall(r"\b(?:tests|src|\.github|benchmarks)/[\w/.]*\w", text)
    assert "src/vsdkit/__init__.py" in paths
    for path in paths:
        assert (ROOT / path).exists(), path


def test_torch_for_the_v100_is_an_extra_and_the_tested_one_is_in_it() -> None:
    (torch,) = [line for line in PROJECT["project"]["dependencies"] if line.startswith("torch>")]
    assert "<" not in torch
    (extra,) = map(Requirement, PROJECT["project"]["optional-dependencies"]["v100"])
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (tested,) = re.findall(r"^torch==(.+)$", constraints, flags=re.MULTILINE)
    assert extra.name == "torch"
    assert tested in extra.specifier
    # The first without code for it.
    assert "2.11.0" not in extra.specifier
    assert "pip install 'vsdkit[v100]'" in (ROOT / "README.md").read_text(encoding="utf-8")
