"""The signature that Typer reads, made from a command's settings: a flag for each field."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from vsdkit.cli.config_text import config_data, config_text
from vsdkit.cli.output import Output
from vsdkit.settings.environment import read_environment, variable_name
from vsdkit.settings.resolve import Settings, profile_names, resolve
from vsdkit.settings.shape import Shape, rest_setting

__all__ = ["REST_WORDS", "with_flags"]

REST_WORDS = "vsdkit.rest"
"""Key of a context's ``meta``: the words behind ``--``."""

_Body = Callable[[Any, dict[str, str], Output], None]

_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_LOWER = {"ge": "{:,}<=", "gt": "{:,}<"}
_UPPER = {"le": "<={:,}", "lt": "<{:,}"}
"""Name of a bound in a field's metadata to how it stands beside an x."""


def with_flags(name: str, model: type[Settings]) -> Callable[[_Body], Callable[..., None]]:
    """Return a decorator that gives a command's body the flags of its settings.

    The body takes the resolved settings, the origin of each, and where to print. With
    ``--print-config`` they are printed and the body is not called.

    Args:
        name: Of the command.
        model: The settings; each field is a flag or an argument, unless it is marked ``NO_FLAG``.
    """

    def decorate(body: _Body) -> Callable[..., None]:
        def command(
            ctx: typer.Context,
            *,
            config: Path | None,
            profile: str | None = None,
            print_config: bool,
            as_json: bool,
            quiet: bool,
            debug: bool,
            **typed: Any,
        ) -> None:
            # Before anything can fail: the group looks there when it catches an error.
            ctx.find_root().params["debug"] |= debug
            # A switch that is off was not given: a file of settings may turn it on.
            flags = {
                setting: Shape.of(model.model_fields[setting]).plain(value)
                for setting, value in typed.items()
                if _is_given(ctx, setting)
            }
            rest = rest_setting(model)
            if rest is not None:
                flags[rest] = ctx.meta.get(REST_WORDS)
            resolved = resolve(
                model,
                flags=model.from_command_line(flags),
                environment=read_environment(model, name),
                config=config,
                profile=profile,
            )
            out = Output(as_json=as_json, quiet=quiet)
            if print_config:
                head = f"vsdkit {name}" + ("" if profile is None else f" --profile {profile}")
                out.show_text(config_text(resolved, head=head), config_data(resolved))
                return
            if not out.shows_bars:
                # tqdm reads it when it is imported, which is after this: transformers uses it.
                os.environ["TQDM_DISABLE"] = "1"
            body(resolved.settings, resolved.origins, out)

        # Typer reads the signature alone, so it may be made of anything.
        parameters = [_context(), *_of_settings(model), *_of_every_command(name, model)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def _of_settings(model: type[Settings]) -> Iterator[inspect.Parameter]:
    for name, field in model.model_fields.items():
        shape = Shape.of(field)
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


def _spellings(name: str, shape: Shape) -> tuple[str, ...]:
    own = name.replace("_", "-")
    if shape.kind is bool and shape.optional:
        return (f"--{own}/--no-{own}",)
    names = shape.flag.names
    return names if any(one.startswith("--") for one in names) else (f"--{own}", *names)


def _help(field: FieldInfo, shape: Shape) -> str:
    text = " ".join((field.description or "").replace("``", "").split())
    lower, upper = _bound(shape, _LOWER), _bound(shape, _UPPER)
    return f"{text} [{lower}x{upper}]" if lower or upper else text


def _bound(shape: Shape, kinds: Mapping[str, str]) -> str:
    for one in shape.metadata:
        for name, shown in kinds.items():
            if hasattr(one, name):
                return shown.format(getattr(one, name))
    return ""


def _default(field: FieldInfo, shape: Shape) -> Any:
    """Return the default as ``--help`` shows it."""
    if shape.kind is bool:
        return field.default
    if field.is_required() or field.default is None:
        return None
    if shape.several:
        return [",".join(map(str, field.default))]
    return str(field.default)


def _of_every_command(name: str, model: type[Settings]) -> Iterator[inspect.Parameter]:
    if model.profile is not None:
        mark = typer.Option(
            metavar="|".join(profile_names()),
            help="Shipped settings, which a file, the environment or a flag overrides; several as "
            "paper,h200: the later over the earlier.",
            envvar=variable_name(name, "profile"),
            show_envvar=False,
        )
        yield _keyword("profile", Annotated[str, mark], model.profile)
    mark = typer.Option(
        metavar="FILE",
        help="YAML file with any of the settings, which the environment or a flag overrides.",
        envvar=variable_name(name, "config"),
        show_envvar=False,
    )
    yield _keyword("config", Annotated[Path | None, mark], None)
    switches = {
        "print_config": typer.Option(
            "--print-config",
            help="Print each setting with where it comes from, as a file for --config, and do "
            "nothing else.",
        ),
        "as_json": typer.Option("--json", help="Print the result as JSON, and no progress."),
        "quiet": typer.Option("--quiet", "-q", help="Print no messages and no progress."),
        "debug": typer.Option("--debug", hidden=True),
    }
    for switch, mark in switches.items():
        yield _keyword(switch, Annotated[bool, mark], False)


def _context() -> inspect.Parameter:
    return _keyword("ctx", typer.Context, inspect.Parameter.empty)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
