"""The stages of the pipeline, each in a folder named after everything that decides its result."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from vsdkit import __version__
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.progress import Listener
from vsdkit.settings.resolve import Settings, resolve

__all__ = ["STAGES", "Pipeline", "run_stage", "settings_model"]

_DONE = "stage.json"
_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where a stage's code is, which settings take earlier files and which name its own."""

    package: str
    verb: str
    settings: str
    takes: Mapping[str, str]
    makes: Mapping[str, tuple[str, str]]


STAGES: Mapping[str, _Stage] = {
    "build-instructions": _Stage(
        "vsdkit.instructions",
        "build_instructions",
        "build_instructions.BuildInstructionsSettings",
        takes={},
        makes={
            "instructions": ("output", "instructions.jsonl"),
            "gold": ("gold", "gold.jsonl"),
        },
    ),
    "finetune": _Stage(
        "vsdkit.finetune",
        "finetune",
        "finetune.FinetuneSettings",
        takes={"instructions": "instructions"},
        makes={"adapter": ("name", "adapter")},
    ),
    "infer": _Stage(
        "vsdkit.infer",
        "infer",
        "infer.InferSettings",
        takes={"items": "gold", "adapter": "adapter"},
        makes={"preds": ("output", "preds.jsonl")},
    ),
    "diversify": _Stage(
        "vsdkit.diversify",
        "diversify",
        "diversify.DiversifySettings",
        takes={"preds": "preds", "gold": "gold"},
        makes={"preds": ("output", "preds.diverse.jsonl")},
    ),
    "score": _Stage(
        "vsdkit.score",
        "score",
        "score.ScoreSettings",
        takes={"preds": "preds", "gold": "gold"},
        makes={},
    ),
}
"""In the order of the pipeline."""


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
    stage = STAGES[name]
    model = settings_model(name)
    taken = _taken(name, stage, given, pipeline)
    checked = resolve(model, flags={**given, **taken}).settings
    key = _stage_key(name, checked, stage, pipeline)
    home = folder / f"{name}-{key}"
    made = {product: home / file for product, (_, file) in stage.makes.items()}
    result = read_manifest(home / _DONE).get("result") if (home / _DONE).exists() else None
    if result is not None:
        listener.message(f"{name}: complete, {home}")
    else:
        listener.message(f"{name}: {home}")
        _make(home)
        own: dict[str, object] = {
            setting: made[product] for product, (setting, _) in stage.makes.items()
        }
        if name == "finetune":
            own = {"runs": home, "name": made["adapter"].name}
        settings, origins = resolve(model, flags={**given, **taken, **own})
        run = getattr(importlib.import_module(stage.package), stage.verb)
        result = run(settings, listener=listener, origins=origins).to_dict()
        _write_done(home, {"stage": name, "settings": settings.model_dump(), "result": result})
    # Items that the user holds out go before what build-instructions wrote.
    kept = {"gold"} & set(pipeline.files) if name == "build-instructions" else set()
    files = {product: path for product, path in made.items() if product not in kept}
    keys = {product: f"{name}-{key}/{product}" for product in files}
    return Pipeline({**pipeline.files, **files}, {**pipeline.keys, **keys}, result)


def settings_model(stage: str) -> type[Settings]:
    """Return the settings of a stage."""
    module, name = STAGES[stage].settings.split(".")
    return cast(
        "type[Settings]", getattr(importlib.import_module(f"vsdkit.settings.{module}"), name)
    )


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


def _stage_key(name: str, settings: Settings, stage: _Stage, pipeline: Pipeline) -> str:
    own = {setting for setting, _ in stage.makes.values()} | {"runs", "overwrite"}
    values: dict[str, Any] = {}
    for setting, value in settings.model_dump().items():
        if setting in own:
            continue
        product = stage.takes.get(setting)
        values[setting] = (
            pipeline.keys[product] if product in pipeline.keys else _setting_key(value)  # type: ignore[index]
        )
    text = orjson.dumps([__version__, name, values], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()[:_HASH_LENGTH]


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
