"""An adapter on the disk adds what PEFT adds, and all that is no plain LoRA is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from vsdkit.errors import CheckpointError
from vsdkit.model.adapter_weights import AdapterWeights
from vsdkit.model.checkpoint import load_base
from vsdkit.model.lora import without_peft_noise
from vsdkit.model.precision import choose_precision


@pytest.fixture(scope="module")
def plain(make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "plain")


@pytest.fixture
def adapter(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "adapter"))


@pytest.mark.parametrize(
    "lora",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 8}},
        {"alpha_pattern": {"q_proj": 3, r".*\.2\..*": 5}},
    ],
    ids=["plain", "rslora", "ranks", "alphas"],
)
def test_the_change_is_that_of_peft(
    make_run: Callable[..., Path], tmp_path: Path, fp32_base: Path, lora: dict[str, Any]
) -> None:
    folder = make_run(tmp_path / "run", **lora)
    loaded = load_base(str(fp32_base), image_mode="anyres", precision=choose_precision("cpu"))
    with without_peft_noise():
        model = PeftModel.from_pretrained(loaded.model, str(folder))
    with AdapterWeights.read(folder) as adapter:
        assert len(adapter.pairs) == 21
        for name, pair in adapter.pairs.items():
            module = model.base_model.model.get_submodule(name.removesuffix(".weight"))
            expected = module.get_delta_weight("default")
            torch.testing.assert_close(adapter.change(pair), expected, rtol=1e-6, atol=1e-7)
            assert tuple(expected.shape) == pair.shape
        largest = max([4, *lora.get("rank_pattern", {}).values()])
        assert adapter.rank == largest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("lora_bias", True),
        ("bias", "all"),
        ("fan_in_fan_out", True),
        ("init_lora_weights", "pissa"),
        ("trainable_token_indices", [1]),
        ("target_parameters", ["gate"]),
    ],
)
def test_more_than_plain_lora_is_refused_by_its_name(
    adapter: Path, field: str, value: object
) -> None:
    place = adapter / "adapter_config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {field: value}))
    with pytest.raises(CheckpointError, match=f"not a plain LoRA adapter: {field} is"):
        AdapterWeights.read(adapter)


def test_another_kind_of_adapter(adapter: Path) -> None:
    config = {"peft_type": "LOHA", "r": 4}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="not a plain LoRA adapter: peft_type"):
        AdapterWeights.read(adapter)


def _change(adapter: Path, change: Callable[[dict[str, Any]], object]) -> None:
    weights = adapter / "adapter_model.safetensors"
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights)


def test_a_half_that_is_missing(adapter: Path) -> None:
    _change(adapter, lambda tensors: tensors.pop(next(one for one in tensors if "lora_B" in one)))
    with pytest.raises(CheckpointError, match=r"do not fit together: .* B is None, the rank is 4"):
        AdapterWeights.read(adapter)


def test_a_rank_that_is_not_the_configurations(adapter: Path) -> None:
    place = adapter / "adapter_config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"r": 8}))
    with pytest.raises(CheckpointError, match=r"do not fit together: A is .* the rank is 8"):
        AdapterWeights.read(adapter)


@pytest.mark.parametrize(
    "key",
    [
        "base_model.model.model.language_model.layers.0.mlp.up_proj.lora_magnitude_vector",
        "base_model.model.model.language_model.embed_tokens.lora_embedding_A",
        "lm_head.weight",
    ],
)
def test_a_weight_without_a_place(adapter: Path, key: str) -> None:
    _change(adapter, lambda tensors: tensors.update({key: torch.ones(2)}))
    with pytest.raises(CheckpointError, match=r"1 weights of the adapter have no place \(first: "):
        AdapterWeights.read(adapter)


def test_no_adapter(adapter: Path) -> None:
    (adapter / "adapter_config.json").unlink()
    with pytest.raises(CheckpointError, match="no adapter here"):
        AdapterWeights.read(adapter)


def test_pairs_that_add_nothing_are_named(adapter: Path) -> None:
    key = "base_model.model.model.language_model.layers.1.self_attn.v_proj.lora_B.weight"
    _change(adapter, lambda tensors: tensors[key].zero_())
    with AdapterWeights.read(adapter) as found:
        assert found.zero_pairs() == ["model.language_model.layers.1.self_attn.v_proj.weight"]
