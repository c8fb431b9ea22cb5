"""Words for DeepSpeed's launcher: what vsdkit sets there itself is refused."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

__all__ = ["NO_VALUE", "REFUSED", "DeepspeedArgs"]

_OWN: Final = "vsdkit gives it itself"
_MACHINES: Final = "--hostfile before the -- names the machines"
_GPUS: Final = "--gpus before the -- says how many, CUDA_VISIBLE_DEVICES which"

REFUSED: Final = {
    "--num_gpus": _GPUS,
    "--num_accelerators": _GPUS,
    "--include": _GPUS,
    "-i": _GPUS,
    "--exclude": _GPUS,
    "-e": _GPUS,
    "--hostfile": _MACHINES,
    "-H": _MACHINES,
    "--num_nodes": _MACHINES,
    "--master_port": "use --master-port before the --",
    "--master_addr": "use --master-addr before the --",
    "--node_rank": "use --node-rank before the --",
    "--no_ssh": "use --node-rank before the --",
    "--module": _OWN,
    "--no_local_rank": _OWN,
    "--no_python": "vsdkit's training is a Python module",
    "--autotuning": "it would start other runs than the one that is planned",
    "--help": "for the launcher's own help: deepspeed --help",
    "-h": "for the launcher's own help: deepspeed --help",
}
"""Option of the launcher to what is to be used in its place, or why it is not."""

NO_VALUE: Final = (
    "--bind_cores_to_rank",
    "--force_multi",
    "--no_ssh_check",
    "--quiet",
    "-q",
    "--save_pid",
)
"""The other options of the launcher that take no value: a word behind them stands alone."""


def _refuse_own(words: tuple[str, ...]) -> tuple[str, ...]:
    may_be_value = False
    for word in words:
        if not word.startswith("-"):
            if not may_be_value:
                # The launcher would take it for the program to start, in the place of vsdkit's.
                raise ValueError(f"{word!r} belongs to no option of the launcher before it")
            may_be_value = False
            continue
        name, equals, _ = word.partition("=")
        if name in ("-", "--"):
            raise ValueError(f"{word!r} is no option of the launcher")
        # With hyphens it has none of these, and would say so minutes later.
        spelt = f"--{name[2:].replace('-', '_')}" if name.startswith("--") else name
        for refused, instead in REFUSED.items():
            # The launcher takes the beginning of an option for the whole, and -iworker for -i.
            long = refused.startswith("--")
            if refused.startswith(spelt) if long else name.startswith(refused):
                raise ValueError(f"{name} cannot be passed on: {instead}")
        may_be_value = not equals and not any(one.startswith(name) for one in NO_VALUE)
    return words


DeepspeedArgs = Annotated[tuple[str, ...], AfterValidator(_refuse_own)]
"""Words for DeepSpeed's launcher, as ``("--launcher", "slurm")``."""
