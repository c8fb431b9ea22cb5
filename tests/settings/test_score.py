"""Settings of score: ranges, and which file on the command line is what."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.jvm import JavaLimits
from vsdkit.settings.resolve import resolve
from vsdkit.settings.score import ScoreSettings, tell_apart

A, B, C, GOLD = (Path(f"{name}.jsonl") for name in ("a", "b", "c", "gold"))


def test_defaults_chain_in_the_current_folder() -> None:
    settings = ScoreSettings()
    assert (settings.preds, settings.gold) == ((Path("preds.jsonl"),), (Path("gold.jsonl"),))
    assert settings.items is None


def test_limits_of_java_are_those_of_its_package() -> None:
    settings = ScoreSettings()
    assert JavaLimits() == JavaLimits(settings.java_memory_mib, settings.java_timeout_s)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("java_memory_mib", 1), ("java_timeout_s", 0), ("allow_missing", "some")),
        *(
            ("bootstrap", 99),
            ("bootstrap", -1),
            ("reading", "best"),
            ("kind", "stone tablet"),
            ("task", 4),
        ),
        *(("preds", []), ("gold", ["a", "b", "c"])),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        resolve(ScoreSettings, flags={field: value})


def test_one_path_stands_for_a_list_of_one() -> None:
    assert ScoreSettings(preds=Path("a"), gold="b").preds == (Path("a"),)  # type: ignore[arg-type]
    assert ScoreSettings(gold="b").gold == (Path("b"),)  # type: ignore[arg-type]


def test_no_resamples_are_allowed() -> None:
    assert ScoreSettings(bootstrap=0).bootstrap == 0


def test_how_numbers_are_shown_is_not_their_identity() -> None:
    shown = ScoreSettings(all_numbers=True, signatures=True, items=Path("items.jsonl"))
    assert shown.identity() == ScoreSettings().identity()
    assert ScoreSettings(reading="coco").identity() != ScoreSettings().identity()


@pytest.mark.parametrize(
    ("files", "gold", "expected"),
    [
        ([], None, (None, None)),
        (None, None, (None, None)),
        ([A], None, ([A], None)),
        ([A, GOLD], None, ([A], [GOLD])),
        ([], [GOLD], (None, [GOLD])),
        ([A], [GOLD], ([A], [GOLD])),
        ([A, B], [GOLD], ([A, B], [GOLD])),
        ([A, B, C], [GOLD, C], ([A, B, C], [GOLD, C])),
    ],
)
def test_files_are_told_apart(
    files: list[Path] | None, gold: list[Path] | None, expected: tuple[object, object]
) -> None:
    assert tell_apart(files, gold) == {"preds": expected[0], "gold": expected[1]}


def test_three_files_without_gold_are_refused_with_the_command_to_type() -> None:
    with pytest.raises(ConfigError, match="3 files, and which is gold is not said") as caught:
        tell_apart([A, B, GOLD], None)
    assert "vsdkit score a.jsonl b.jsonl --gold gold.jsonl" in caught.value.hint
    assert caught.value.hint.endswith("--gold b.jsonl --gold gold.jsonl")


def test_for_questions_all_files_are_gold() -> None:
    assert tell_apart([GOLD], None, questions_only=True) == {"preds": None, "gold": [GOLD]}
    assert tell_apart([], [A, B], questions_only=True) == {"preds": None, "gold": [A, B]}
    assert tell_apart([], None, questions_only=True) == {"preds": None, "gold": None}
    with pytest.raises(ConfigError, match="gold is named twice"):
        tell_apart([A], [GOLD], questions_only=True)
