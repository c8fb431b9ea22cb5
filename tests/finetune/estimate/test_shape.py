"""Sizes of a base that are read from a model without weights."""

from __future__ import annotations

from vsdkit.finetune.estimate import Shape
from vsdkit.model.bases import check_base


def test_the_parts_of_the_tiny_base_add_up() -> None:
    shape = Shape.of(check_base("tiny"))
    tables = 2 * shape.vocabulary * shape.hidden
    assert shape.in_layers + shape.in_vision + tables == shape.parameters
    # 3 layers of 4 x 128^2 + 3 x 128 x 256 and two norms of 128; one norm behind them.
    assert shape.in_layers == 3 * (4 * 128**2 + 3 * 128 * 256 + 2 * 128) + 128
