"""The command line: every command of the list in one form, errors caught once."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vsdkit import __version__
from vsdkit.cli.output import Output, print_error
from vsdkit.cli.streams import StdoutError, guard_streams
from vsdkit.errors import EXIT_INTERRUPTED, MissingInputError, VsdkitError
from vsdkit.settings.commands import COMMANDS, Command

__all__ = ["app", "main"]

_EXIT_CODES = (
    "Exit codes: 0 done, 1 a problem was found, 2 wrong usage or setting, 3 missing input or "
    "dependency, 4 a child process failed, 130 interrupted."
)
_ENVIRONMENT = (
    "Every setting can stand in the environment too, as VSDKIT_COMMAND_SETTING: "
    "VSDKIT_FINETUNE_LORA_RANK=64. A flag goes over it; it goes over a file of --config."
)
_HELP_COLUMN = 26
"""Where the help of an option begins; longer options have a line of their own."""
_HELD = "\N{NO-BREAK SPACE}"


class _LazyCommand(TyperCommand):
    """A command whose settings are loaded when it is asked for, and not for the list of all."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            command.name,
            help=command.help,
            short_help=command.help.partition("\n")[0],
            epilog=f"Example: vsdkit {command.name} {command.example}",
            rich_markup_mode=None,
        )
        self._command = command
        self._is_loaded = False

    def get_params(self, ctx: Any) -> Any:
        """Return the options, of which there are none before."""
        if not self._is_loaded:
            made = typer.main.get_command(_one_command(self._command))
            self.params, self.callback, self._is_loaded = made.params, made.callback, True
        return super().get_params(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take off the words behind ``--``, where a setting takes them, and read the others."""
        if "--" in args and self._takes_rest():
            place = args.index("--")
            args, words = args[:place], args[place + 1 :]
            from vsdkit.cli.signature import REST_WORDS

            ctx.meta[REST_WORDS] = words
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command's name in its usage line."""
        rest = ["[-- WORD...]"] if self._takes_rest() else []
        return [*super().collect_usage_pieces(ctx), *rest]

    def _takes_rest(self) -> bool:
        from vsdkit.settings.shape import rest_setting

        return rest_setting(self._command.load_settings()) is not None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options; no word is cut or broken at a hyphen."""
        params = self.get_params(ctx)
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = [one.get_help_record(ctx) for one in params if one.param_type_name == kind]
            # None is what a hidden option has.
            records = [record for record in found if record is not None]
            if not records:
                continue
            with formatter.section(title):
                for name, text in records:
                    # An argument's name says what it is; its type is told of options alone.
                    shown = name.partition(" <")[0] if kind == "argument" else name
                    formatter.write(_entry(shown, text, width=formatter.width))


def _entry(name: str, text: str, *, width: int) -> str:
    indent = " " * _HELP_COLUMN
    lines = textwrap.wrap(
        # A default stands on the line that says so.
        text.replace("default: ", f"default:{_HELD}"),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [line.replace(_HELD, " ") for line in lines]
    head = f"  {name}"
    if lines and len(head) + 2 <= _HELP_COLUMN:
        return "\n".join([head.ljust(_HELP_COLUMN) + lines[0].lstrip(), *lines[1:], ""])
    return "\n".join([head, *lines, ""])


def _one_command(command: Command) -> typer.Typer:
    """Return the command alone: its settings resolved, its verb called, its report shown."""
    from vsdkit.cli.signature import with_flags

    @with_flags(command.name, command.load_settings())
    def run(settings: Any, origins: dict[str, str], out: Output) -> None:
        verb = command.load_verb()
        out.show(verb(settings, listener=out, origins=origins))

    one = typer.Typer(add_completion=False)
    one.command(command.name)(run)
    return one


class _Group(TyperGroup):
    """Turns the errors of the library into three lines and an exit code."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.commands.update({name: _LazyCommand(one) for name, one in COMMANDS.items()})

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            typer.Exit: With the error's exit code, or 130 after Ctrl-C.
        """
        try:
            _require_working_folder()
            return super().invoke(ctx)
        except (VsdkitError, OSError) as error:
            if ctx.params.get("debug"):
                raise
            told = error if isinstance(error, VsdkitError) else _of_the_machine(error)
            print_error(told)
            raise typer.Exit(told.exit_code) from error
        except KeyboardInterrupt as error:
            print("interrupted: run the same command again to go on", file=sys.stderr)  # noqa: T201
            raise typer.Exit(EXIT_INTERRUPTED) from error


def _require_working_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise MissingInputError(
            f"the working folder is gone: {error.strerror}",
            where=os.environ.get("PWD", "."),
            hint="go to a folder that is there: cd FOLDER",
        ) from error


def _of_the_machine(error: OSError) -> VsdkitError:
    """Return a file's or folder's failure as an error for users.

    Raises:
        OSError: The error itself, if it names no file: that is a defect of the program.
    """
    if error.errno is None or error.filename is None:
        raise error
    return MissingInputError(
        f"cannot be used: {error.strerror}",
        where=os.fsdecode(error.filename),
        hint="see who may read and write it: ls -ld",
    )


app = typer.Typer(
    cls=_Group,
    name="vsdkit",
    help="Visual spatial description: what two marked objects of a picture are to each other.",
    epilog=f"{_ENVIRONMENT}\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    # Not rich: in a terminal of 80 columns its tables cut the names of options.
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"vsdkit {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error as well.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    guard_streams()
    try:
        try:
            app()
        finally:
            # Now and not when Python ends, where a full disk could only be told by a traceback.
            sys.stdout.flush()
    except StdoutError as error:
        # Help and version are printed before a command is invoked.
        print_error(error)
        sys.exit(error.exit_code)
