from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vsdkit.cli.app import app
from vsdkit.doctor import checks
from vsdkit.doctor.report import Check
from vsdkit.jvm.files import CORENLP, missing_files

runner = CliRunner()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what starts Java or imports torch: their checks have tests of their own."""
    nothing: list[Check] = []
    for name in ("_torch_and_gpus", "_java"):
        monkeypatch.setattr(checks, name, lambda: nothing)
    monkeypatch.setattr(checks, "_parse", lambda: Check("SPICE", "ok", "parsed"))


def test_healthy_machine_is_exit_code_0(quick, spice_cache: Path) -> None:
    done = runner.invoke(app, ["doctor", "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["ok"] is True
    names = [check["name"] for check in document["checks"]]
    assert names[0] == "Python"
    assert {"packages for score", "deepspeed", CORENLP.name, "SPICE", "cache"} <= set(names)


def test_failed_check_is_exit_code_1(
    quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "empty"))
    done = runner.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "not there -> vsdkit doctor --install-spice" in done.stdout
    assert "3 of 9 checks failed" in done.stderr or "checks failed: stanford" in done.stderr


def test_spice_from_a_file(
    quick, spice_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "empty"))
    source = str(spice_files / CORENLP.name)
    done = runner.invoke(app, ["doctor", "--install-spice", "--from", source, "--json"])
    assert done.exit_code == 0
    assert missing_files() == []
    assert f"installed {CORENLP.name}, 7 MB" in done.stderr
    json.loads(done.stdout)


def test_spice_fetched_without_a_network(
    quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "empty"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = runner.invoke(app, ["doctor", "--install-spice"])
    assert done.exit_code == 3
    assert "vsdkit doctor --install-spice --from FILE" in done.stderr


def test_file_without_install_is_wrong_usage(tmp_path: Path) -> None:
    done = runner.invoke(app, ["doctor", "--from", "models.jar"])
    assert done.exit_code == 2
    assert "use with --install-spice only" in done.stderr


def test_cache_is_cleared(quick, spice_cache: Path) -> None:
    (spice_cache / "parsed_sentences.sqlite").write_bytes(b"1" * 1_000_000)
    done = runner.invoke(app, ["doctor", "--clear-cache"])
    assert done.exit_code == 0
    assert "cleared the cache: 1.0 MB" in done.stderr
    assert not (spice_cache / "parsed_sentences.sqlite").exists()
    assert missing_files() == []
