"""A package's verb: a function that takes its settings as keywords, and returns a report."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol, TypeVar, get_type_hints

from vsdkit.errors import ConfigError
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.resolve import Settings, resolve

__all__ = ["Verb", "verb"]

SettingsT = TypeVar("SettingsT", bound=Settings)
ReportT = TypeVar("ReportT", covariant=True)
_TakenT = TypeVar("_TakenT", bound=Settings, contravariant=True)

_ARGS = re.compile(r"\n\nArgs:(?:\n +\S.*)+")
_LISTENER = "    listener: Is told of messages and progress; nobody is, unless you give one."


class Verb(Protocol[_TakenT, ReportT]):
    """What ``verb`` makes of a function."""

    __name__: str

    def __call__(
        self,
        settings: _TakenT | None = None,
        /,
        *,
        listener: Listener = SILENT,
        origins: Mapping[str, str] | None = None,
        **given: Any,
    ) -> ReportT:
        """Do the work; settings are given as one object, or each as a keyword."""


class _Inner(Protocol[_TakenT, ReportT]):
    """A function that does the work, given settings that are checked."""

    __name__: str

    def __call__(
        self, settings: _TakenT, *, listener: Listener, origins: Mapping[str, str] | None
    ) -> ReportT: ...


def verb(
    model: type[SettingsT],
) -> Callable[[_Inner[SettingsT, ReportT]], Verb[SettingsT, ReportT]]:
    """Return a decorator for the public function of a package.

    The function takes the settings as keywords, checked by the model, or as one ready object. Its
    signature and docstring list them.

    Args:
        model: The settings.
    """

    def decorate(inner: _Inner[SettingsT, ReportT]) -> Verb[SettingsT, ReportT]:
        @wraps(inner)
        def call(
            settings: SettingsT | None = None,
            /,
            *,
            listener: Listener = SILENT,
            origins: Mapping[str, str] | None = None,
            **given: Any,
        ) -> ReportT:
            if settings is None:
                settings, origins = resolve(model, flags=given, origin="argument")
            elif given:
                raise ConfigError(
                    f"{', '.join(given)}: given beside ready settings",
                    where=inner.__name__,
                    hint="give one settings object, or each setting as a keyword",
                )
            return inner(settings, listener=listener, origins=origins)

        call.__signature__ = _signature(model, inner)  # type: ignore[attr-defined]
        call.__doc__ = _docstring(model, inner)
        return call

    return decorate


def _signature(model: type[Settings], inner: Callable[..., Any]) -> inspect.Signature:
    positional, keyword = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.KEYWORD_ONLY
    # Without what pydantic and the command line read in them.
    types = get_type_hints(model)
    return inspect.Signature(
        [
            inspect.Parameter("settings", positional, default=None, annotation=model | None),
            *(
                one.replace(annotation=types[name])
                for name, one in inspect.signature(model).parameters.items()
            ),
            inspect.Parameter("listener", keyword, default=SILENT, annotation=Listener),
        ],
        return_annotation=inspect.signature(inner).return_annotation,
    )


def _docstring(model: type[Settings], inner: Callable[..., Any]) -> str:
    lines = [
        f"    {name}: {' '.join((field.description or '').split())}"
        for name, field in model.model_fields.items()
    ]
    # What the inner function is given is no argument of the verb. The settings are a section of
    # Google's form, which editors and the documentation show beside their types.
    told = _ARGS.sub("", inspect.getdoc(inner) or "")
    return "\n".join([told, "", "Args:", *lines, _LISTENER])
