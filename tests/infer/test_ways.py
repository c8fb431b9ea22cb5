"""Items, one picture, talk or a stream: one of them, and nothing that would silently do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import ConfigError
from vsdkit.infer import infer, ways
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import SAME_RESULT, resolve

PAIR = {"image": "a.jpg", "subject": "cup", "object": "desk"}
STREAM = {"items": "-", "output": "-"}
TALK = {"image": "a.jpg", "chat": True}


def refused(**given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        infer(**given)
    return caught.value.message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subject": "cup"}, "--subject is about one picture: name it, --image FILE"),
        ({"chat": True}, "--chat is about one picture: name it, --image FILE"),
        ({"save": "a.png"}, "--save is about one picture: name it, --image FILE"),
        ({"image": "a.jpg"}, "--subject is needed"),
        ({"image": "a.jpg", "subject": "cup"}, "--object is needed"),
        (TALK | {"object": "desk"}, "--subject is needed"),
        (TALK | {"subject_box": (1, 2, 3, 4)}, "--subject is needed"),
        (PAIR | {"save": "a.png"}, "--save draws both boxes"),
        (PAIR | {"save": "a.png", "subject_box": (1, 2, 3, 4)}, "--save draws both boxes"),
        (PAIR | {"subject_box": (2, 1, 3, 4)}, "subject_box = "),
        ({"items": "-"}, "a stream reads lines from stdin and writes lines to stdout"),
        ({"output": "-"}, "a stream reads lines from stdin and writes lines to stdout"),
    ],
)
def test_settings_that_do_not_go_together_are_one_error(
    given: dict[str, Any], message: str
) -> None:
    assert refused(**given).startswith(message)


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"items": "own.csv"}, "a file of items"),
        ({"items": "gold.jsonl"}, "a file of items"),
        ({"output": "preds.jsonl"}, "--output"),
        ({"images": ("images",)}, "--images"),
        ({"limit": 3}, "--limit"),
        ({"label": "generate"}, "--label"),
        ({"engine": "openai", "model": "m"}, "--engine"),
        ({"fail_on_error": 2}, "--fail-on-error"),
        ({"overwrite": True}, "--overwrite"),
    ],
)
@pytest.mark.parametrize("way", [PAIR, TALK], ids=["one picture", "talk"])
def test_what_has_no_meaning_beside_a_picture_is_refused(
    way: dict[str, Any], given: dict[str, Any], flag: str
) -> None:
    assert refused(**way | given) == f"{flag} has no meaning beside --image"


@pytest.mark.parametrize("given", [{"limit": 3}, {"batch_size": 4}, {"rejects": "r.jsonl"}])
def test_what_has_no_meaning_beside_a_stream_is_refused(given: dict[str, Any]) -> None:
    assert refused(**STREAM | given).endswith("has no meaning beside a stream")


def test_settings_for_all_calls_do_not_stand_in_the_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken: list[InferSettings] = []

    def take(settings: InferSettings, **_: object) -> str:
        taken.append(settings)
        return "described"

    monkeypatch.setattr("vsdkit.infer.one_image.describe_image", take)
    (tmp_path / "own.yaml").write_text("output: other.jsonl\nlimit: 3\n")
    resolved = resolve(InferSettings, flags=PAIR, config=tmp_path / "own.yaml")
    assert infer(resolved.settings, origins=resolved.origins) == "described"
    (tmp_path / "own.yaml").write_text("engine: openai\nmodel: m\n")
    resolved = resolve(InferSettings, flags=PAIR, config=tmp_path / "own.yaml")
    with pytest.raises(ConfigError, match="--engine has no meaning beside --image"):
        infer(resolved.settings, origins=resolved.origins)
    # Ready settings have no origins: what differs from the default was meant.
    with pytest.raises(ConfigError, match="--limit has no meaning"):
        infer(InferSettings(**PAIR, limit=3))
    assert infer(InferSettings(**PAIR, items="gold.jsonl")) == "described"
    assert len(taken) == 2


@pytest.mark.parametrize(("way", "where"), [(TALK, "--chat"), (STREAM, "items = '-'")])
def test_a_stream_and_talk_are_of_the_command_line(way: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match="are of the command line") as caught:
        infer(**way)
    assert caught.value.where == where
    assert "vsdkit.load" in caught.value.hint


def test_settings_of_one_picture_change_no_file_of_predictions() -> None:
    for name in ways._OF_A_PICTURE:
        assert SAME_RESULT in InferSettings.model_fields[name].metadata
    named = ways._OF_A_PICTURE | ways._OF_A_STREAM | ways._OF_THE_MODEL
    assert named <= set(InferSettings.model_fields)
