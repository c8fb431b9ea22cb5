"""A base in fewer bits: what is packed and what is not. Most of it needs bitsandbytes."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
import torch

from vsdkit.errors import CheckpointError, MissingInputError
from vsdkit.model.checkpoint import load_base
from vsdkit.model.families import FAMILIES
from vsdkit.model.lora import count_trainable, count_trained, with_lora
from vsdkit.model.precision import choose_precision
from vsdkit.model.quantisation import refuse_unquantised, require_bitsandbytes
from vsdkit.settings.defaults import LoadIn

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None,
    reason="bitsandbytes is not installed: pip install 'vsdkit[quant]'",
)
FAMILY = FAMILIES["llava_next"]


def _load(load_in: LoadIn) -> Any:
    precision = choose_precision("cpu")
    return load_base("tiny", image_mode="single", precision=precision, load_in=load_in)


@needs_bitsandbytes
@pytest.mark.parametrize(("load_in", "dtype"), [("4bit", torch.uint8), ("8bit", torch.int8)])
def test_exactly_the_layers_of_lora_are_packed(load_in: LoadIn, dtype: torch.dtype) -> None:
    model = _load(load_in).model
    packed = {
        name.removesuffix(".weight")
        for name, weight in model.named_parameters()
        if weight.dtype == dtype
    }
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    # Seven projections of each of the tiny decoder's three layers.
    assert len(packed) == 21
    assert packed == {name for name in linear if re.fullmatch(FAMILY.lora_targets, name)}
    for part in ("vision_tower", "multi_modal_projector", "lm_head"):
        assert any(part in name for name in linear - packed)
    assert all(
        weight.dtype == torch.float32
        for name, weight in model.named_parameters()
        if name.removesuffix(".weight") not in packed
    )


@needs_bitsandbytes
@pytest.mark.parametrize("load_in", ["4bit", "8bit"])
@pytest.mark.parametrize("train_projector", [False, True])
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_as_much_trains_as_without_packing(load_in: LoadIn, train_projector: bool) -> None:
    loaded = _load(load_in)
    planned = count_trainable(loaded.model.config, rank=4, train_projector=train_projector)
    adapted = with_lora(
        loaded.model, FAMILY, rank=4, alpha=8, dropout=0.0, train_projector=train_projector
    )
    assert count_trained(adapted) == planned


def test_layer_that_was_not_packed_is_told() -> None:
    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    with pytest.raises(CheckpointError, match=r"21 of 21 layers were not .* \(first: .*q_proj"):
        refuse_unquantised(loaded.model, FAMILY, where="tiny")


def test_missing_bitsandbytes_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(MissingInputError, match="not installed or too old") as caught:
        require_bitsandbytes()
    assert "pip install --upgrade 'vsdkit[quant]'" in caught.value.hint
    with pytest.raises(MissingInputError, match="bitsandbytes"):
        _load("4bit")
