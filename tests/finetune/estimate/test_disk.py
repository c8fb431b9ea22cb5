"""Room on disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.finetune.estimate import disk
from vsdkit.finetune.estimate.disk import Space, checkpoint_bytes, find_short


def test_a_checkpoint_of_13b_takes_about_7_gb() -> None:
    assert checkpoint_bytes(500_695_040, dtype_bytes=2, zero_stage=3) == 14 * 500_695_040
    assert checkpoint_bytes(500_695_040, dtype_bytes=2, zero_stage=2) == 16 * 500_695_040


def test_what_lies_on_one_disk_shares_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 100)
    one, two = Space("base", 60, tmp_path / "a"), Space("adapter", 50, tmp_path / "b")
    nothing = Space("rows", 0, tmp_path)
    assert find_short([one, nothing]) == []
    assert find_short([one, two, nothing]) == [one, two]
