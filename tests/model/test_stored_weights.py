"""Weights are found by header, index and name, and read one at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import tiny_base_path
from vsdkit.model.stored_weights import LoadedNames, StoredWeights, read_header


@pytest.fixture(scope="module")
def names() -> LoadedNames:
    return LoadedNames.of("tiny", image_mode="single")


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64, torch.uint8, torch.bool]
)
def test_a_tensor_takes_as_many_bytes_as_in_memory(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.ones(3, 5, dtype=dtype)
    save_file({"one": tensor}, tmp_path / "model.safetensors")
    with StoredWeights.read(tmp_path) as stored:
        assert stored.n_bytes == tensor.numel() * tensor.element_size()
        assert stored.tensors["one"].shape == (3, 5)
        assert torch.equal(stored.load("one"), tensor)


def test_the_number_format_of_most_of_it(tmp_path: Path) -> None:
    tensors = {"large": torch.ones(9, dtype=torch.bfloat16), "small": torch.ones(1)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert StoredWeights.read(tmp_path).dtype == "BF16"


def _write_shards(folder: Path, shards: dict[str, dict[str, torch.Tensor]]) -> None:
    for file, tensors in shards.items():
        save_file(tensors, folder / file)
    weight_map = {name: file for file, tensors in shards.items() for name in tensors}
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_are_found_by_the_index(tmp_path: Path) -> None:
    one, two = torch.ones(2), torch.zeros(2)
    _write_shards(tmp_path, {"b.safetensors": {"x": one}, "a.safetensors": {"y": two}})
    # Left over from another model: nothing names it.
    save_file({"z": one}, tmp_path / "model.safetensors")
    with StoredWeights.read(tmp_path) as stored:
        assert list(stored.tensors) == ["y", "x"]
        assert torch.equal(stored.load("x"), one)


def test_a_weight_in_two_shards(tmp_path: Path) -> None:
    _write_shards(tmp_path, {"a.safetensors": {"x": torch.ones(1)}})
    save_file({"x": torch.ones(1)}, tmp_path / "b.safetensors")
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="the weight x is there twice"):
        StoredWeights.read(tmp_path)


def test_a_shard_that_is_missing_and_one_that_is_cut_off(tmp_path: Path) -> None:
    _write_shards(tmp_path, {"a.safetensors": {"x": torch.ones(100)}})
    shard = tmp_path / "a.safetensors"
    shard.write_bytes(shard.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="missing, damaged or cut off"):
        read_header(shard)
    shard.unlink()
    with pytest.raises(CheckpointError, match="missing, damaged or cut off"):
        StoredWeights.read(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"weight_map": 3}', "{}"])
def test_an_index_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(CheckpointError, match="the index of the weights cannot be read"):
        StoredWeights.read(tmp_path)


def test_every_stored_name_becomes_one_of_the_models(names: LoadedNames) -> None:
    with StoredWeights.read(tiny_base_path()) as stored:
        renamed = [names.rename(name) for name in stored.tensors]
    assert sorted(renamed) == sorted(names.model.state_dict())


@pytest.mark.parametrize(
    "stored",
    [
        # The hub's; an adapter's of transformers 4.52 and later; today's own.
        "language_model.model.layers.0.mlp.up_proj.weight",
        "model.language_model.model.layers.0.mlp.up_proj.weight",
        "model.language_model.layers.0.mlp.up_proj.weight",
    ],
)
def test_older_names_become_todays(names: LoadedNames, stored: str) -> None:
    assert names.rename(stored) == "model.language_model.layers.0.mlp.up_proj.weight"
