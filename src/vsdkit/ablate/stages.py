"""The stages of the pipeline, each in a folder named after everything that decides its result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from vsdkit import __version__
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.progress import Listener
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.resolve import Settings, resolve

__all__ = ["STAGES", "Pipeline", "run_stage"]

_DONE = "stage.json"
_HASH_LENGTH = 12


class _Stage(NamedTuple):
    """How a command takes part in the pipeline."""

    takes: Mapping[str, str] = {}
    """Setting to the product that it takes from an earlier stage."""
    makes: Mapping[str, str] = {}
    """Setting to the product that it names; the file has the setting's default as its name."""


# In the order of the pipeline.
STAGES: Mapping[str, _Stage] = {
    "build-instructions": _Stage(makes={"output": "instructions", "gold": "gold"}),
    "finetune": _Stage(takes={"instructions": "instructions"}, makes={"name": "adapter"}),
    "infer": _Stage(takes={"items": "gold", "adapter": "adapter"}, makes={"output": "preds"}),
    "diversify": _Stage(takes={"preds": "preds", "gold": "gold"}, makes={"output": "preds"}),
    "score": _Stage(takes={"preds": "preds", "gold": "gold"}),
}
"""Commands that are stages, by name."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What earlier stages left for later ones: the files, and what each depends on."""

    files: Mapping[str, Path] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, **files: Path | None) -> Pipeline:
        """Return a pipeline that begins with the user's own files; None is left out."""
        given = {name: path for name, path in files.items() if path is not None}
        return cls(given, {name: _input_key(path) for name, path in given.items()})


def run_stage(
    name: str, given: Mapping[str, Any], pipeline: Pipeline, folder: Path, *, listener: Listener
) -> Pipeline:
    """Run one stage, unless its folder says that it was completed before.

    Args:
        name: One of ``STAGES``.
        given: The stage's settings.
        pipeline: What is there.
        folder: Holds the folders of all stages.
        listener: Who is told.

    Returns:
        The pipeline with this stage's files; the last stage's ``to_dict()`` is in ``result``.

    Raises:
        ConfigError: If a setting is wrong, or a file that the stage takes is neither given nor
            made by an earlier stage.
    """
    stage, command = STAGES[name], COMMANDS[name]
    model = command.load_settings()
    taken = _taken(name, stage, given, pipeline)
    checked = resolve(model, flags={**given, **taken}).settings
    key = _stage_key(name, checked, stage, pipeline)
    home = folder / f"{name}-{key}"
    made = {
        product: home / _file_name(model, setting, stage)
        for setting, product in stage.makes.items()
    }
    result = read_manifest(home / _DONE).get("result") if (home / _DONE).exists() else None
    if result is not None:
        listener.message(f"{name}: complete, {home}")
    else:
        listener.message(f"{name}: {home}")
        _make(home)
        own: dict[str, object] = {setting: made[stage.makes[setting]] for setting in stage.makes}
        if name == "finetune":
            # It names a folder by two settings.
            own = {"runs": home, "name": made["adapter"].name}
        settings, origins = resolve(model, flags={**given, **taken, **own})
        result = command.load_verb()(settings, listener=listener, origins=origins).to_dict()
        _write_done(home, {"stage": name, "settings": settings.model_dump(), "result": result})
    # Items that the user holds out go before what build-instructions wrote.
    kept = {"gold"} & set(pipeline.files) if name == "build-instructions" else set()
    files = {product: path for product, path in made.items() if product not in kept}
    keys = {product: f"{name}-{key}/{product}" for product in files}
    return Pipeline({**pipeline.files, **files}, {**pipeline.keys, **keys}, result)


def _taken(
    name: str, stage: _Stage, given: Mapping[str, Any], pipeline: Pipeline
) -> dict[str, Path]:
    taken = {}
    for setting, product in stage.takes.items():
        if product in pipeline.files:
            taken[setting] = pipeline.files[product]
        elif given.get(setting) is None and not (setting == "adapter" and given.get("base")):
            raise ConfigError(
                f"{name} needs {product}: no earlier stage makes it",
                where=f"stages.{name}",
                hint=f"name the stage that makes it, or give {product} in the file",
            )
    return taken


def _file_name(model: type[Settings], setting: str, stage: _Stage) -> str:
    default = model.model_fields[setting].default
    return stage.makes[setting] if default is None else str(default)


def _stage_key(name: str, settings: Settings, stage: _Stage, pipeline: Pipeline) -> str:
    """Return a hash of what the stage's result depends on.

    That is the settings' identity, with the content of each file in the place of its name; of a
    folder the name counts, for other pictures may lie in another one.
    """
    own = {*stage.makes, "runs"}
    found: dict[str, Any] = {
        setting: _setting_key(value)
        for setting, value in settings
        if setting not in own and _holds_path(value)
    }
    for setting, product in stage.takes.items():
        if product in pipeline.keys:
            found[setting] = pipeline.keys[product]
    if getattr(settings, "dry_run", False):
        # It makes nothing, so it must not pass for the stage.
        found["dry_run"] = True
    text = orjson.dumps(
        [__version__, name, settings.identity(**found)], option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(text).hexdigest()[:_HASH_LENGTH]


def _holds_path(value: object) -> bool:
    return isinstance(value, Path) or (
        isinstance(value, tuple) and any(isinstance(entry, Path) for entry in value)
    )


def _setting_key(value: object) -> object:
    if isinstance(value, Path):
        return _input_key(value)
    if isinstance(value, list | tuple):
        return [_setting_key(entry) for entry in value]
    return value


def _input_key(path: Path) -> str:
    return hash_file(path) if path.is_file() else str(path)


def _make(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VsdkitError(
            f"cannot write: {error.strerror}",
            where=str(home),
            hint="name another place with --folder, or make room",
        ) from error


def _write_done(home: Path, content: Mapping[str, Any]) -> None:
    # Written last: its presence means that the stage was completed.
    with open_atomic(home / _DONE) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode())
