"""The shape of a setting: what its values are, and how it stands on the command line."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from vsdkit.settings.resolve import Flag, Settings

__all__ = ["Shape", "rest_setting"]


class Shape(NamedTuple):
    """What the values of a field are."""

    kind: Any
    """Type of one value: bool, int, float, str or Path."""
    choices: tuple[Any, ...]
    """The values that there are; empty where any value of the type may stand."""
    several: bool
    """Whether it is a list."""
    optional: bool
    """Whether there may be none."""
    metadata: tuple[Any, ...]
    """Of the field, and of the types within its type."""

    @classmethod
    def of(cls, field: FieldInfo) -> Shape:
        """Return the shape of a field."""
        kind, several, optional, inner = field.annotation, False, False, ()
        # Inwards to one value: tuple[Path, ...], Annotated[Path, ...] | None, Literal[...] | None.
        while get_origin(kind) not in (None, Literal):
            first, *others = get_args(kind)
            if get_origin(kind) is Annotated:
                inner = (*inner, *others)
            several = several or get_origin(kind) is tuple
            optional = optional or NoneType in others
            kind = first
        choices = get_args(kind)
        kind = type(choices[0]) if choices else kind
        return cls(kind, choices, several, optional, (*inner, *field.metadata))

    @property
    def flag(self) -> Flag:
        """How it stands on the command line, by all its marks; of two metavars the last."""
        marks = [mark for mark in self.metadata if isinstance(mark, Flag)]
        return Flag(
            names=tuple(name for mark in marks for name in mark.names),
            metavar=([""] + [mark.metavar for mark in marks if mark.metavar])[-1],
            argument=any(mark.argument for mark in marks),
            offered=all(mark.offered for mark in marks),
            rest=any(mark.rest for mark in marks),
        )

    def plain(self, typed: Any) -> Any:
        """Return a number for the digits of a field that takes numbers, anything else as it is.

        pydantic reads digits itself, but not those of a ``Literal[1, 2, 3]``.
        """
        if isinstance(typed, str) and self.kind in (int, float):
            for number in (int, float):
                try:
                    return number(typed)
                except ValueError:
                    continue
        return typed


def rest_setting(model: type[Settings]) -> str | None:
    """Return the setting that takes the words behind ``--``; None if the command has none."""
    rest = (name for name, field in model.model_fields.items() if Shape.of(field).flag.rest)
    return next(rest, None)
