"""Resolved settings as a file for --config, or as data: each value with where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vsdkit.reporting import printable

if TYPE_CHECKING:
    from vsdkit.settings.resolve import Resolved

__all__ = ["config_data", "config_text"]

_WIDTH = 80
"""Columns of a line; a longer value stands whole, with its origin on the line above."""


def config_data(resolved: Resolved[Any]) -> dict[str, Any]:
    """Return each setting with its value and its origin, as JSON has them."""
    values = resolved.settings.model_dump(mode="json")
    return {
        name: {"value": value, "origin": resolved.origins[name]} for name, value in values.items()
    }


def config_text(resolved: Resolved[Any], *, head: str) -> str:
    """Return the settings as YAML that ``--config`` reads, the origin as a comment.

    Args:
        resolved: The settings and their origins.
        head: The comment of the first line.
    """
    lines = [_comment(head)]
    for name, entry in config_data(resolved).items():
        text = _yaml({name: entry["value"]})
        comment = _comment(entry["origin"])
        whole = f"{text}  {comment}"
        lines += [whole] if "\n" not in text and len(whole) <= _WIDTH else [comment, text]
    return "\n".join([*lines, ""])


def _yaml(entry: dict[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes a text that is not plainly printable: PyYAML would have some read otherwise."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if value.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    (value,) = entry.values()
    # A list on its line, but not the setting itself in brackets.
    flow = None if isinstance(value, list | dict) else False
    # Without a width a long text would be folded.
    return yaml.dump(
        entry, Dumper=Dumper, default_flow_style=flow, allow_unicode=True, width=float("inf")
    ).rstrip("\n")


def _comment(text: str) -> str:
    # A path may hold a line break, which would end the comment.
    return f"# {printable(' '.join(text.splitlines()))}"
