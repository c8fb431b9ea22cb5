"""Write the end of docs/reproduction.md, and what training costs into docs/reproduce.md.

The published rows are those of ``vsdkit.metrics.published``; ours, and what could not be run, the
manifests that ``benchmarks/reproduction.py`` keeps. With --check, fail when a page is stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from generated import renew

from vsdkit.metrics.published import (
    CHALLENGE,
    EARLIER,
    LLAVA_VSD,
    LLAVA_VSD_WITHOUT_REWRITING,
    Published,
)

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reproduction.md"
RESULTS: Final = ROOT / "benchmarks" / "results" / "reproduction"
STEPS: Final = ROOT / "docs" / "reproduce.md"

# Column of the table (a headline number of `vsdkit score`) to the field of a published row. z1 is
# left out: it is F1.
COLUMNS: Final[Mapping[str, str]] = {
    "F1": "f1",
    "BLEU-4": "bleu4",
    "SPICE 2": "spice2",
    "z2": "z2",
    "mBLEU-4": "mbleu4",
    "SPICE 3": "spice3",
    "z3": "z3",
    "overall": "overall",
}

_PUBLISHED: Final = (LLAVA_VSD, LLAVA_VSD_WITHOUT_REWRITING, *EARLIER, *CHALLENGE)
_ABSENT: Final = "\N{EN DASH}"

Manifest = Mapping[str, Any]


def read_manifests(results: Path) -> list[Manifest]:
    """Return the manifests of a folder, in the order of their files."""
    files = sorted(results.glob("*.json"), key=lambda path: path.stem)
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def generate(manifests: Sequence[Manifest]) -> str:
    """Return the end of docs/reproduction.md.

    Args:
        manifests: Of systems that were scored, and of runs that could not be made.
    """
    ours = [one for one in manifests if "numbers" in one]
    plans = [one for one in manifests if "numbers" not in one]
    parts = (_beside(ours), _intervals(ours), _commands(ours), _signatures(ours), _not_run(plans))
    return "\n\n".join(parts)


def generate_costs(manifests: Sequence[Manifest]) -> str:
    """Return the table of what training takes.

    Args:
        manifests: Among others those of dry runs.
    """
    columns = (
        *("`vsdkit finetune --dry-run`", "steps", "million tokens"),
        *("GB a GPU, most at once + 10 %", "hours", "GPU hours", "disk, GB"),
    )
    return _table(columns, [_cost_row(one) for one in manifests if "steps" in one])


def _cost_row(one: Manifest) -> tuple[str, ...]:
    return (
        f"`{one['settings']}`",
        f"{one['steps']:,}",
        f"{one['tokens'] / 1e6:.0f}",
        f"{one['memory_bytes'] / 1e9:.1f} of {one['usable_bytes'] / 1e9:.1f}",
        _range(one["hours"]),
        _range([number * one["gpus"] for number in one["hours"]]),
        f"{one['disk_bytes'] / 1e9:.0f}",
    )


def _range(hours: Sequence[float]) -> str:
    # Two digits, or all before the point: 0.38, 4.5, 173.
    return " to ".join(f"{one:.0f}" if one >= 10 else f"{one:.2g}" for one in hours)


def _beside(ours: Sequence[Manifest]) -> str:
    items = {one["items"] for one in ours}
    told = ", ".join(f"{count:,}" for count in sorted(items))
    sources = list(dict.fromkeys(row.source for row in _PUBLISHED))
    rows = [
        *(_published_row(row, sources.index(row.source) + 1) for row in _PUBLISHED),
        *map(_own_row, ours),
    ]
    return "\n\n".join(
        (
            "## The paper's table beside ours",
            f"**Ours are of the public validation split ({told} items), the published rows of the "
            "test split.** They stand beside each other and are not compared: the images are "
            "others, and the engine boxes learns from one image where the paper's model has nine. "
            "The reading is that of BLEU-4, SPICE and mBLEU-4; which one the paper's own numbers "
            "are of is not printed (see above). z2 and z3 of published rows are computed from "
            "their parts. A dash: not published. Of mBLEU-4 less is better.",
            _table(("system", "split", "reading", *COLUMNS, "source"), rows),
            "\n".join(f"{number}. {source}" for number, source in enumerate(sources, start=1)),
        )
    )


def _published_row(row: Published, source: int) -> tuple[str, ...]:
    values = (getattr(row, field) for field in COLUMNS.values())
    return row.system, row.split, row.reading, *map(_printed, values), str(source)


def _own_row(one: Manifest) -> tuple[str, ...]:
    numbers = one["numbers"]
    values = (f"{numbers[column]['value']:.2f}" for column in COLUMNS)
    return _strong(one), one["split"], one["reading"], *values, "ours"


def _strong(one: Manifest) -> str:
    return f"**{one['system']}**"


def _printed(value: float | None) -> str:
    # Four digits behind the point, as the paper has them; a z of ours is rounded alike.
    return _ABSENT if value is None else f"{round(value, 4):g}"


def _intervals(ours: Sequence[Manifest]) -> str:
    rows = [
        (column, *(_with_interval(one["numbers"][column]) for one in ours)) for column in COLUMNS
    ]
    return "\n\n".join(
        (
            "### Ours, with 95 % intervals",
            _table(("number", *(one["system"] for one in ours)), rows),
        )
    )


def _with_interval(number: Mapping[str, Any]) -> str:
    low, high = number["interval"]
    return f"{number['value']:.2f} ({low:.2f} to {high:.2f})"


def _commands(ours: Sequence[Manifest]) -> str:
    shared: dict[tuple[str, ...], list[Manifest]] = {}
    for one in ours:
        shared.setdefault(tuple(one["commands"]), []).append(one)
    blocks = [
        "### What makes them again",
        "In a checkout, with VSD's two validation files as `vsdv1_val.json` and `vsdv2_val.json` "
        "in the folder that `VSDKIT_DATA` names ([data.md](data.md)). The first command answers "
        "each item by a model of boxes that was fitted on the other four fifths. The baselines' "
        "intervals are in `--json`.",
    ]
    for commands, systems in shared.items():
        blocks.append(f"{', '.join(_strong(one) for one in systems)}:")
        blocks.append(_shell(commands, "needs VSD's files"))
    facts = dict.fromkeys(_made_with(one) for one in ours)
    return "\n\n".join((*blocks, f"Made {'; '.join(facts)}."))


def _made_with(one: Manifest) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
    return f"on {one['date']} with {versions}"


def _signatures(ours: Sequence[Manifest]) -> str:
    kinds: dict[str, tuple[dict[str, str], list[str]]] = {}
    for one in ours:
        key = json.dumps(one["signatures"], sort_keys=True)
        kinds.setdefault(key, (one["signatures"], []))[1].append(one["system"])
    blocks = ["### Their signatures", "What each number was made with ([scoring.md](scoring.md))."]
    for signatures, systems in kinds.values():
        if len(kinds) > 1:
            blocks.append(f"{'; '.join(systems)}:")
        # A bar would end the cell.
        rows = [(name, f"`{text}`".replace("|", "\\|")) for name, text in signatures.items()]
        blocks.append(_table(("number", "signature"), rows))
    return "\n\n".join(blocks)


def _not_run(plans: Sequence[Manifest]) -> str:
    commands = dict.fromkeys(command for one in plans for command in one["commands"])
    return "\n\n".join(
        (
            "### What could not be run here, and what it would take",
            "No row of a 13B model is ours: that takes the training split, the pictures, the "
            "weights and GPUs. The estimates are dry runs on rows in the shape of the training "
            "split ([planning.md](planning.md) says how they are computed, "
            "[reproduce.md](reproduce.md) every step). Answering and rewriting come on top; how "
            "long they take was not measured.",
            _table(
                ("what", "GPUs", "hours", "GB a GPU", "fits", "GB of disk"),
                [_plan_row(one) for one in plans],
            ),
            _shell(commands, "needs VSD's files"),
        )
    )


def _plan_row(one: Manifest) -> tuple[str, ...]:
    hours = one["hours"]
    return (
        one["system"],
        f"{one['gpus']} x {one['gpu']}",
        "not measured" if hours is None else _range(hours),
        f"{one['memory_bytes'] / 1e9:.1f}",
        "yes" if one["fits"] else "no",
        f"{one['disk_bytes'] / 1e9:.0f}",
    )


def _shell(commands: Iterable[str], why: str) -> str:
    return "\n".join((f"<!-- not run: {why} -->", "```sh", *commands, "```"))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(columns, rows))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> None:
    """Write both pages, or compare them."""
    manifests = read_manifests(RESULTS)
    renew(PAGE, part="results", script=__file__, text=generate(manifests))
    renew(STEPS, part="costs", script=__file__, text=generate_costs(manifests))


if __name__ == "__main__":
    main()
