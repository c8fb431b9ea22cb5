"""The signature that Typer reads, made from a command's settings: a flag for each field."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from vsdkit.cli.output import Output
from vsdkit.settings.resolve import Flag, Settings, profile_names, resolve

__all__ = ["with_flags"]

_Body = Callable[[Any, dict[str, str], Output], None]

_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_LOWER = {"ge": "{:,}<=", "gt": "{:,}<"}
_UPPER = {"le": "<={:,}", "lt": "<{:,}"}
"""Name of a bound in a field's metadata to how it stands beside an x."""


def with_flags(model: type[Settings]) -> Callable[[_Body], Callable[..., None]]:
    """Return a decorator that gives a command's body the flags of its settings.

    The body takes the resolved settings, the origin of each, and where to print.

    Args:
        model: The settings; each field is a flag or an argument, unless it is marked ``NO_FLAG``.
    """

    def decorate(body: _Body) -> Callable[..., None]:
        def command(
            ctx: typer.Context,
            *,
            config: Path | None,
            profile: str | None = None,
            as_json: bool,
            quiet: bool,
            debug: bool,
            **typed: Any,
        ) -> None:
            # Before anything can fail: the group looks there when it catches an error.
            ctx.find_root().params["debug"] |= debug
            # A switch that is off was not given: a file of settings may turn it on.
            given = {name: value for name, value in typed.items() if _is_given(ctx, name)}
            flags = {name: _plain(model.model_fields[name], value) for name, value in given.items()}
            settings, origins = resolve(
                model, flags=model.from_command_line(flags), config=config, profile=profile
            )
            out = Output(as_json=as_json, quiet=quiet)
            if not out.shows_bars:
                # tqdm reads it when it is imported, which is after this: transformers uses it.
                os.environ["TQDM_DISABLE"] = "1"
            body(settings, origins, out)

        # Typer reads the signature alone, so it may be made of anything.
        parameters = [_context(), *_of_settings(model), *_of_every_command(model)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


class _Shape(NamedTuple):
    """What the values of a field are."""

    kind: Any
    """Type of one value: bool, int, float, str or Path."""
    choices: tuple[Any, ...]
    several: bool
    optional: bool
    metadata: tuple[Any, ...]
    """Of the field, and of the types within its type."""

    @classmethod
    def of(cls, field: FieldInfo) -> _Shape:
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
        )


def _of_settings(model: type[Settings]) -> Iterator[inspect.Parameter]:
    for name, field in model.model_fields.items():
        shape = _Shape.of(field)
        flag = shape.flag
        if not flag.offered:
            continue
        text = _help(field, shape)
        kind: Any = Path
        mark: Any
        if flag.argument:
            mark = typer.Argument(help=text, metavar=flag.metavar or None)
        else:
            # What is typed stays text: the model refuses a wrong value, wherever it comes from.
            kind = bool if shape.kind is bool else str
            choices = ("," if shape.several else "|").join(map(str, shape.choices))
            metavar = choices or flag.metavar or _METAVARS.get(shape.kind)
            mark = typer.Option(*_spellings(name, shape), help=text, metavar=metavar)
        annotation = list[kind] | None if shape.several else kind | None
        yield _keyword(name, Annotated[annotation, mark], _default(field, shape))


def _spellings(name: str, shape: _Shape) -> tuple[str, ...]:
    own = name.replace("_", "-")
    if shape.kind is bool and shape.optional:
        return (f"--{own}/--no-{own}",)
    names = shape.flag.names
    return names if any(one.startswith("--") for one in names) else (f"--{own}", *names)


def _help(field: FieldInfo, shape: _Shape) -> str:
    text = " ".join((field.description or "").replace("``", "").split())
    lower, upper = _bound(shape, _LOWER), _bound(shape, _UPPER)
    return f"{text} [{lower}x{upper}]" if lower or upper else text


def _bound(shape: _Shape, kinds: Mapping[str, str]) -> str:
    for one in shape.metadata:
        for name, shown in kinds.items():
            if hasattr(one, name):
                return shown.format(getattr(one, name))
    return ""


def _default(field: FieldInfo, shape: _Shape) -> Any:
    """Return the default as ``--help`` shows it."""
    if shape.kind is bool:
        return field.default
    if field.is_required() or field.default is None:
        return None
    if shape.several:
        return [",".join(map(str, field.default))]
    return str(field.default)


def _of_every_command(model: type[Settings]) -> Iterator[inspect.Parameter]:
    if model.profile is not None:
        known = "|".join(profile_names())
        mark = typer.Option(
            metavar=known, help="Shipped settings; a file or a flag overrides them."
        )
        yield _keyword("profile", Annotated[str, mark], model.profile)
    mark = typer.Option(
        metavar="FILE", help="YAML file with any of the settings; a flag overrides it."
    )
    yield _keyword("config", Annotated[Path | None, mark], None)
    switches = {
        "as_json": typer.Option("--json", help="Print the result as JSON, and no progress."),
        "quiet": typer.Option("--quiet", "-q", help="Print no messages and no progress."),
        "debug": typer.Option("--debug", hidden=True),
    }
    for name, mark in switches.items():
        yield _keyword(name, Annotated[bool, mark], False)


def _context() -> inspect.Parameter:
    return _keyword("ctx", typer.Context, inspect.Parameter.empty)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _plain(field: FieldInfo, value: Any) -> Any:
    """Return a number for the digits of a field that takes numbers, anything else as it is.

    pydantic reads digits itself, but not those of a ``Literal[1, 2, 3]``.
    """
    if isinstance(value, str) and _Shape.of(field).kind in (int, float):
        for number in (int, float):
            try:
                return number(value)
            except ValueError:
                continue
    return value
