"""Choose number format and attention for a machine, and say why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from packaging.version import Version

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.settings.defaults import PrecisionChoice

if TYPE_CHECKING:
    import torch

__all__ = ["Gpu", "Precision", "choose_precision", "decide_precision"]

DeviceChoice = Literal["auto", "cpu", "cuda"]

# Names of the settings to names of torch.
_DTYPES: Final = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
# Ampere: on older GPUs torch only imitates bf16.
_BF16_FROM: Final = (8, 0)
# An entry of torch.cuda.get_arch_list().
_ARCHITECTURE: Final = re.compile(r"(sm|compute)_(\d+)(\d)([a-z]?)")
_VOLTA: Final = (7, 0)
# torch on PyPI from here on has no code for Volta; the extra of pyproject.toml says the same.
_NO_VOLTA_FROM: Final = (2, 11)
_V100_EXTRA: Final = "vsdkit[v100]"


class Gpu(NamedTuple):
    """What the decision needs to know about a CUDA GPU."""

    name: str
    """As CUDA calls it."""
    capability: tuple[int, int]
    """Compute capability, (7, 0) for a V100."""

    @property
    def sm(self) -> str:
        """Architecture as torch writes it, ``sm_70`` for a V100."""
        return f"sm_{self.capability[0]}{self.capability[1]}"


class Precision(NamedTuple):
    """How a model is held and run."""

    device: str
    """``cpu`` or ``cuda``."""
    dtype_name: str
    """``float32``, ``float16`` or ``bfloat16``."""
    attention: str
    """Attention implementation as transformers names it."""
    reason: str
    """One line for the user."""

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of ``dtype_name``."""
        import torch

        dtype = getattr(torch, self.dtype_name)
        assert isinstance(dtype, torch.dtype)
        return dtype


def choose_precision(
    device: DeviceChoice = "auto", precision: PrecisionChoice = "auto"
) -> Precision:
    """Return the number format for this machine: ``decide_precision`` on what torch sees."""
    import torch

    gpu = None
    if device != "cpu" and torch.cuda.is_available():
        gpu = Gpu(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0))
    return decide_precision(
        gpu,
        device=device,
        precision=precision,
        architectures=torch.cuda.get_arch_list() if gpu else [],
        torch_version=torch.__version__,
    )


def decide_precision(
    gpu: Gpu | None,
    *,
    device: DeviceChoice,
    precision: PrecisionChoice,
    architectures: list[str],
    torch_version: str,
) -> Precision:
    """Return the number format for a GPU, or for the CPU where there is none.

    fp16 on GPUs without bf16 (V100: sm_70), bf16 on the others, fp32 on the CPU. Attention is
    torch's own (``sdpa``), which runs on every GPU; FlashAttention-2 needs sm_80.

    Args:
        gpu: The first GPU that torch sees, None where it sees none.
        device: What the user asked for.
        precision: What the user asked for.
        architectures: ``torch.cuda.get_arch_list()``: the GPUs this torch was compiled for.
        torch_version: For the message.

    Returns:
        The decision and its reason.

    Raises:
        ConfigError: If a GPU is asked for and none is there, or the format asked for cannot run.
        CheckpointError: If this torch has no code for the GPU.

    >>> v100 = Gpu("Tesla V100-SXM2-32GB", (7, 0))
    >>> torch_2_10 = {"architectures": ["sm_70", "sm_80"], "torch_version": "2.10.0"}
    >>> decide_precision(v100, device="auto", precision="auto", **torch_2_10).dtype_name
    'float16'
    """
    if device == "cpu" or (device == "auto" and gpu is None):
        return _decide_cpu(precision, asked=device == "cpu")
    if gpu is None:
        raise ConfigError(
            "no CUDA GPU found, but device 'cuda' was asked for",
            where=f"torch {torch_version}",
            hint="use --device cpu, or see what `vsdkit doctor` says about the driver",
        )
    if not _has_code(gpu.capability, architectures):
        raise CheckpointError(
            f"this torch has no code for the GPU {gpu.name} ({gpu.sm}): "
            f"it was built for {', '.join(architectures)}",
            where=f"torch {torch_version}",
            hint=_torch_for(gpu, architectures, torch_version),
        )
    has_bf16 = gpu.capability >= _BF16_FROM
    if precision == "bf16" and not has_bf16:
        raise ConfigError(
            f"the GPU {gpu.name} ({gpu.sm}) has no bf16",
            where="--precision bf16",
            hint="use --precision fp16, or leave it out",
        )
    if precision == "auto":
        dtype = _DTYPES["bf16" if has_bf16 else "fp16"]
        why = f"{gpu.sm} has bf16" if has_bf16 else f"{gpu.sm} has no bf16"
    else:
        dtype, why = _DTYPES[precision], "asked for"
    return Precision("cuda", dtype, "sdpa", f"{dtype} with SDPA attention on {gpu.name}: {why}")


def _decide_cpu(precision: PrecisionChoice, *, asked: bool) -> Precision:
    if precision == "fp16":
        raise ConfigError(
            "fp16 does not run on the CPU",
            where="--precision fp16",
            hint="use --precision fp32, or leave it out",
        )
    dtype = _DTYPES["fp32" if precision == "auto" else precision]
    why = "asked for" if asked else "no CUDA GPU found"
    return Precision("cpu", dtype, "sdpa", f"{dtype} with SDPA attention on the CPU: {why}")


def _torch_for(gpu: Gpu, architectures: list[str], torch_version: str) -> str:
    """Return how to install a torch with code for a GPU of which this one has none."""
    oldest = min((built for _, built, _ in _read(architectures)), default=None)
    if oldest is None or gpu.capability > oldest:
        # No code for any GPU, or none yet for one as new as this.
        return "pip install --upgrade torch"
    below = ".".join(map(str, _NO_VOLTA_FROM))
    if gpu.capability < _VOLTA:
        # pytorch's own builds keep Maxwell and Pascal (sm_50, sm_60), those on PyPI do not.
        return f"install a torch below {below} built for CUDA 12.6: pytorch.org, previous versions"
    if Version(torch_version).release < _NO_VOLTA_FROM:
        # In the extra's range already, so from another index than PyPI.
        return f"pip install --force-reinstall 'torch<{below}'"
    return f"pip install '{_V100_EXTRA}'"


def _has_code(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Say whether one of the builds runs on a GPU.

    Machine code (``sm_xy``) runs on later GPUs of the same major number, intermediate code
    (``compute_xy``) on all later GPUs.
    """
    for kind, built, is_exact in _read(architectures):
        if is_exact:
            # sm_90a, sm_120f: code for exactly this GPU (or family), not for later ones.
            if built == capability:
                return True
        elif built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def _read(architectures: list[str]) -> Iterator[tuple[str, tuple[int, int], bool]]:
    """Yield kind, capability, and whether a letter stands behind: sm_90a is sm, (9, 0), True."""
    for match in filter(None, map(_ARCHITECTURE.fullmatch, architectures)):
        yield match[1], (int(match[2]), int(match[3])), bool(match[4])
