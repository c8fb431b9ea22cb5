"""The whole command as a library call: files, counts, bytes, and what an error leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vsdkit.conversation import load_template
from vsdkit.data.jsonl import read_records
from vsdkit.data.records import InstructionRow
from vsdkit.data.row_files import read_gold_rows
from vsdkit.errors import AlignmentError, ConfigError, DataError, TemplateError, VsdkitError
from vsdkit.instructions import build_instructions
from vsdkit.manifest import read_manifest
from vsdkit.settings.build_instructions import BuildInstructionsSettings

FIRST = {"s": "cup", "o": "desk", "p": "on", "s_bbox": [1, 9, 2, 8], "o_bbox": [5, 50, 0, 99]}


def _entry(img_id: str, captions: list[str], *further: dict[str, Any]) -> dict[str, Any]:
    return {"img_id": img_id, "triple_list": [FIRST, *further], "captions": captions}


def _write(folder: Path, v1: object, v2: object) -> None:
    for name, content in (("v1", v1), ("v2", v2)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    v1 = [
        _entry("1", ["a", "a", "b", " "], FIRST | {"s": "pen", "p": "left"}),
        _entry("2_x.jpg", ["only one"]),
        _entry("nyu_1.5-2.7.png", ["a", "b", "c", "d"], FIRST | {"p": "above"}),
    ]
    v2 = [
        _entry("2_x.jpg", ["X"]),
        _entry("1", ["One.", "One."]),
        _entry("nyu_1.5-2.7.png", ["N", "M"]),
    ]
    _write(tmp_path, v1, v2)
    return tmp_path


def _settings(folder: Path, **fields: Any) -> BuildInstructionsSettings:
    names = {"v1": "v1.json", "v2": "v2.json", "output": "instructions.jsonl", "gold": "gold.jsonl"}
    paths = {field: folder / name for field, name in names.items()}
    return BuildInstructionsSettings(**(paths | fields))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_counts_rows_and_files(folder: Path) -> None:
    report = build_instructions(_settings(folder, rejects=folder / "rejects.jsonl"))
    rows = list(read_records(folder / "instructions.jsonl", InstructionRow.from_dict))
    gold = read_gold_rows(folder / "gold.jsonl")
    assert report.rows == {1: 3, 2: 7, 3: 2}
    assert report.gold_rows == {1: 3, 2: 3, 3: 3}
    assert len(rows) == 12
    assert len({row.id for row in rows}) == 12
    assert len({row.key for row in gold}) == len(gold) == 9
    assert [row.image for row in gold[::3]] == ["1.jpg", "2_x.jpg", "nyu_1.5-2.7.png"]
    assert gold[-1].relations == ("on", "above")
    assert report.left_out == {
        "blank caption": 1,
        "fewer than two VSDv1 captions": 1,
        "further pair of a picture (--pairs all keeps it)": 1,
        "repeated VSDv1 caption": 1,
        "repeated VSDv2 caption": 1,
    }
    rejects = [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]
    assert len(rejects) == sum(report.left_out.values())
    assert {
        "id": "1#2",
        "image": "1.jpg",
        "task": None,
        "reason": "further pair of a picture (--pairs all keeps it)",
        "text": "pen to the left of desk",
    } in rejects


def test_the_table_stands_beside_the_papers_counts(folder: Path) -> None:
    report = build_instructions(_settings(folder))
    # LLaVA-VSD (ACM MM 2024), section 3: 121,339 rows on the train split.
    assert report.tables()[0].rows == [
        ("1 relation", 3, 20_490, 3),
        ("2 sentence", 7, 83_608, 3),
        ("3 sentences", 2, 17_241, 3),
        ("sum", 12, 121_339, 9),
    ]
    assert report.to_dict()["paper_rows_train"] == {"task1": 20490, "task2": 83608, "task3": 17241}
    assert report.to_dict()["published"] == {"v1": "", "v2": ""}
    assert "left out: 1 blank caption" in report.notes()
    assert f"gold: {folder / 'gold.jsonl'}" in report.notes()


def test_the_manifest_tells_all_that_is_needed_to_make_it_again(folder: Path) -> None:
    settings = _settings(folder, template="varied", seed=5)
    report = build_instructions(settings, origins={"seed": "flag"})
    run = read_manifest(folder / "instructions.jsonl.run.json")
    assert (run["command"], run["template"], run["seed"]) == ("build-instructions", "varied", 5)
    assert run["template_text"] == load_template("varied").text
    assert run["settings"] == settings.model_dump(mode="json")
    assert run["origins"] == {"seed": "flag"}
    assert run["rows"] == report.to_dict()["rows"]
    for files in ("inputs", "outputs"):
        for path, digest in run[files].items():
            assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
    assert [Path(path).name for path in run["inputs"]] == ["v1.json", "v2.json"]


@pytest.mark.parametrize("template", ["paper", "varied", "beyond"])
def test_the_same_seed_gives_the_same_bytes_under_any_hash_seed(
    folder: Path, template: str
) -> None:
    code = (
        "import sys; from pathlib import Path; from vsdkit.instructions import build_instructions;"
        "from vsdkit.settings.build_instructions import BuildInstructionsSettings as S;"
        "p = Path(sys.argv[1]); build_instructions(S(v1=p / 'v1.json', v2=p / 'v2.json',"
        "output=p / 'i.jsonl', gold=p / 'g.jsonl', template=sys.argv[2]))"
    )
    made = set()
    for hash_seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(folder), template],
            env={"PYTHONHASHSEED": hash_seed},
            check=True,
        )
        made.add((folder / "i.jsonl").read_bytes() + (folder / "g.jsonl").read_bytes())
    assert len(made) == 1


def test_another_seed_draws_otherwise_and_keeps_the_ids(folder: Path) -> None:
    made = []
    for seed in range(4):
        build_instructions(_settings(folder, template="varied", seed=seed))
        made.append(list(read_records(folder / "instructions.jsonl", InstructionRow.from_dict)))
    assert len({tuple(row.question for row in rows) for rows in made}) == 4
    assert len({tuple(row.id for row in rows) for rows in made}) == 1


def test_all_pairs_share_the_captions_of_their_picture(folder: Path) -> None:
    report = build_instructions(_settings(folder, pairs="all"))
    assert report.rows == {1: 4, 2: 9, 3: 3}
    gold = read_gold_rows(folder / "gold.jsonl")
    further = [row for row in gold if row.id == "1#2"]
    assert [(row.subject, row.image, row.references) for row in further] == [
        ("pen", "1.jpg", ()),
        ("pen", "1.jpg", ("a", "b")),
        ("pen", "1.jpg", ("One.",)),
    ]
    assert {row.relations for row in further} == {("to the left of",)}


def test_a_further_pair_never_takes_another_pictures_id(folder: Path) -> None:
    v1 = [_entry("1", ["a"], FIRST | {"s": "pen"}), _entry("1#2", ["b"])]
    _write(folder, v1, [_entry("1", ["A"]), _entry("1#2", ["B"])])
    assert build_instructions(_settings(folder)).rows[1] == 2
    with pytest.raises(DataError, match="a further pair of '1' is called '1#2', as another"):
        build_instructions(_settings(folder, pairs="all"))


def test_chosen_tasks_shape_the_instruction_rows_and_not_gold(folder: Path) -> None:
    report = build_instructions(_settings(folder, tasks=(1, 3)))
    assert report.rows == {1: 3, 2: 0, 3: 2}
    assert sum(report.gold_rows.values()) == 9
    report = build_instructions(_settings(folder, tasks=(1,)))
    assert "fewer than two VSDv1 captions" not in report.left_out


def test_the_json_list_holds_the_same_rows(folder: Path) -> None:
    build_instructions(_settings(folder))
    lines = (folder / "instructions.jsonl").read_text(encoding="utf-8").splitlines()
    build_instructions(_settings(folder, output=folder / "i.json", format="json"))
    listed = json.loads((folder / "i.json").read_text(encoding="utf-8"))
    assert listed == [json.loads(line) for line in lines]
    # What LLaVA's own trainer reads of a row.
    assert set(listed[0]) >= {"id", "image", "conversations"}
    assert listed[0]["conversations"][0]["value"].startswith("<image>\n")


def test_a_list_without_rows_is_still_a_list(folder: Path) -> None:
    _write(folder, [_entry("1", ["a"])], [_entry("1", ["A"])])
    build_instructions(_settings(folder, output=folder / "i.json", format="json", tasks=(3,)))
    assert json.loads((folder / "i.json").read_text(encoding="utf-8")) == []


def test_a_template_of_ones_own(folder: Path) -> None:
    own = folder / "own.yaml"
    own.write_text(
        "name: own\n"
        "questions: {1: ['{T1}, {T2}?'], 2: ['Say.'], 3: ['Say thrice.']}\n"
        "answers: {1: 'it is {R}', 2: '{v1_caption}', 3: '{v1_caption}|{v2_caption}'}\n",
        encoding="utf-8",
    )
    report = build_instructions(_settings(folder, template=str(own)))
    row = next(read_records(folder / "instructions.jsonl", InstructionRow.from_dict))
    assert (row.question, row.answer) == ("cup, desk?", "it is on")
    assert report.template == "own"
    run = read_manifest(folder / "instructions.jsonl.run.json")
    assert run["template_text"] == own.read_text(encoding="utf-8")


@pytest.mark.parametrize("broken", ["content", "second file", "template", "missing"])
def test_an_error_leaves_every_file_as_it_was(folder: Path, broken: str) -> None:
    build_instructions(_settings(folder, rejects=folder / "rejects.jsonl"))
    if broken == "content":
        (folder / "v1.json").write_text('[{"img_id": "1"}]', encoding="utf-8")
    elif broken == "second file":
        _write(folder, [_entry("1", ["a"])], [_entry("2", ["a"])])
    elif broken == "missing":
        (folder / "v2.json").unlink()
    before = _files(folder)
    template = "papre" if broken == "template" else "paper"
    with pytest.raises(VsdkitError):
        build_instructions(
            _settings(folder, rejects=folder / "rejects.jsonl", seed=1, template=template)
        )
    assert _files(folder) == before


def test_an_error_makes_no_file(folder: Path) -> None:
    _write(folder, [_entry("1", ["a"])], [_entry("2", ["a"])])
    before = _files(folder)
    with pytest.raises(AlignmentError, match="do not hold the same pictures"):
        build_instructions(_settings(folder))
    with pytest.raises(TemplateError, match="unknown template 'papre'; known: beyond, paper"):
        build_instructions(_settings(folder, template="papre"))
    assert _files(folder) == before


def test_a_failure_in_the_middle_leaves_the_old_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_instructions(_settings(folder))
    before = _files(folder)

    def interrupted(pair: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("vsdkit.instructions.build.gold_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_instructions(_settings(folder, template="beyond"))
    assert _files(folder) == before


def test_a_killed_run_leaves_the_old_files(folder: Path) -> None:
    build_instructions(_settings(folder))
    before = _files(folder)
    code = (
        "import sys, time; from pathlib import Path;"
        "import vsdkit.instructions.build as build;"
        "from vsdkit.settings.build_instructions import BuildInstructionsSettings as S;"
        "old = build.gold_rows;"
        "build.gold_rows = lambda pair: (print('here', flush=True), time.sleep(60), old(pair))[2];"
        "p = Path(sys.argv[1]); build.build_instructions(S(v1=p / 'v1.json', v2=p / 'v2.json',"
        "output=p / 'instructions.jsonl', gold=p / 'gold.jsonl', template='beyond'))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert any(name.endswith(".part") for name in os.listdir(folder))
        process.send_signal(signal.SIGKILL)
    kept = {name: content for name, content in _files(folder).items() if name[0] != "."}
    assert kept == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gold": "instructions.jsonl"}, "instructions and gold are the same file"),
        ({"v2": "v1.json"}, "v1 and v2 are the same file"),
        ({"output": "v1.json"}, "v1 and instructions are the same file"),
        ({"rejects": "./gold.jsonl"}, "gold and rejects are the same file"),
        ({"gold": "instructions.jsonl.run.json"}, "gold and manifest are the same file"),
    ],
)
def test_no_file_is_named_twice(folder: Path, fields: dict[str, str], message: str) -> None:
    before = _files(folder)
    with pytest.raises(ConfigError, match=message):
        build_instructions(
            _settings(folder, **{field: folder / name for field, name in fields.items()})
        )
    assert _files(folder) == before


def test_an_output_that_cannot_be_written_leaves_the_others(folder: Path) -> None:
    build_instructions(_settings(folder))
    before = (folder / "gold.jsonl").read_bytes()
    # A folder that is there at the start is refused by the settings; this one comes later.
    settings = _settings(folder, pairs="all")
    (folder / "instructions.jsonl").unlink()
    (folder / "instructions.jsonl").mkdir()
    with pytest.raises(VsdkitError, match="cannot write: not a file"):
        build_instructions(settings)
    assert (folder / "gold.jsonl").read_bytes() == before


def test_progress_counts_every_picture(folder: Path) -> None:
    class Listener:
        steps = 0
        total: int | None = None

        def message(self, text: str) -> None:
            raise AssertionError(text)

        def track(self, description: str, *, total: int | None) -> Any:
            self.total = total
            return self

        def __enter__(self) -> Listener:
            return self

        def __exit__(self, *error: object) -> None: ...

        def advance(self, steps: int = 1, **facts: Any) -> None:
            self.steps += steps

    items = [_entry(str(number), ["a"]) for number in range(1_203)]
    _write(folder, items, items)
    listener = Listener()
    build_instructions(_settings(folder), listener=listener)
    assert listener.steps == listener.total == 1_203


def test_garbage_collection_is_on_again(folder: Path) -> None:
    import gc

    assert gc.isenabled()
    build_instructions(_settings(folder))
    _write(folder, [], [])
    with pytest.raises(DataError, match="the list holds no pictures"):
        build_instructions(_settings(folder))
    assert gc.isenabled()


def test_time_grows_linearly(folder: Path) -> None:
    seconds = []
    for count in (1_000, 8_000):
        items = [_entry(str(number), ["a", "b", "c"]) for number in range(count)]
        _write(folder, items, items)
        began = time.process_time()
        build_instructions(_settings(folder))
        seconds.append(time.process_time() - began)
    # 8 when linear, 64 when quadratic: far from both on a busy machine.
    assert seconds[1] / seconds[0] < 24


@pytest.mark.skipif("VSDKIT_DATA" not in os.environ, reason="VSDKIT_DATA names no folder")
def test_the_public_validation_split(tmp_path: Path) -> None:
    data = Path(os.environ["VSDKIT_DATA"])
    report = build_instructions(
        _settings(tmp_path, v1=data / "vsdv1_val.json", v2=data / "vsdv2_val.json")
    )
    # Counted from zhaoyucs/VSD, commit a1ff08a, without this code.
    assert report.rows == {1: 2_927, 2: 11_891, 3: 2_464}
    assert sum(report.gold_rows.values()) == 8_781
    assert report.left_out["repeated VSDv1 caption"] == 16_823 - 11_891
    assert report.left_out["repeated VSDv2 caption"] == 3_140 - 3_048
    assert report.published == {"v1": "VSDv1 val, as published", "v2": "VSDv2 val, as published"}
    assert report.notes()[0] == "v1: VSDv1 val, as published"
    gold = read_gold_rows(tmp_path / "gold.jsonl")
    assert len({row.key for row in gold}) == 8_781
    assert all(row.references for row in gold if row.task > 1)
