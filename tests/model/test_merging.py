"""Each weight of an adapter meets exactly one of its base, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vsdkit.errors import CheckpointError
from vsdkit.model.adapter_weights import AdapterWeights
from vsdkit.model.merging import MergedWeights
from vsdkit.model.stored_weights import LoadedNames, StoredWeights

Parts = tuple[StoredWeights, AdapterWeights, LoadedNames]
Q_PROJ = "language_model.model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def parts(
    make_run: Callable[..., Path], fp32_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parts]:
    folder = make_run(tmp_path_factory.mktemp("runs") / "one", projector=True)
    names = LoadedNames.of(str(fp32_base), image_mode="anyres")
    with StoredWeights.read(fp32_base) as base, AdapterWeights.read(folder) as adapter:
        yield base, adapter, names


def test_what_is_added_replaced_and_left_alone(parts: Parts) -> None:
    base, adapter, names = parts
    merged = MergedWeights.match(base, adapter, names)
    assert (len(merged.added), len(merged.replaced)) == (21, 4)
    changed = {name for name in base.tensors if not torch.equal(merged.load(name), base.load(name))}
    assert changed == merged.added.keys() | merged.replaced.keys()
    pair = adapter.pairs[merged.added[Q_PROJ]]
    a, b = (adapter.stored.load(key) for key in (pair.a, pair.b))
    torch.testing.assert_close(merged.load(Q_PROJ), base.load(Q_PROJ) + 2.0 * b @ a)


def test_the_sum_is_rounded_once_to_the_bases_format(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, adapter, names = parts
    expected = MergedWeights.match(base, adapter, names).load(Q_PROJ)
    # As stored in 16 bits: the sum itself is still made in 32.
    half = {
        name: base.load(name).half() for name in (Q_PROJ, "multi_modal_projector.linear_1.bias")
    }
    monkeypatch.setattr(StoredWeights, "load", _loading(half))
    merged = MergedWeights.match(base, adapter, names)
    assert merged.load(Q_PROJ).dtype == torch.float16
    change = expected - base.load(Q_PROJ).float()
    apart = (merged.load(Q_PROJ).float() - expected).abs().max()
    assert apart < 2e-3
    assert change.abs().max() > 10 * apart
    assert merged.load("multi_modal_projector.linear_1.bias").dtype == torch.float16


def _loading(own: dict[str, torch.Tensor]) -> Callable[[StoredWeights, str], torch.Tensor]:
    load = StoredWeights.load

    def loading(self: StoredWeights, name: str) -> torch.Tensor:
        return own[name] if name in own else load(self, name)

    return loading


def test_a_base_without_the_layer(parts: Parts) -> None:
    base, adapter, names = parts
    fewer = replace(
        base, tensors={name: one for name, one in base.tensors.items() if name != Q_PROJ}
    )
    with pytest.raises(CheckpointError, match=r"it has 0 weights named model\.language_model\.lay"):
        MergedWeights.match(fewer, adapter, names)


def test_a_base_that_has_the_layer_twice(parts: Parts) -> None:
    base, adapter, names = parts
    own = "model.language_model.layers.0.self_attn.q_proj.weight"
    more = replace(base, tensors={**base.tensors, own: base.tensors[Q_PROJ]})
    with pytest.raises(CheckpointError, match="it has 2 weights named"):
        MergedWeights.match(more, adapter, names)


def test_a_base_of_another_size(parts: Parts) -> None:
    base, adapter, names = parts
    wider = base.tensors[Q_PROJ]._replace(shape=(256, 256))
    with pytest.raises(CheckpointError, match=r"is \[256, 256\], expected \[128, 128\]"):
        MergedWeights.match(replace(base, tensors={**base.tensors, Q_PROJ: wider}), adapter, names)


def test_a_weight_that_the_base_has_under_two_names(parts: Parts) -> None:
    base, adapter, names = parts
    names.model.all_tied_weights_keys = {
        "lm_head.weight": "model.language_model.layers.0.self_attn.q_proj.weight"
    }
    try:
        with pytest.raises(CheckpointError, match="is tied to another weight"):
            MergedWeights.match(base, adapter, names)
    finally:
        names.model.all_tied_weights_keys = {}


def test_two_weights_of_the_adapter_for_one_of_the_base(parts: Parts) -> None:
    base, adapter, names = parts
    pair = adapter.pairs["model.language_model.layers.0.self_attn.q_proj.weight"]
    pairs = {**adapter.pairs, Q_PROJ: pair}
    with pytest.raises(CheckpointError, match="is met twice"):
        MergedWeights.match(base, replace(adapter, pairs=pairs), names)
