"""Griffe extension for the library's pages: the commands' functions, and fields as lists.

A command's function gets its signature and docstring when its package is imported
(``settings/verb.py``); griffe reads the source, where neither stands. And the fields of a record,
each with a docstring of its own, read better as one list than under a heading each.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import griffe

from vsdkit.settings.commands import COMMANDS, Command

# From the first prompt to the next empty line.
_EXAMPLE: Final = re.compile(r"^( *)>>> .*?(?=\n *\n|\Z)", re.MULTILINE | re.DOTALL)
_OPTIONAL: Final = re.compile(r"^Optional\[(.*)\]$")


class VsdkitPages(griffe.Extension):
    """Show ``vsdkit`` as its users meet it."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Change what was read of ``vsdkit``'s source, once all of it is.

        griffe's extension ``dataclasses`` goes before: it makes constructors from the fields.
        """
        if pkg.name != "vsdkit":
            return
        for one in _objects(pkg):
            if one.docstring:
                one.docstring.value = _fence(one.docstring.value)
            if isinstance(one, griffe.Class):
                _list_fields(one)
        for command in COMMANDS.values():
            package = pkg[command.package.removeprefix("vsdkit.")]
            lineno = package.members[command.verb].lineno
            package.set_member(command.verb, _function(command, loader, lineno=lineno))


def _objects(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    for member in parent.members.values():
        if isinstance(member, griffe.Object):
            yield member
        if isinstance(member, griffe.Module | griffe.Class):
            yield from _objects(member)


def _fence(docstring: str) -> str:
    """Return a docstring whose examples are code in Markdown too, where > is a quotation."""
    return _EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", docstring)


def _list_fields(one: griffe.Class) -> None:
    fields = []
    for name, member in list(one.members.items()):
        # What Python calls by itself (__str__, __post_init__) is no name that anybody writes;
        # __init__ stays, since a class's parameters are its.
        is_called = name.startswith("_")
        if isinstance(member, griffe.Attribute) and "property" not in member.labels:
            if member.docstring and not is_called:
                text = member.docstring.value
                fields.append(
                    griffe.DocstringAttribute(name, annotation=member.annotation, description=text)
                )
            one.del_member(name)
        elif is_called and name != "__init__":
            one.del_member(name)
    if one.docstring and fields:
        one.docstring.parsed.append(griffe.DocstringSectionAttributes(fields))


def _function(
    command: Command, loader: griffe.GriffeLoader, *, lineno: int | None
) -> griffe.Function:
    verb = command.load_verb()
    signature = inspect.signature(verb)
    parameters = griffe.Parameters(
        *(
            griffe.Parameter(
                one.name,
                annotation=_type(one.annotation),
                kind=griffe.ParameterKind[one.kind.name.lower()],
                default=None if one.default is one.empty else _value(one.default),
            )
            for one in signature.parameters.values()
            # Not the ready settings, which stand in the place of all keywords.
            if one.kind is one.KEYWORD_ONLY
        )
    )
    docstring = griffe.Docstring(
        inspect.getdoc(verb) or "",
        parser=loader.docstring_parser,
        parser_options=loader.docstring_options,
    )
    function = griffe.Function(
        command.verb,
        lineno=lineno,
        endlineno=lineno,
        parameters=parameters,
        returns=str(signature.return_annotation),
        docstring=docstring,
    )
    docstring.parent = function
    # What it takes before what it raises.
    docstring.parsed.sort(key=lambda part: part.kind is griffe.DocstringSectionKind.raises)
    return function


def _type(annotation: Any) -> str:
    text = inspect.formatannotation(annotation)
    for module in ("pathlib.", "typing.", "collections.abc.", "vsdkit.progress."):
        text = text.replace(module, "")
    return _OPTIONAL.sub(r"\1 | None", text)


def _value(default: Any) -> str:
    """Return a default as it is typed: paths are text."""
    if isinstance(default, Path):
        return repr(str(default))
    if isinstance(default, tuple):
        return f"[{', '.join(map(_value, default))}]"
    # An object, such as the listener that nobody hears, has no text that could be typed.
    return "" if "<" in repr(default) else repr(default)
