"""Probe of torch, run as a child process: prints what torch sees as one line of JSON.

A torch that crashes or hangs while it is imported takes nobody with it.
"""

from __future__ import annotations

import json
from typing import Any

from vsdkit.errors import VsdkitError


def main() -> None:
    """Print the versions, the GPUs, and the number format ``choose_precision`` gives them."""
    import torch

    from vsdkit.model.precision import choose_precision

    found: dict[str, Any] = {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "architectures": torch.cuda.get_arch_list(),
        "gpus": [],
        "precision": None,
        "error": None,
    }
    for number in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(number)
        found["gpus"].append(
            {
                "name": gpu.name,
                "capability": f"{gpu.major}.{gpu.minor}",
                "memory_gib": round(gpu.total_memory / 2**30, 1),
            }
        )
    try:
        found["precision"] = choose_precision().reason
        # A few numbers on the GPU itself: code for another architecture fails only here.
        device = "cuda" if found["gpus"] else "cpu"
        assert float(torch.ones(2, 2, device=device).sum()) == 4.0
    except VsdkitError as error:
        found["error"] = {"message": error.message, "mend": error.hint}
    except RuntimeError as error:
        found["error"] = {"message": str(error).partition("\n")[0], "mend": ""}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
