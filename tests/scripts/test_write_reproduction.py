"""The end of docs/reproduction.md: made of manifests, found stale, with commands that are ones."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from vsdkit.cli.app import app
from vsdkit.metrics.published import CHALLENGE, EARLIER, LLAVA_VSD, LLAVA_VSD_WITHOUT_REWRITING
from vsdkit.score.headline import HEADLINE

ROOT = Path(__file__).parents[2]
KEPT = sorted((ROOT / "benchmarks" / "results" / "reproduction").glob("*.json"))
PUBLISHED = (LLAVA_VSD, LLAVA_VSD_WITHOUT_REWRITING, *EARLIER, *CHALLENGE)


def _module(folder: str, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # As Python itself finds a script's neighbours.
    monkeypatch.syspath_prepend(str(ROOT / folder))
    return importlib.import_module(name)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return _module("scripts", "write_reproduction", monkeypatch)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two systems that share commands, one with others, and a run that could not be made."""
    folder = tmp_path / "results"
    folder.mkdir()
    facts = {"versions": {"vsdkit": "1"}, "date": "2026-01-02"}
    for number, name in enumerate(("b", "a", "c")):
        manifest = {
            "system": f"system {name}",
            "commands": ["vsdkit score p --gold g", *(["second"] if name == "c" else [])],
            "split": "validation",
            "items": 1234,
            "reading": "paper",
            "numbers": {
                column: {"value": 10 * number + 0.125, "interval": [1.5, 2.25]}
                for column in HEADLINE
            },
            "signatures": {"F1": "a|b", "interval": "c"},
            **facts,
        }
        (folder / f"{name}.json").write_text(json.dumps(manifest))
    plan: dict[str, Any] = {"system": "a large run", "commands": ["vsdkit finetune --dry-run"]}
    plan |= {"settings": "--profile paper", "tokens": 84_508_752, "usable_bytes": 34.1e9}
    plan |= {"rows": 120_974, "steps": 946, "gpus": 8, "gpu": "v100-32gb", "fits": True}
    plan |= {"memory_bytes": 20.4e9, "hours": [4.51, 21.55], "disk_bytes": 48.7e9, **facts}
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


def _rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table behind a heading, its head left out."""
    behind = text[text.index(heading) :]
    table = behind[behind.index("\n| ") :].split("\n\n", 1)[0].strip().splitlines()
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table[2:]]


def test_published_rows_stand_before_ours_and_each_has_its_split(
    script: ModuleType, results: Path
) -> None:
    text = script.generate(script.read_manifests(results))
    rows = _rows(text, "## The paper's table beside ours")
    assert [row[0] for row in rows[: len(PUBLISHED)]] == [one.system for one in PUBLISHED]
    assert {row[1] for row in rows[: len(PUBLISHED)]} == {"test"}
    ours = rows[len(PUBLISHED) :]
    assert [row[0] for row in ours] == ["**system a**", "**system b**", "**system c**"]
    assert {row[1] for row in ours} == {"validation"}
    assert "validation split (1,234 items)" in text


def test_published_numbers_are_printed_as_they_are(script: ModuleType, results: Path) -> None:
    rows = _rows(
        script.generate(script.read_manifests(results)), "## The paper's table beside ours"
    )
    paper = rows[0][3:11]
    assert paper == [
        *("78.8728", "51.9585", "75.6158", "66.1529", "0.6916", "45.809", "47.5587", "59.3998")
    ]
    assert rows[1][3] == script._ABSENT
    assert rows[len(PUBLISHED) - 1][3:11] == [*[script._ABSENT] * 7, "59.3998"]


def test_ours_have_intervals_commands_and_signatures(script: ModuleType, results: Path) -> None:
    text = script.generate(script.read_manifests(results))
    (overall,) = (row for row in _rows(text, "### Ours, with 95 %") if row[0] == "overall")
    # In the order of the files: a was written second.
    assert overall[1:] == [f"{value:.2f} (1.50 to 2.25)" for value in (10.125, 0.125, 20.125)]
    again = text.split("### What makes them again")[1].split("###")[0]
    assert again.index("**system a**, **system b**:") < again.index("**system c**:")
    assert again.count("vsdkit score p --gold g") == 2
    assert "Made on 2026-01-02 with vsdkit 1." in again
    signatures = text.split("### Their signatures")[1].split("###")[0]
    assert signatures.count("| F1 | `a\\|b` |") == 1


def test_signatures_that_differ_name_their_systems(script: ModuleType, results: Path) -> None:
    other = json.loads((results / "c.json").read_text())
    (results / "c.json").write_text(json.dumps(other | {"signatures": {"F1": "another"}}))
    signatures = (
        script.generate(script.read_manifests(results))
        .split("### Their signatures")[1]
        .split("###")[0]
    )
    assert "system a; system b:" in signatures
    assert "system c:" in signatures


def test_what_could_not_be_run_tells_what_it_would_take(script: ModuleType, results: Path) -> None:
    manifests = script.read_manifests(results)
    ((what, gpus, hours, memory, fits, disk),) = _rows(
        script.generate(manifests), "### What could not be run"
    )
    assert (what, gpus, hours) == ("a large run", "8 x v100-32gb", "4.5 to 22")
    assert (memory, fits, disk) == ("20.4", "yes", "49")
    # What the paper did, and without GPUs nobody knows how long it would take.
    rewriting = {"system": "rewriting", "commands": [], "gpus": 1, "gpu": "l4", "hours": None}
    rewriting |= {"memory_bytes": 16.8e9, "fits": True, "disk_bytes": 15.2e9}
    text = script.generate([*manifests, rewriting])
    assert _rows(text, "### What could not be run")[1][2] == "not measured"


def test_the_steps_tell_what_each_dry_run_says(script: ModuleType, results: Path) -> None:
    told = f"\n\n{script.generate_costs(script.read_manifests(results))}"
    ((settings, *cells),) = _rows(told, "")
    assert settings == "`--profile paper`"
    assert cells == ["946", "85", "20.4 of 34.1", "4.5 to 22", "36 to 172", "49"]


def test_every_shell_block_says_why_no_test_runs_it(script: ModuleType, results: Path) -> None:
    text = script.generate(script.read_manifests(results))
    assert text.count("```sh") == text.count("<!-- not run: needs VSD's files -->\n```sh") == 3


def test_check_finds_a_stale_page_and_writing_renews_it(
    script: ModuleType, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    mark = "<!-- results, by scripts/write_reproduction.py -->"
    page.write_text(f"# Before\n\n{mark}\nold\n<!-- end -->\n\nAfter\n")
    steps = tmp_path / "steps.md"
    steps.write_text("<!-- costs, by scripts/write_reproduction.py -->\n<!-- end -->\n")
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr(script, "STEPS", steps)
    monkeypatch.setattr(script, "RESULTS", results)
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    with pytest.raises(SystemExit, match=r"page.md is stale: run make docs"):
        script.main()
    monkeypatch.setattr(sys, "argv", ["script"])
    script.main()
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("<!-- end -->\n\nAfter\n")
    assert "\nold\n" not in text
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    script.main()
    changed = json.loads((results / "a.json").read_text())
    changed["numbers"]["overall"]["value"] += 0.01
    (results / "a.json").write_text(json.dumps(changed))
    with pytest.raises(SystemExit, match="stale"):
        script.main()


def test_a_page_without_its_place_is_an_error(
    script: ModuleType, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("# A page\n")
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(script, "RESULTS", results)
    with pytest.raises(SystemExit, match=r"page.md has no place for the results"):
        script.main()


def test_the_rows_that_can_be_made_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = _module("benchmarks", "reproduction", monkeypatch)
    made = {row.file for row in benchmark.ROWS} | {plan.file for plan in benchmark.PLANS}
    assert {path.stem for path in KEPT} == made | {"plan-rewriting"}
    for path in KEPT:
        commands = json.loads(path.read_text(encoding="utf-8"))["commands"]
        for command in commands:
            if command.startswith("python"):
                script, *words = shlex.split(command)[1:]
                assert script == "benchmarks/reproduction.py"
                parser: argparse.ArgumentParser = benchmark.make_parser()
                assert parser.parse_args(words).answers_only


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_every_command_of_a_manifest_is_one(path: Path) -> None:
    group = typer.main.get_command(app)
    commands = json.loads(path.read_text(encoding="utf-8"))["commands"]
    assert commands
    with typer.Context(group, info_name="vsdkit") as context:
        for command in commands:
            program, name, *words = shlex.split(command)
            if program == "vsdkit":
                one = group.get_command(context, name)  # type: ignore[attr-defined]
                assert one is not None, command
                one.make_context(name, words, parent=context)
            else:
                assert program == "python"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_manifests_hold_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "/root" not in text
    assert "/tmp" not in text
    assert "/home" not in text
