"""Read YAML text that holds names and values; a name that stands twice is refused."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

__all__ = ["parse_mapping"]


def parse_mapping(text: str) -> dict[Any, Any]:
    r"""Return the names and values of a YAML text; of an empty one, none.

    Raises:
        ValueError: If it is not YAML, holds no names and values, or a name twice.

    >>> parse_mapping("seed: 3\ntasks: [1, 2]")
    {'seed': 3, 'tasks': [1, 2]}
    """
    try:
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # The others: dates and numbers that are none, tags without a value, thousands of brackets.
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"expected names and values, got a {type(value).__name__}")
    return value


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which alone lets the last of two values stand."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping of a node.

        Raises:
            yaml.YAMLError: If a name stands twice.
        """
        seen = set[str]()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} is there twice", problem_mark=key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
