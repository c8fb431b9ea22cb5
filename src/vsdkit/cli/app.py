"""The command line: one command a file, errors caught once."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vsdkit import __version__
from vsdkit.cli.ablate import ablate
from vsdkit.cli.build_instructions import build_instructions
from vsdkit.cli.demo import demo
from vsdkit.cli.diversify import diversify
from vsdkit.cli.doctor import doctor
from vsdkit.cli.finetune import finetune
from vsdkit.cli.infer import infer
from vsdkit.cli.output import print_error
from vsdkit.cli.score import score
from vsdkit.cli.streams import StdoutError, guard_streams
from vsdkit.errors import EXIT_INTERRUPTED, MissingInputError, VsdkitError

__all__ = ["app", "main"]

_EXIT_CODES = (
    "Exit codes: 0 done, 1 a problem was found, 2 wrong usage or setting, 3 missing input or "
    "dependency, 4 a child process failed, 130 interrupted."
)


class _Group(TyperGroup):
    """Turns the errors of the library into three lines and an exit code."""

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
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
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


# In the order of the pipeline.
_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("build-instructions", build_instructions, "vsdv1.json vsdv2.json"),
    ("finetune", finetune, "--images VG_100K --images VG_100K_2 --gpus 8"),
    ("infer", infer, "gold.jsonl --images VG_100K"),
    ("diversify", diversify, "preds.jsonl --engine rules"),
    ("score", score, "preds.jsonl gold.jsonl"),
    ("ablate", ablate, "--preds preds.jsonl --engine rules"),
    ("demo", demo, "--folder my-demo"),
    ("doctor", doctor, "--install-spice"),
)


def _paragraphs(function: Callable[..., None]) -> str:
    """Return a docstring whose lines end where the terminal's do."""
    paragraphs = inspect.getdoc(function) or ""
    return "\n\n".join(" ".join(one.split()) for one in paragraphs.split("\n\n"))


for _name, _function, _arguments in _COMMANDS:
    app.command(_name, help=_paragraphs(_function), epilog=f"Example: vsdkit {_name} {_arguments}")(
        _function
    )


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
