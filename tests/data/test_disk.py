"""Free space of folders that need not be there."""

from __future__ import annotations

from pathlib import Path

from vsdkit.data.disk import disk_of, free_bytes


def test_a_folder_that_is_not_there_yet_has_the_room_of_the_one_above(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "runs" / "below") > 0
    assert disk_of(tmp_path / "runs" / "below") == tmp_path.stat().st_dev
