"""The table of engines, what each says of itself, and an engine added to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from vsdkit.diversify import diversify
from vsdkit.diversify.engines import ENGINES, make_engine
from vsdkit.diversify.guards import Ask
from vsdkit.errors import ConfigError
from vsdkit.settings.diversify import DiversifySettings


def test_the_settings_list_the_names_of_the_table() -> None:
    assert get_args(DiversifySettings.model_fields["engine"].annotation) == tuple(ENGINES)


@pytest.mark.parametrize("name", ENGINES)
def test_the_settings_choose_the_engine(name: str) -> None:
    engine = make_engine(DiversifySettings(engine=name, seed=7))
    assert type(engine) is ENGINES[name]
    assert engine.name.partition(":")[0] == name
    assert engine.identity["seed"] == 7


def test_the_rules_try_once_ask_no_model_and_say_what_they_are() -> None:
    engine = make_engine(DiversifySettings(engine="rules", attempts=5))
    assert engine.attempts == 1
    assert engine.identity == {"model": None, "prompt": None, "seed": 0}
    assert engine.note.startswith("rules, not a language model")


@pytest.mark.parametrize("name", ["transformers", "openai"])
def test_the_others_know_model_and_prompt_and_try_as_often_as_they_may(name: str) -> None:
    engine = make_engine(DiversifySettings(engine=name, model="m", attempts=5))
    assert (engine.attempts, engine.note) == (5, "")
    assert engine.identity["model"] == "m"
    assert "{sentence}" in engine.identity["prompt"]


@dataclass(frozen=True)
class ToyEngine:
    """What docs/extending.md asks of an engine, and nothing else."""

    attempts: int
    note: str = "a toy"
    name: str = "toy"
    identity: dict[str, Any] = field(default_factory=lambda: {"model": None, "prompt": "v1"})
    closed: list[bool] = field(default_factory=list)

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> ToyEngine:
        return cls(settings.attempts)

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        for ask in asks:
            yield ask.id, "" if attempt == 0 else f"One {ask.object} under that {ask.subject}"

    def close(self) -> None:
        self.closed.append(True)


class ToySettings(DiversifySettings):
    engine: Literal["toy"] = "toy"


@pytest.fixture
def toy_settings(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToySettings:
    monkeypatch.setitem(ENGINES, "toy", ToyEngine)
    return ToySettings(preds=files.preds, gold=files.gold, output=tmp_path / "out.jsonl")


@pytest.mark.usefixtures("no_java")
def test_an_engine_is_a_class_and_an_entry_in_the_table(toy_settings: ToySettings) -> None:
    report = diversify(toy_settings)
    assert (report.engine, report.rewritten, report.retried) == ("toy", 1, 2)
    assert "a toy" in report.notes()
    run = json.loads(Path(f"{toy_settings.output}.run.json").read_text(encoding="utf-8"))
    assert (run["made_with"]["engine"], run["made_with"]["prompt"]) == ("toy", "v1")
    assert "engine_note" not in run["report"]
    assert diversify(toy_settings) == report


@pytest.mark.usefixtures("no_java")
def test_what_an_engine_depends_on_is_compared(
    toy_settings: ToySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    diversify(toy_settings)

    newer = ToyEngine(attempts=3, identity={"model": None, "prompt": "v2"})
    monkeypatch.setattr(ToyEngine, "from_settings", lambda _: newer)
    with pytest.raises(ConfigError, match="prompt was 'v1', is 'v2'"):
        diversify(toy_settings)


@pytest.mark.usefixtures("no_java")
def test_an_engine_with_one_attempt_is_asked_once(
    toy_settings: ToySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyEngine, "from_settings", classmethod(lambda cls, _: cls(attempts=1)))
    report = diversify(toy_settings)
    assert (report.rewritten, report.retried) == (0, 0)
    assert report.kept_because["no sentence"] == 2


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("fails", [False, True])
def test_an_engine_gives_back_what_it_holds_however_the_run_ends(
    toy_settings: ToySettings, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    engine = ToyEngine(attempts=2)
    monkeypatch.setattr(ToyEngine, "from_settings", lambda _: engine)
    if fails:
        monkeypatch.setattr(ToyEngine, "rewrite", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            diversify(toy_settings)
    else:
        diversify(toy_settings)
    assert engine.closed == [True]
