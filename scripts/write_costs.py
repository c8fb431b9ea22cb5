"""Write into docs/reproduce.md what the training takes; with --check, fail when it is stale.

The training split is not at hand. So rows are made in its shape, with the numbers of rows that the
paper tells, and ``vsdkit finetune --dry-run`` is asked about them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, Final, NamedTuple

PAGE: Final = Path(__file__).parents[1] / "docs" / "reproduce.md"
_PLACE: Final = re.compile(r"(<!-- costs, by scripts/write_costs.py -->\n).*?(<!-- end -->)", re.S)

# Of the paper, section 4.1: rows of tasks 1, 2 and 3, the first being the pictures.
_PICTURES: Final = 20_490
_SENTENCES: Final = 83_608
_TRIPLES: Final = 17_241
# As long as the captions of VSD's validation split in the mean: 7.3 and 8.8 words.
_CAPTION: Final = "a yellow kite is flying above the barn {}."
_DESCRIPTION: Final = "The yellow kite with a tail is above the old barn."


class Setup(NamedTuple):
    """A training whose costs are told."""

    profile: str
    """Shipped profiles, as ``--profile`` takes them."""
    gpu: str
    """Its GPUs."""
    gpus: int
    """How many."""

    @property
    def command(self) -> str:
        """What is typed."""
        return f"--profile {self.profile} --gpu {self.gpu} --gpus {self.gpus}"


SETUPS: Final = (
    Setup("paper", "v100-32gb", 8),
    Setup("anyres", "v100-32gb", 8),
    Setup("anyres,h100", "h100", 1),
    Setup("anyres,h100", "h100", 8),
)


def write_rows(folder: Path) -> None:
    """Write instruction rows in the training split's shape: as many pictures, captions and rows.

    Args:
        folder: It gets instructions.jsonl.
    """
    from vsdkit.instructions import build_instructions

    # A picture with one caption has no row of task 3.
    alone = _PICTURES - _TRIPLES
    least, more = divmod(_SENTENCES - alone, _TRIPLES)
    captions = [least + (number < more) for number in range(_TRIPLES)] + [1] * alone
    triple: dict[str, Any] = {"s": "yellow kite", "o": "barn", "p": "above"}
    triple |= {"s_bbox": [12, 80, 200, 310], "o_bbox": [150, 420, 90, 400]}
    pictures: dict[str, list[dict[str, Any]]] = {"v1": [], "v2": []}
    for number, count in enumerate(captions):
        picture = {"img_id": str(number), "triple_list": [triple]}
        told = [_CAPTION.format(one) for one in range(count)]
        pictures["v1"].append(picture | {"captions": told})
        pictures["v2"].append(picture | {"captions": [_DESCRIPTION]})
    for name, content in pictures.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    build_instructions(
        v1=folder / "v1.json",
        v2=folder / "v2.json",
        output=folder / "instructions.jsonl",
        gold=folder / "gold.jsonl",
    )


def ask(setup: Setup) -> dict[str, Any]:
    """Return what the dry run of a setup says of the rows in this folder."""
    from vsdkit.finetune import finetune
    from vsdkit.settings.finetune import FinetuneSettings
    from vsdkit.settings.resolve import resolve

    given = {"dry_run": True, "gpu": setup.gpu, "gpus": setup.gpus}
    settings = resolve(FinetuneSettings, flags=given, profile=setup.profile).settings
    return finetune(settings).to_dict()


def describe(setup: Setup, told: Mapping[str, Any]) -> str:
    """Return the row of a setup in the table."""
    memory, time = told["memory"], told["time"]
    stage = memory["of_zero_stage"][str(memory["zero_stage"])]
    hours = [time["hours_least"], time["hours_most"]]
    disk = sum(space["needed_bytes"] for space in told["disk"])
    cells = (
        f"`{setup.command}`",
        f"{told['steps']:,}",
        f"{told['tokens']['computed'] / 1e6:.0f}",
        f"{stage['with_reserve_bytes'] / 1e9:.1f} of {memory['usable_bytes'] / 1e9:.1f}",
        " to ".join(map(_round, hours)),
        " to ".join(_round(number * setup.gpus) for number in hours),
        f"{disk / 1e9:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _round(number: float) -> str:
    """Return two digits, or all before the point: 0.38, 4.5, 173."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def generate() -> str:
    """Return the table."""
    head = (
        "| `vsdkit finetune --dry-run` | steps | million tokens | GB a GPU, most at once + 10 % "
        "| hours | GPU hours | disk, GB |\n|---|---|---|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        # Nothing that the user has fetched: with a base at hand tokens and room would be others.
        # Set before vsdkit is imported, since the hub's library reads it then.
        os.environ |= {"HF_HOME": folder, "VSDKIT_CACHE": folder, "HF_HUB_OFFLINE": "1"}
        write_rows(Path(folder))
        return head + "\n".join(describe(setup, ask(setup)) for setup in SETUPS) + "\n"


def main() -> None:
    """Write the table, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    fresh, places = _PLACE.subn(lambda place: f"{place[1]}\n{generate()}\n{place[2]}", text)
    if places != 1:
        sys.exit(f"{PAGE.name} has no place for the table")
    if "--check" in sys.argv[1:]:
        if fresh != text:
            sys.exit(f"{PAGE.name} is stale: run make docs")
        return
    PAGE.write_text(fresh, encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
