"""Variables of the parent that its processes on other machines need; ssh brings few of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

__all__ = ["carried_environment", "set_carried"]

# What libraries of the processes read: the hub and its cache, threads, tokenizers, the network
# between GPUs, and the loggers. CUDA_ is not here: its lists of GPUs are a machine's own.
_CARRIED = re.compile(
    "(HF|TRANSFORMERS|TOKENIZERS|SAFETENSORS|ACCELERATE|DS|OMP|MKL|NCCL|GLOO|TORCH|PYTORCH"
    "|VSDKIT|WANDB|TRACKIO|TENSORBOARD)_.+"
)
# A word of the name, or its end: HF_TOKEN, WANDB_API_KEY, VSDKIT_DBPASSWORD; not TOKENIZERS_.
_SECRET = re.compile(
    r"(^|_)(TOKENS?|KEYS?|SECRETS?|CREDENTIALS?|AUTH|PAT)(_|$)|(PASSWORD|PASSWD|SECRET|TOKEN|KEY)$"
)
# user:password@ in an address.
_LOGIN = re.compile(r"//[^/@\s]+@")
# Of this machine and this start alone.
_OWN = re.compile("VSDKIT_(PARENT|VISIBLE_DEVICES)")


def carried_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that processes of other machines need; never a secret.

    Args:
        environment: All variables.

    >>> carried_environment({"HF_HOME": "/hf", "HF_TOKEN": "x", "HOME": "/home/me"})
    {'HF_HOME': '/hf'}
    """
    return {
        name: value
        for name, value in sorted(environment.items())
        if _CARRIED.fullmatch(name)
        and not (_OWN.fullmatch(name) or _SECRET.search(name.upper()) or _LOGIN.search(value))
    }


def set_carried(environment: Mapping[str, str]) -> None:
    """Set the parent's variables here, before what reads them at its import is imported.

    Args:
        environment: From ``carried_environment``.
    """
    for name, value in environment.items():
        # What a machine sets itself stands: its own cache, its own network interface.
        os.environ.setdefault(name, value)
