"""Keys and values that grow in place are those of a cache that copies."""

from __future__ import annotations

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from vsdkit.model import growing_cache
from vsdkit.model.growing_cache import GrowingLayer


def step(tokens: int, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(batch, 2, tokens, 4), torch.randn(batch, 2, tokens, 4)


def test_it_holds_what_a_copying_layer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_cache, "_SPARE", 3)
    grows, copies = GrowingLayer(), DynamicLayer()
    torch.manual_seed(0)
    for tokens in (5, 1, 1, 1, 1, 4, 1):
        new = step(tokens)
        for one, other in zip(grows.update(*new), copies.update(*new), strict=True):
            assert torch.equal(one, other)
    assert grows.get_seq_length() == 14
    for layer in (grows, copies):
        layer.crop(-4)
    # Over what was cropped the next tokens are written.
    new = step(2)
    for one, other in zip(grows.update(*new), copies.update(*new), strict=True):
        assert torch.equal(one, other)
    for layer in (grows, copies):
        layer.batch_select_indices(torch.tensor([0, 2]))
    new = step(1, batch=2)
    for one, other in zip(grows.update(*new), copies.update(*new), strict=True):
        assert torch.equal(one, other)


def test_a_token_is_written_into_the_capacity_behind_the_others() -> None:
    layer = GrowingLayer()
    keys, _ = layer.update(*step(5))
    place = keys.data_ptr()
    for _ in range(growing_cache._SPARE):
        keys, _ = layer.update(*step(1))
    assert keys.data_ptr() == place
    keys, _ = layer.update(*step(1))
    assert keys.data_ptr() != place
