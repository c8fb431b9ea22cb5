"""``score --plots``: what is drawn of which systems, and that nothing is where nobody asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.plots import Bar, Parts, SystemBars
from vsdkit.score import plots, score
from vsdkit.score.baselines import BASELINES
from vsdkit.score.system_scores import SystemScores
from vsdkit.score.uncertainty import ImageResamples

FILES = ["overall.png", "overall.svg", "relation_f1.png", "relation_f1.svg"]


class Heard:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Gold of task 1 alone, which takes no Java: 12 images, a third of the answers wrong."""
    labels = ["on" if number % 2 else "in" for number in range(12)]
    gold = [
        GoldRow(str(number), f"{number}.jpg", 1, "cup", "tray", None, None, (label,), ())
        for number, label in enumerate(labels)
    ]
    answers = [
        PredictionRow(str(number), 1, label if number % 3 else "under")
        for number, label in enumerate(labels)
    ]
    for name, rows in (("gold", gold), ("preds", answers)):
        write_rows(tmp_path / f"{name}.jsonl", (row.to_dict() for row in rows))
    return {name: tmp_path / f"{name}.jsonl" for name in ("gold", "preds")}


def test_both_plots_are_written_and_told_and_the_numbers_stay(
    files: dict[str, Path], tmp_path: Path
) -> None:
    heard = Heard()
    folder = tmp_path / "plots"
    given = {"preds": [files["preds"]], "gold": [files["gold"]]}
    report = score(**given, plots=folder, baselines=True, listener=heard)  # type: ignore[arg-type]
    assert not report.failures
    assert sorted(path.name for path in folder.iterdir()) == FILES
    told = [text for text in heard.messages if text.startswith("wrote")]
    assert sorted(told) == [f"wrote {folder / name}" for name in FILES]
    assert report.to_dict() == score(**given, baselines=True).to_dict()


def test_what_is_drawn_is_what_was_measured(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[Parts] = []
    bars: list[SystemBars] = []
    rows: dict[str, int] = {}
    monkeypatch.setattr(plots, "plot_parts", lambda _, systems, **__: parts.extend(systems))

    def keep(_: Path, systems: list[SystemBars], **given: object) -> None:
        bars.extend(systems)
        rows.update(given["rows"])  # type: ignore[call-overload]

    monkeypatch.setattr(plots, "plot_relations", keep)
    given = {"preds": [files["preds"]], "gold": [files["gold"]], "plots": tmp_path}
    report = score(**given, baselines=True)  # type: ignore[arg-type]
    assert [one.name for one in parts] == ["preds", *BASELINES]
    assert (parts[0].z1, parts[0].z2, parts[0].overall) == (report.numbers["z1"], None, None)
    assert [one.name for one in bars] == ["preds"]
    assert list(bars[0].by_relation) == list(RELATIONS)
    assert rows == dict.fromkeys(RELATIONS, 0) | {"on": 6, "in": 6}
    # Of "on" 6 are wanted, 4 said and right; nobody wants "under", and nobody speaks of "behind".
    assert bars[0].by_relation["on"].f1 == pytest.approx(200 * 4 / (6 + 4))
    assert bars[0].by_relation["under"].f1 == 0
    assert bars[0].by_relation["behind"] == Bar(None, None)
    bars.clear()
    score(**given, bootstrap=0)  # type: ignore[arg-type]
    assert all(bar.interval is None for bar in bars[0].by_relation.values())


def test_intervals_of_relations_are_of_the_resamples_of_every_number(
    gold: dict[RowKey, GoldRow], scored: Callable[..., SystemScores]
) -> None:
    made = scored("a", 1)
    resamples = ImageResamples(gold.values(), number=300, seed=0)
    intervals = resamples.f1_by_relation(made)
    assert set(intervals) == set(RELATIONS)
    assert intervals["behind"] is None
    bars = plots._bars(made, resamples).by_relation
    for relation in ("on", "in"):
        low, high = intervals[relation] or (0, 0)
        assert bars[relation].interval == (low, high)
        assert low < (bars[relation].f1 or 0) < high
    again = ImageResamples(gold.values(), number=300, seed=0).f1_by_relation(made)
    other = ImageResamples(gold.values(), number=300, seed=1).f1_by_relation(made)
    assert again == intervals != other


def test_gold_without_task_1_has_no_bars_and_says_so(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.score.run.measure_sentences", _without_java)
    gold = GoldRow("1", "1.jpg", 2, "cup", "tray", None, None, ("on",), ("a cup on a tray",))
    write_rows(files["gold"], [gold.to_dict()])
    write_rows(files["preds"], [PredictionRow("1", 2, "a cup").to_dict()])
    heard = Heard()
    given = {"preds": [files["preds"]], "gold": [files["gold"]], "plots": tmp_path / "plots"}
    score(**given, listener=heard)  # type: ignore[arg-type]
    assert heard.messages[-1] == "no plot of F1 by relation: gold has no rows of task 1"
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == FILES[:2]


def _without_java(scores: list[SystemScores], **_: object) -> object:
    from vsdkit.errors import MetricError
    from vsdkit.score.sentences import Sentences

    for one in scores:
        one.fail(("tokens", "spice"), MetricError("no Java here"))
    return Sentences("n/a", "n/a", [])


def test_a_plot_that_cannot_be_written_loses_no_number(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "plots" / "overall.svg").mkdir(parents=True)
    given = {"preds": [files["preds"]], "gold": [files["gold"]], "plots": tmp_path / "plots"}
    report = score(**given)  # type: ignore[arg-type]
    assert report.numbers["z1"] is not None
    assert [failure.message for failure in report.failures] == ["cannot write: not a file"]


def test_a_place_that_is_none_is_told_before_anything_is_measured(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("vsdkit.score.run.read_gold", None)
    given = {"preds": [files["preds"]], "gold": [files["gold"]]}
    with pytest.raises(VsdkitError, match="cannot write: Not a directory") as found:
        score(**given, plots=tmp_path / "file" / "below")  # type: ignore[arg-type]
    assert found.value.where == str(tmp_path / "file" / "below")


def test_plain_captions_have_no_such_plots(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="plots is of VSD's tasks"):
        score(preds=[tmp_path / "a"], coco=tmp_path / "b", plots=tmp_path / "c")


def test_a_scoring_without_plots_loads_no_matplotlib(files: dict[str, Path]) -> None:
    code = (
        "import sys\nfrom vsdkit.score import score\n"
        f"score(preds=[{str(files['preds'])!r}], gold=[{str(files['gold'])!r}])\n"
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
