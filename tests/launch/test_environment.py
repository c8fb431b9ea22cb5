"""What is carried to other machines."""

from __future__ import annotations

import os

import pytest

from vsdkit.launch.environment import carried_environment, set_carried


def test_what_the_processes_need_is_carried_and_no_secret() -> None:
    carried = {
        "HF_HOME": "/shared/hf",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "4",
        "NCCL_SOCKET_IFNAME": "ib0",
        "VSDKIT_CACHE": "/shared/cache",
        "DS_ACCELERATOR": "cpu",
        "WANDB_PROJECT": "vsd",
    }
    left = {
        "HF_TOKEN": "x",
        "HF_TOKEN_PATH": "/home/me/token",
        "WANDB_API_KEY": "x",
        "VSDKIT_API_KEY": "x",
        "VSDKIT_DB_PASSWORD": "x",
        "VSDKIT_DBPASSWORD": "x",
        "HF_SECRET_THING": "x",
        "HF_ENDPOINT": "https://me:word@mirror.example/hf",
        "CUDA_VISIBLE_DEVICES": "0",
        "VSDKIT_VISIBLE_DEVICES": "0",
        "VSDKIT_PARENT": "17",
        "PATH": "/bin",
        "HOME": "/home/me",
    }
    assert carried_environment(carried | left) == carried


def test_variables_of_the_parent_are_set_where_a_machine_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "8"})
    set_carried({"HF_HOME": "/hf", "OMP_NUM_THREADS": "4"})
    assert os.environ == {"HF_HOME": "/hf", "OMP_NUM_THREADS": "8"}
