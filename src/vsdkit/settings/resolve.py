"""Settings of a command from flags, environment, a file and profiles, each with its origin."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from vsdkit.data.yaml_text import parse_mapping
from vsdkit.errors import ConfigError, MissingInputError

__all__ = [
    "ARGUMENT",
    "NO_FLAG",
    "REST",
    "SAME_RESULT",
    "Flag",
    "Resolved",
    "Settings",
    "Variable",
    "nearest",
    "profile_names",
    "read_yaml",
    "resolve",
]


class _SameResult:
    """Type of ``SAME_RESULT``."""


SAME_RESULT = _SameResult()
"""Marks a setting, in its ``Annotated``, of which every value gives the same result: a place, a
number of processes or rows at once, a way of showing."""


class Flag(NamedTuple):
    """How a setting stands on the command line, in its ``Annotated``.

    Without it ``lora_rank`` is ``--lora-rank``, a bool is a switch, and ``bool | None`` has
    ``--x`` and ``--no-x``.
    """

    names: tuple[str, ...] = ()
    """Other spellings: ``--from`` takes the place of the field's name, ``-o`` stands beside it."""
    metavar: str = ""
    """What stands for the value in ``--help``."""
    argument: bool = False
    """Whether it is given by position."""
    offered: bool = True
    """Whether it has a flag at all, and with it an environment variable."""
    rest: bool = False
    """Whether it takes the words behind ``--``, as they are."""


ARGUMENT = Flag(argument=True)
"""Marks a setting that is given by position."""
NO_FLAG = Flag(offered=False)
"""Marks a setting that only a file or the library can give."""
REST = Flag(offered=False, rest=True)
"""Marks the setting that takes the words behind ``--``."""


class Settings(BaseModel):
    """Base of every command's settings: frozen, and an unknown key is an error."""

    # NaN and infinity can be written in YAML, but no setting has a use for them.
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*")
    @classmethod
    def _fits_json(cls, value: Any) -> Any:
        """Refuse whole numbers that JSON's writers do not take, wherever a bound is missing."""
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("too large a number")
        return value

    profile: ClassVar[str | None] = None
    """The shipped profile that is taken where none is named; None for settings without profiles."""

    @classmethod
    def from_command_line(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the settings that typed words stand for, where names alone do not say it."""
        return given

    def identity(self, **found: Any) -> dict[str, Any]:
        """Return what a result depends on, as JSON: a changed value means another result.

        Args:
            **found: What stands in a setting's place where that only names it (the hash of a
                file, the number format that ``auto`` came to), and facts that are no setting.

        Returns:
            Each setting that is not marked ``SAME_RESULT``, then the further facts.
        """
        same = {
            name for name, one in type(self).model_fields.items() if SAME_RESULT in one.metadata
        }
        return self.model_dump(mode="json", exclude=same | found.keys()) | found


SettingsT = TypeVar("SettingsT", bound=Settings)


class Variable(NamedTuple):
    """A setting that an environment variable gives."""

    name: str
    """Of the variable."""
    value: Any
    """What it says, not yet checked."""


class Resolved(NamedTuple, Generic[SettingsT]):
    """Settings and, for each field, where its value came from."""

    settings: SettingsT
    origins: dict[str, str]


def resolve(
    model: type[SettingsT],
    *,
    flags: Mapping[str, Any],
    environment: Mapping[str, Variable] | None = None,
    config: Path | None = None,
    profile: str | None = None,
    origin: str = "flag",
) -> Resolved[SettingsT]:
    """Return the settings: flag over environment over file over profile over default.

    Args:
        model: The command's settings.
        flags: Field to value; None means that the flag was not given.
        environment: Field to what an environment variable says of it. Only the command line
            passes any: what the library does depends on its arguments alone.
        config: A YAML file with any of the fields.
        profile: Name of a shipped file of settings, or several, comma separated; of two that give
            the same setting the later counts.
        origin: What the flags are called in the origins and in errors.

    Raises:
        ConfigError: If a key is unknown or a value is wrong; field, value and range are named.
        MissingInputError: If the file is not there.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(model.model_fields, "default")
    layers: list[tuple[str, Mapping[str, Any]]] = []
    names = [] if profile is None else [one.strip() for one in profile.split(",")]
    layers += [(f"profile {one}", _read_profile(one)) for one in names]
    if config is not None:
        layers.append((str(config), read_yaml(config)))
    for key, variable in (environment or {}).items():
        layers.append((f"environment {variable.name}", {key: variable.value}))
    layers.append((origin, {key: value for key, value in flags.items() if value is not None}))
    for name, layer in layers:
        values |= layer
        origins |= dict.fromkeys(layer, name)
    try:
        return Resolved(model.model_validate(values), origins)
    except ValidationError as error:
        raise _config_error(model, error, origins) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        MissingInputError: If the file is not there.
        ConfigError: If it is not YAML, or not a mapping of names to values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8 text", where=str(path)) from error
    return _parse_yaml(text, str(path))


def profile_names() -> list[str]:
    """Return the names of the shipped profiles."""
    folder = resources.files("vsdkit.settings") / "profiles"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir())


def _read_profile(name: str) -> dict[str, Any]:
    known = profile_names()
    if name not in known:
        raise ConfigError(
            f"unknown profile {name!r}; known: {', '.join(known)}",
            where="--profile",
            hint=nearest(name, known),
        )
    file = resources.files("vsdkit.settings") / "profiles" / f"{name}.yaml"
    return _parse_yaml(file.read_text(encoding="utf-8"), f"profile {name}")


def _parse_yaml(text: str, where: str) -> dict[str, Any]:
    try:
        return {str(key): value for key, value in parse_mapping(text).items()}
    except ValueError as error:
        raise ConfigError(str(error), where=where) from error


def _config_error(
    model: type[Settings], error: ValidationError, origins: Mapping[str, str]
) -> ConfigError:
    found = error.errors()
    # A wrong name also makes the right one missing: the wrong one is the cause.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    if not first["loc"]:
        # Of several settings that contradict each other: the message names them.
        return ConfigError(first["msg"].removeprefix("Value error, "))
    path = ".".join(str(part) for part in first["loc"])
    where = f"{path} ({origins.get(str(first['loc'][0]), 'settings')})"
    if first["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown setting {path!r}", where=where, hint=nearest(path, model.model_fields)
        )
    if first["type"] == "missing":
        return ConfigError(
            f"{path!r} is needed",
            where=path,
            hint="name it on the command line (see --help), in a --config file, or as a keyword",
        )
    message = f"{path} = {_shown(first['input'])}: {_expectation(first)}"
    return ConfigError(message, where=where)


# What pydantic calls them, and what a person does.
_KINDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
}


def _expectation(error: Any) -> str:
    if error["type"] in _KINDS:
        return f"expected {_KINDS[error['type']]}"
    told: str = error["msg"].removeprefix("Value error, ")
    return told.replace("Input should be", "expected")


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(str(value) if isinstance(value, Path) else value)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, as a hint; all of them if none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]!r}?" if matches else f"known: {', '.join(sorted(known))}"
