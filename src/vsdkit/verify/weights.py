"""The weights of a merged folder beside what base and adapter come to, tensor by tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.verify.report import WEIGHTS, Check

if TYPE_CHECKING:
    import torch

    from vsdkit.model.merging import MergedWeights
    from vsdkit.model.stored_weights import LoadedNames, StoredWeights
    from vsdkit.progress import Listener

__all__ = ["check_weights"]


def check_weights(
    merged: MergedWeights, other: StoredWeights, names: LoadedNames, listener: Listener
) -> Check:
    """Return whether a folder holds the sum of base and adapter, whoever wrote it.

    The tensors of one weight are in memory at a time. Names are compared as transformers loads
    them, and numbers up to two roundings of the coarser number format: other programs add up in
    another order.
    """
    expected = {names.rename(name): name for name in merged.base.tensors}
    actual = {names.rename(name): name for name in other.tensors}
    # A tied weight may be stored under either of its names.
    missing = sorted(expected.keys() - actual.keys() - names.tied)
    extra = sorted(actual.keys() - expected.keys() - names.tied)
    if missing or extra:
        first = (missing or extra)[0]
        return Check(
            WEIGHTS, False, f"{len(missing)} are missing and {len(extra)} too many (first: {first})"
        )
    differing = []
    shared = [name for name in expected if name in actual]
    with listener.track("compare weights", total=len(shared)) as tracker:
        for name in shared:
            base = merged.base.load(expected[name])
            largest = _difference(merged.load(expected[name]), other.load(actual[name]), base)
            if largest is not None:
                differing.append((actual[name], largest))
            tracker.advance()
    if not differing:
        return Check(WEIGHTS, True, f"all {len(shared)} are base + adapter")
    name, largest = differing[0]
    return Check(
        WEIGHTS,
        False,
        f"{len(differing)} of {len(shared)} are not base + adapter (first: {name}, off by "
        f"{largest:.3g})",
    )


def _difference(expected: torch.Tensor, actual: torch.Tensor, base: torch.Tensor) -> float | None:
    """Return the largest difference of two tensors; None if it is not more than roundings."""
    import torch

    if expected.shape != actual.shape:
        return float("inf")
    coarser = max((expected.dtype, actual.dtype), key=lambda dtype: torch.finfo(dtype).eps)
    # What is rounded is the sum, and the change before it: neither is larger than both ends.
    allowed = expected.float().abs().add_(base.float().abs()).mul_(2 * torch.finfo(coarser).eps)
    apart = (expected.float() - actual.float()).abs_()
    # The smallest numbers of fp16 are rounded by more than their share.
    beyond = apart > allowed.add_(torch.finfo(coarser).smallest_normal * 1e-3)
    # NaN is larger than nothing, and no weight.
    if not bool(beyond.any()) and bool(apart.isfinite().all()):
        return None
    return float(apart.nan_to_num(nan=float("inf")).max())
