"""Send a run's numbers to TensorBoard, Weights & Biases or Trackio, through the Trainer's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vsdkit.errors import MissingInputError

__all__ = ["finish_reports", "report_arguments", "require_reporters"]

_PROJECT = "vsdkit"


def require_reporters(names: Sequence[str]) -> None:
    """Raise if a package that is to hear of a run is not installed.

    Raises:
        MissingInputError: If so; all that are missing are named.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise MissingInputError(
            f"not installed: {', '.join(missing)}",
            where="--report-to",
            hint=f"pip install {' '.join(missing)}",
        )


def report_arguments(names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the Trainer's arguments, after setting what its integrations read elsewhere.

    What the user has set in the environment stays: project, account, offline mode.

    Args:
        names: Who is to hear; the Trainer tells them in the first process only.
        folder: The run's: its name names the run, and files of the run are kept in it.
    """
    if "tensorboard" in names:
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
    if "wandb" in names:
        os.environ.setdefault("WANDB_PROJECT", _PROJECT)
        os.environ.setdefault("WANDB_DIR", str(folder))
    return {
        "report_to": list(names),
        "run_name": folder.name,
        "project": _PROJECT,
        # Else a public Space could be made of a run's numbers.
        "trackio_static_space_id": False,
    }


def finish_reports() -> None:
    """Let what was reported be whole before the process ends.

    TensorBoard and Trackio are closed by the Trainer. Weights & Biases waits for Python's own end,
    which a training process does not come to: a finished run would be shown as crashed.
    """
    # Only where the Trainer has imported it is there anything to finish.
    wandb = sys.modules.get("wandb")
    if wandb is not None:
        wandb.finish()
