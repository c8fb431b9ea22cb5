"""Rewards are called as TRL's GRPOTrainer calls them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vsdkit import rewards
from vsdkit.errors import DataError
from vsdkit.rewards import label, relation_stated, spice

ROW = {
    "subject": "cup",
    "object": "tray",
    "relations": ["on"],
    "references": ["a cup on a tray", "there is a red cup on the tray"],
}

# What a model may leave where an answer should be.
ODD = ["", "   ", "\n\n", "\ud83d", "\u2028", "?!", "cup " * 300, None, 7, [], {}, [{}], [None]]


def call(reward: Any, completions: list[Any], *rows: dict[str, Any], **more: Any) -> Any:
    """Call a reward as ``GRPOTrainer._calculate_rewards`` of TRL 1.16 does: keywords, lists."""
    inputs = [dict(row) for row in rows] or [dict(ROW) for _ in completions]
    columns = {name: [row[name] for row in inputs] for name in inputs[0]} if inputs else {}
    return reward(
        prompts=["what is where?"] * len(completions),
        completions=completions,
        completion_ids=[[1, 2]] * len(completions),
        **columns,
        trainer_state=object(),
        log_extra=lambda *_: None,
        log_metric=lambda *_: None,
        **more,
    )


def test_a_label_is_right_or_wrong() -> None:
    said = ["on", "The cup is ON the tray.", "under", "on or under", "tray"]
    assert call(label, said) == [1, 1, 0, 0, 0]


def test_a_sentence_states_the_relation_from_either_side_and_contradicts_it_nowhere() -> None:
    said = [
        "a cup on a tray",
        "the tray is under the cup",
        "the cup is under the tray",
        "the cup is on the tray and the cup is behind the tray",
        "a cup and a tray",
    ]
    assert call(relation_stated, said) == [1, 1, 0, 0, 0]


def test_a_conversation_is_read_by_its_last_message() -> None:
    said = [
        [{"role": "assistant", "content": "on"}],
        [{"role": "tool", "content": "under"}, {"role": "assistant", "content": "on"}],
        [{"role": "assistant", "content": [{"type": "text", "text": "on"}]}],
        [{"role": "assistant", "content": None}],
    ]
    assert call(label, said) == [1, 1, 1, 0]


def test_rows_of_other_tasks_and_rows_without_gold_are_left_to_the_trainer() -> None:
    rows = [ROW | {"task": 1}, ROW | {"task": 2}, ROW | {"task": 2, "relations": []}]
    said = ["on", "a cup on a tray", "a cup on a tray"]
    assert call(label, said, *rows) == [1, None, None]
    assert call(relation_stated, said, *rows) == [None, 1, None]


def test_three_sentences_have_the_mean_and_fewer_are_no_answer() -> None:
    row = ROW | {"task": 3}
    said = ["a cup on a tray\nthe cup is under the tray\na tray under a cup", "a cup on a tray"]
    assert call(relation_stated, said, row, row) == [pytest.approx(2 / 3), 0]


@pytest.mark.parametrize("reward", [label, relation_stated])
def test_whatever_a_model_says_never_stops_a_training(reward: Any) -> None:
    assert call(reward, ODD) == [0] * len(ODD)


@pytest.mark.parametrize(
    ("reward", "column"),
    [(label, "relations"), (relation_stated, "subject"), (spice, "references")],
)
def test_a_column_that_is_missing_is_named(reward: Any, column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    with pytest.raises(DataError, match=f"no column '{column}'"):
        call(reward, ["on"], row)
    with pytest.raises(DataError, match="1 completions and 2 entries"):
        reward(prompts=["a"], completions=["on"], **{name: [1, 2] for name in ROW})


@pytest.mark.java
def test_spice_is_that_of_the_best_reference_and_survives_its_java(
    kept_spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["A cup, on a tray!", "there is a red cup", "a dog", *ODD]
    found = call(spice, said)
    # References: {cup, tray, (cup, tray, on)}, and the same with (cup, red).
    assert found[0] == 1
    assert found[1] == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert found[2:] == [0] * (1 + len(ODD))
    rewards._java()._kill()
    task3 = ROW | {"task": 3}
    three = ["a cup on a tray\na cup\na dog", "a cup on a tray"]
    scored = call(spice, three, task3, task3)
    assert scored == [pytest.approx((1 + 0.5 + 0) / 3), 0]
    assert call(spice, ["on"], ROW | {"task": 1}) == [None]
    assert call(spice, ["on"], ROW | {"references": []}) == [None]
    rewards._java().close()
    rewards._java.cache_clear()


def test_the_real_trainer_adds_them_up() -> None:
    trl = pytest.importorskip("trl", reason="TRL is no dependency of vsdkit")
    torch = importlib.import_module("torch")
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(
            device="cpu", gather=lambda tensor: tensor, is_main_process=True
        ),
        args=SimpleNamespace(report_to=[]),
        reward_funcs=[label, relation_stated],
        reward_processing_classes=[None, None],
        reward_func_names=["label", "relation_stated"],
        state=SimpleNamespace(global_step=0),
        environments=None,
        _log_completion_extra=None,
        _log_metric=None,
    )
    inputs = [{"prompt": "?", "task": 1, **ROW}, {"prompt": "?", "task": 2, **ROW}]
    calculate = trl.GRPOTrainer._calculate_rewards
    while hasattr(calculate, "__wrapped__"):
        calculate = calculate.__wrapped__
    found = calculate(trainer, inputs, ["?", "?"], ["on", "a cup on a tray"], [[1], [1]])
    assert torch.nansum(found, dim=1).tolist() == [1, 1]
    assert found.isnan().tolist() == [[False, True], [True, False]]
