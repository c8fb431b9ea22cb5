"""Every setting is a flag that shows its default, choices and range, and typed values arrive."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from vsdkit.cli import app as app_module
from vsdkit.cli.app import app
from vsdkit.cli.signature import with_flags
from vsdkit.errors import ConfigError
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.fields import Tasks
from vsdkit.settings.resolve import ARGUMENT, NO_FLAG, Flag, Settings
from vsdkit.settings.shape import Shape


class Example(Settings):
    """Settings with a field of each kind."""

    rows: Annotated[Path, ARGUMENT] = Path("rows.jsonl")
    """What is read."""
    folders: Annotated[tuple[Path, ...], Flag(metavar="FOLDER")] = (Path("images"),)
    """Where ``images`` are."""
    batch_size: int = Field(default=8, ge=1, le=1024)
    """Rows at once."""
    rate: float = Field(default=2e-4, gt=0)
    """Learning rate."""
    mode: Literal["one", "two"] = "one"
    """How."""
    stage: Literal[0, 1, 2] | None = None
    """Which."""
    tasks: Tasks = (1, 2, 3)
    """Tasks."""
    label: str | None = None
    """A name, which may look like a number."""
    output: Annotated[Path, Flag(("-o",))] = Path("out.jsonl")
    """What is written."""
    source: Annotated[Path | None, Flag(("--from",), metavar="FILE")] = None
    """Where it comes from."""
    overwrite: bool = False
    """Begin anew."""
    checkpoints: bool | None = None
    """Keep them."""
    grid: Annotated[dict[str, int], NO_FLAG] = Field(default_factory=dict)
    """Only of a file."""


def _run(*arguments: str) -> tuple[Example, dict[str, str]]:
    taken: list[Any] = []

    @with_flags("example", Example)
    def body(settings: Example, origins: dict[str, str], out: object) -> None:
        taken.append((settings, origins))

    alone = typer.Typer(add_completion=False)
    alone.command()(body)

    @alone.callback()
    def root(debug: bool = False) -> None:
        pass

    done = CliRunner().invoke(alone, ["command", *arguments], catch_exceptions=True)
    if isinstance(done.exception, ConfigError):
        raise done.exception
    assert done.exit_code == 0, done.output
    (one,) = taken
    return one


def test_nothing_typed_is_nothing_given() -> None:
    settings, origins = _run()
    assert settings == Example()
    assert set(origins.values()) == {"default"}


def test_what_is_typed_arrives_with_its_type() -> None:
    settings, origins = _run(
        *("mine.jsonl", "--folders", "a", "--folders", "b", "--batch-size", "16"),
        *("--rate", "1e-3", "--mode", "two", "--stage", "2", "--tasks", "1,3", "--label", "7"),
        *("-o", "o.jsonl", "--from", "f.zip", "--overwrite", "--no-checkpoints"),
    )
    assert settings == Example(
        rows=Path("mine.jsonl"),
        folders=(Path("a"), Path("b")),
        batch_size=16,
        rate=1e-3,
        mode="two",
        stage=2,
        tasks=(1, 3),
        label="7",
        output=Path("o.jsonl"),
        source=Path("f.zip"),
        overwrite=True,
        checkpoints=False,
    )
    assert {name for name, origin in origins.items() if origin == "default"} == {"grid"}


def test_a_switch_that_is_off_does_not_go_over_a_file(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("overwrite: true\ncheckpoints: true\nbatch_size: 4\ngrid: {a: 1}\n")
    settings, origins = _run("--config", str(config), "--batch-size", "8")
    assert (settings.overwrite, settings.checkpoints, settings.grid) == (True, True, {"a": 1})
    # A flag that says what the default says is given all the same.
    assert (settings.batch_size, origins["batch_size"]) == (8, "flag")
    assert origins["overwrite"] == str(config)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "three"], "mode = 'three': expected 'one' or 'two'"),
        (["--stage", "9"], "stage = 9: expected 0, 1 or 2"),
        (["--batch-size", "0"], "batch_size = 0: .*greater than or equal to 1"),
        (["--batch-size", "many"], "batch_size = 'many': expected a whole number"),
        (["--rate", "-1"], "rate = -1: .*greater than 0"),
        (["--tasks", "1,x"], "tasks.1 = 'x'"),
    ],
)
def test_a_wrong_value_is_one_kind_of_error(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _run(*arguments)
    assert caught.value.where.endswith("(flag)")


def _params() -> list[Any]:
    group = typer.main.get_command(app)
    found = []
    for name, command in COMMANDS.items():
        model = command.load_settings()
        for field_name, field in model.model_fields.items():
            if not Shape.of(field).flag.offered:
                continue
            found.append(pytest.param(group, name, field_name, field, id=f"{name}-{field_name}"))
    return found


def _help_of(group: Any, command: str, field: str) -> tuple[str, str]:
    one = group.get_command(None, command)
    context = typer.Context(one)
    (param,) = [param for param in one.get_params(context) if param.name == field]
    record = param.get_help_record(context)
    assert record is not None
    return record


@pytest.mark.parametrize(("group", "command", "name", "field"), _params())
def test_every_setting_is_offered_with_help_default_and_choices(
    group: Any, command: str, name: str, field: Any
) -> None:
    spelling, text = _help_of(group, command, name)
    assert text.startswith(" ".join(field.description.replace("``", "").split()))
    if not field.is_required() and field.default not in (None, False, ()):
        default = field.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        assert f"[default: {shown}]" in text
    if get_origin(field.annotation) is Literal:
        assert spelling.endswith("|".join(map(str, get_args(field.annotation))))


@pytest.mark.parametrize(
    ("command", "name", "shown"),
    [
        ("score", "reading", "--reading paper|coco"),
        ("finetune", "profile", "--profile anyres|h100|h200|laptop|paper|tiny"),
        ("finetune", "zero_stage", "--zero-stage 0|1|2|3"),
        ("infer", "tasks", "--tasks 1,2,3"),
        ("infer", "output", "-o, --output FILE"),
        ("doctor", "source", "--from FILE"),
        ("finetune", "dry_run", "--dry-run"),
        (
            "finetune",
            "gradient_checkpointing",
            "--gradient-checkpointing / --no-gradient-checkpointing",
        ),
    ],
)
def test_spellings_and_choices(command: str, name: str, shown: str) -> None:
    assert _help_of(typer.main.get_command(app), command, name)[0] == shown


@pytest.mark.parametrize(
    ("command", "name", "shown"),
    [
        ("finetune", "lora_rank", "[1<=x<=1,024]  [default: 128]"),
        ("finetune", "learning_rate", "[0<x<=1]  [default: 0.0002]"),
        ("finetune", "max_steps", "[1<=x]"),
    ],
)
def test_ranges(command: str, name: str, shown: str) -> None:
    assert _help_of(typer.main.get_command(app), command, name)[1].endswith(shown)


def test_the_body_of_every_command_has_at_most_12_lines() -> None:
    tree = ast.parse(inspect.getsource(app_module._one_command))
    (body,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "run"
    ]
    assert len(body.body) == 2
    assert (body.end_lineno or 0) - body.lineno <= 12
