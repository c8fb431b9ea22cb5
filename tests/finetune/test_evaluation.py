"""Gold is answered at the end of a run by all its processes, as ``infer`` and ``score`` would."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vsdkit.data.jsonl import open_atomic, write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import ConfigError, DataError, MetricError, MissingInputError, VsdkitError
from vsdkit.finetune import FinetuneReport, finetune
from vsdkit.finetune.evaluation import EvaluationBar, score_predictions, share_out
from vsdkit.finetune.preflight import check_inputs, open_images
from vsdkit.infer import infer
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.score import score
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.infer import InferSettings

SENTENCES = (
    "The red box is to the left of the ball.",
    "a red box stands right of a ball",
    "There is a ball beside the red box",
    "The red box is to the right of the ball, seen from here.",
)
ITEMS = 5


def _gold_rows() -> list[GoldRow]:
    rows = [
        GoldRow(
            id=f"item-{number}",
            image=f"{number}.png",
            task=task,
            subject="red box",
            object="ball",
            relations=("to the left of",) if number % 2 else ("on", "in"),
            references=() if task == 1 else SENTENCES[number % 3 : number % 3 + 2],
        )
        for number in range(ITEMS)
        for task in (1, 2, 3)
    ]
    # Four of task 3: an uneven number of batches for two processes.
    return rows[:-1]


def _with_gold(settings: FinetuneSettings, folder: Path, **changes: Any) -> FinetuneSettings:
    gold = folder / "gold.jsonl"
    write_rows(gold, [row.to_dict() for row in _gold_rows()])
    return settings.model_copy(update={"evaluation": gold} | changes)


class Heard:
    """A listener that remembers messages, and which bars went how far."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.bars: list[list[Any]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def track(self, description: str, *, total: int | None):
        bar = [description, total, 0, "open"]
        self.bars.append(bar)

        class Tracker:
            def advance(self, steps: int = 1, **facts: Any) -> None:
                bar[2] += steps

        yield Tracker()
        bar[3] = "closed"


@given(count=st.integers(0, 40), processes=st.integers(1, 9))
def test_shares_are_even_and_hold_every_batch(count: int, processes: int) -> None:
    batches = [[number] for number in range(count)]
    shares = [share_out(batches, rank=rank, processes=processes) for rank in range(processes)]  # type: ignore[arg-type]
    assert {len(share) for share in shares} == {math.ceil(count / processes)}
    asked = [batch for share in shares for batch in share]
    assert {number for (number,) in asked} == set(range(count))
    # What is asked twice is the first batch, of the shortest answers.
    assert sorted(asked)[: len(asked) - count] == [[0]] * (len(asked) - count)


def _random_predictions(seed: int) -> list[PredictionRow]:
    choose = random.Random(seed)
    rows = []
    for row in _gold_rows():
        said: Any = {
            1: choose.choice(["to the left of", "on", "under", "nonsense"]),
            2: choose.choice([*SENTENCES, "..."]),
            3: tuple(choose.choices([*SENTENCES, "!"], k=3)),
        }[row.task]
        rows.append(PredictionRow(row.id, row.task, choose.choice([said, said, said, None])))
    return rows


def _scored(monkeypatch: pytest.MonkeyPatch, preds: Path, gold: Path) -> dict[str, Any]:
    """Return what ``vsdkit score --json`` prints, SPICE left out for the time it takes."""

    def no_spice(**_: object) -> None:
        raise MetricError("not wanted here")

    monkeypatch.setattr("vsdkit.score.sentences.fetch_spice_files", no_spice)
    return score(preds=(preds,), gold=(gold,)).to_dict()


def _same_numbers(own: dict[str, dict[str, float]], scored: dict[str, Any]) -> None:
    compared = {
        (task, name): (value, scored[task][name])
        for task, numbers in own.items()
        for name, value in numbers.items()
        # Which score has not.
        if (task, name) != ("task3", "bleu4")
    }
    assert len(compared) == 6
    for value, other in compared.values():
        assert value == other


@pytest.mark.java
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_exactly_those_of_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    gold, predictions = _gold_rows(), _random_predictions(seed)
    write_rows(tmp_path / "gold.jsonl", [row.to_dict() for row in gold])
    write_rows(tmp_path / "preds.jsonl", [row.to_dict() for row in predictions])
    scored = _scored(monkeypatch, tmp_path / "preds.jsonl", tmp_path / "gold.jsonl")
    _same_numbers(score_predictions(gold, predictions), scored)


@pytest.mark.java
def test_bleu_of_task_3_is_the_mean_of_each_sentences_best_reference() -> None:
    (gold,) = [row for row in _gold_rows() if row.key == ("item-0", 3)]
    right, other = gold.references[0], "nothing of it"
    predictions = [PredictionRow(gold.id, 3, (right, other, other))]
    found = score_predictions([gold], predictions)
    assert found["task3"]["bleu4"] == pytest.approx(100 / 3, abs=0.01)
    silent = score_predictions([gold], [PredictionRow(gold.id, 3, None)])
    assert silent == {"task3": {"bleu4": 0.0, "mbleu4": 100.0}}


def test_gold_that_cannot_be_asked_is_told_before_training(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingInputError, match=r"gold\.jsonl|read"):
        check_inputs(settings.model_copy(update={"evaluation": tmp_path / "gold.jsonl"}))
    asked = _with_gold(settings, tmp_path)
    (tmp_path / "pictures" / "below" / "8.png").write_bytes(b"no picture")
    rows = _gold_rows()
    unknown = GoldRow("item-9", "9.png", 1, "red box", "ball", relations=("on",))
    write_rows(tmp_path / "gold.jsonl", [row.to_dict() for row in (*rows, unknown)])
    with pytest.raises(MissingInputError, match=r"1 of 6 pictures not found: 9\.png"):
        check_inputs(asked)
    answerless = GoldRow("item-9", "1.png", 1, "red box", "ball")
    write_rows(tmp_path / "gold.jsonl", [row.to_dict() for row in (*rows, answerless)])
    with pytest.raises(DataError, match="has no relations"):
        check_inputs(asked)
    (tmp_path / "gold.jsonl").write_text('[{"img_id": "1"}]')
    with pytest.raises(ConfigError) as caught:
        check_inputs(asked)
    assert caught.value.where.startswith("--eval")

    def no_java(_: object) -> None:
        raise MetricError("no Java")

    write_rows(tmp_path / "gold.jsonl", [row.to_dict() for row in rows])
    monkeypatch.setattr("vsdkit.finetune.evaluation.tokenize", no_java)
    with pytest.raises(MetricError, match="no Java"):
        check_inputs(asked)


@pytest.mark.java
def test_images_of_gold_are_opened_and_told_if_they_are_trained_on(
    settings: FinetuneSettings, tmp_path: Path
) -> None:
    asked = _with_gold(settings, tmp_path)
    below = tmp_path / "pictures" / "below"
    Image.new("RGB", (50, 50)).save(below / "new.png")
    (below / "broken.png").write_bytes(b"no picture")
    more = [
        GoldRow(f"item-{name}", f"{name}.png", 1, "red box", "ball", relations=("on",))
        for name in ("new", "broken")
    ]
    write_rows(tmp_path / "gold.jsonl", [row.to_dict() for row in (*_gold_rows(), *more)])
    inputs = check_inputs(asked)
    with pytest.raises(DataError, match="1 of 7 pictures do not open"):
        open_images(asked, inputs)
    heard = Heard()
    opened = open_images(asked.model_copy(update={"skip_broken": True}), inputs, listener=heard)
    assert opened.evaluation is not None
    assert opened.evaluation["seen_in_training"] == {"pictures": 6, "seen": 5}
    assert set(opened.evaluation["images"]) == {f"{n}.png" for n in range(ITEMS)} | {"new.png"}
    # The run's own images are what they were: gold is no part of its identity.
    assert len(opened.images.files) == 8
    assert not opened.left_out_rows
    told = "\n".join(heard.messages)
    assert "do not open: their 1 rows are not asked" in told
    assert "warning: 5 of 6 pictures" in told


def test_bar_of_the_evaluation_follows_that_of_training(tmp_path: Path) -> None:
    heard = Heard()
    progress = tmp_path / "eval_progress.json"
    progress.write_text('{"answered": 9, "rows": 14}')
    with ExitStack() as bars:
        bars.enter_context(heard.track("fine-tuning", total=6))
        bar = EvaluationBar(tmp_path, heard, bars)
        bar.tick()
        # What an earlier start left says nothing.
        assert [one[0] for one in heard.bars] == ["fine-tuning"]
        for answered in (4, 4, 14):
            with open_atomic(progress) as file:
                file.write(json.dumps({"answered": answered, "rows": 14}))
            bar.tick()
            assert heard.bars == [
                ["fine-tuning", 6, 0, "closed"],
                ["evaluation", 14, answered, "open"],
            ]
        bar.forget()
        assert not progress.exists()
        bar.tick()
    assert heard.bars[1] == ["evaluation", 14, 14, "closed"]


_WORKER = """
from pathlib import Path
import os
import signal
import vsdkit.finetune.train as training
from vsdkit.finetune import evaluation, worker

plain = training.deepspeed_config
def cut_up(plan, **facts):
    config = plain(plan, **facts)
    # The tiny base has no weight above DeepSpeed's own threshold of 100,000: all would stay whole.
    # With this one its matrices are cut up and its vectors are not, as in the real base.
    config["zero_optimization"]["stage3_param_persistence_threshold"] = 1000
    return config
training.deepspeed_config = cut_up

answer = evaluation.Answerer.answer
asked = []
def answer_once(self, rows, images):
    asked.append(rows)
    killed = Path({killed!r})
    if len(asked) == 2 and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(self, rows, images)
evaluation.Answerer.answer = answer_once
worker.main()
"""


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, write_scenes: Callable[[Path], FinetuneSettings]
) -> FinetuneSettings:
    folder = tmp_path_factory.mktemp("asked")
    # Learnt enough that not every row gets the same answer.
    learn = {"learning_rate": 1e-2, "lora_rank": 16, "lora_alpha": 32}
    changes = {"gpus": 2, "per_device_batch_size": 4, "max_steps": 40, "save_steps": 40} | learn
    return _with_gold(write_scenes(folder), folder, **changes)


def _run(settings: FinetuneSettings, folder: Path, *, killed: Path) -> tuple[FinetuneReport, Heard]:
    heard = Heard()
    (folder / "altered_worker.py").write_text(_WORKER.format(killed=str(killed)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setattr("vsdkit.finetune.machines._WORKER", "altered_worker")
        return finetune(settings, listener=heard), heard


@pytest.mark.usefixtures("forked")
@pytest.mark.slow
@pytest.mark.java
@pytest.mark.parametrize("stage", [2, 3])
def test_answers_are_those_of_infer_and_a_kill_while_answering_trains_nothing_again(
    asked: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    settings = asked.model_copy(update={"name": f"stage{stage}", "zero_stage": stage})
    folder = settings.runs / f"stage{stage}"
    killed = tmp_path / "killed"
    if stage == 2:
        with pytest.raises(VsdkitError):
            _run(settings, tmp_path, killed=killed)
        assert killed.exists()
        assert not (folder / "run.json").exists()
        before = {name: (folder / name).read_bytes() for name in ("metrics.jsonl",)}
        weights = hash_file(folder / "adapter_model.safetensors")
    killed.touch()
    report, heard = _run(settings, tmp_path, killed=killed)
    if stage == 2:
        assert report.resumed_from == 40
        assert {name: (folder / name).read_bytes() for name in before} == before
        assert hash_file(folder / "adapter_model.safetensors") == weights
    assert any(bar[:3] == ["evaluation", 14, 14] for bar in heard.bars)
    assert not (folder / "eval_progress.json").exists()

    preds, gold = folder / "eval_preds.jsonl", settings.evaluation
    assert gold is not None
    told = read_manifest(folder / "run.json")["evaluation"]
    assert told == report.evaluation
    assert told["rows"] == {"1": 5, "2": 5, "3": 4}
    assert told["gold_sha256"] == hash_file(gold)
    assert told["seen_in_training"] == {"pictures": 5, "seen": 5}
    _same_numbers(told["scores"], _scored(monkeypatch, preds, gold))
    shown = [row for table in report.tables() for row in table.rows]
    assert ("1", "accuracy", round(told["scores"]["task1"]["accuracy"], 2)) in shown

    again = tmp_path / "preds.jsonl"
    infer(InferSettings(items=gold, images=settings.images, adapter=folder, output=again))
    assert again.read_text() == preds.read_text()
    assert len({json.loads(line)["raw"] for line in preds.read_text().splitlines()}) > 1

    # Complete, and asked something else: said, not passed over.
    if stage == 3:
        other = tmp_path / "other.jsonl"
        write_rows(other, [row.to_dict() for row in _gold_rows()[:3]])
        heard = Heard()
        finetune(settings.model_copy(update={"evaluation": other}), listener=heard)
        assert any("it was not scored on" in text for text in heard.messages)
