"""The whole command on a few rows: what changes, what passes, what is counted, what goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.diversify import DiversifyReport
from vsdkit.errors import BackendError, ConfigError, DataError, MissingInputError

Rewrite = Callable[..., DiversifyReport]


def rows_of(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["id"], row["task"]): row for row in rows}


@pytest.mark.usefixtures("no_java")
def test_sentence_two_changes_and_nothing_else(
    rewrite: Rewrite, files: Any, tmp_path: Path
) -> None:
    report = rewrite()
    before, after = rows_of(files.preds), rows_of(tmp_path / "out.jsonl")
    assert list(before) == list(after)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {("a", 3), ("b", 3)}
    for key in changed:
        old, new = before[key], after[key]
        assert old["raw"] == new["raw"]
        assert [old["prediction"][n] == new["prediction"][n] for n in range(3)] == [
            True,
            False,
            True,
        ]
    assert (report.rows, report.rewritten, report.retried, report.kept) == (4, 2, 0, 2)
    assert report.kept_because == {"no relation stated": 1, "no three sentences": 1}


@pytest.mark.usefixtures("no_java")
def test_sentence_three_changes_and_nothing_else(
    rewrite: Rewrite, files: Any, tmp_path: Path
) -> None:
    report = rewrite(replace=3)
    before, after = rows_of(files.preds), rows_of(tmp_path / "out.jsonl")
    assert (report.replace, report.rewritten) == (3, 2)
    for key in {("a", 3), ("b", 3)}:
        assert before[key]["prediction"][:2] == after[key]["prediction"][:2]
        assert before[key]["prediction"][2] != after[key]["prediction"][2]
    assert report.notes()[0].endswith("out.jsonl: sentence 3 rewritten by rules")
    with pytest.raises(ConfigError, match="replace was '3', is '2'"):
        rewrite(replace=2)


def with_references(files: Any) -> None:
    rows = [json.loads(line) for line in files.gold.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["task"] == 3:
            row["references"] = [f"a {row['subject']} is near a {row['object']}", "see it"]
    files.gold.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.java
def test_spice_before_and_after_where_it_is_asked_for(rewrite: Rewrite, files: Any) -> None:
    with_references(files)
    assert rewrite().spice_before is None
    # The rewriting is complete; what was not measured then is measured now.
    later = rewrite(check_spice=True)
    assert later.spice_before is not None
    assert later.spice_after is not None
    assert later.spice_before != later.spice_after
    assert rewrite(check_spice=True, overwrite=True) == later
    assert later.tables()[1].columns == ("three sentences", "mBLEU-4", "SPICE")


@pytest.mark.java
def test_spice_is_what_score_says(rewrite: Rewrite, files: Any, tmp_path: Path) -> None:
    from vsdkit.score import score

    # Without the row that has no three sentences: score counts it as wrong.
    with_references(files)
    for path in files:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        kept = [row for row in rows if row["task"] == 3 and row["id"] != "c"]
        path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    report = rewrite(check_spice=True)
    for preds, spice, mbleu4 in (
        (files.preds, report.spice_before, report.mbleu4_before),
        (tmp_path / "out.jsonl", report.spice_after, report.mbleu4_after),
    ):
        task3 = score(preds=[preds], gold=files.gold).to_dict()["task3"]
        assert task3["spice"] == pytest.approx(spice, abs=1e-4)
        assert task3["mbleu4"] == pytest.approx(mbleu4, abs=1e-4)


def test_spice_without_references_is_refused_before_anything_is_asked(
    rewrite: Rewrite, serve: Callable[..., Any], answer: Callable[[str], bytes], tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, answer("no"), {}))
    with pytest.raises(DataError, match="id 'a', task 3 has no references"):
        rewrite(engine="openai", base_url=server.url, check_spice=True)
    assert not server.asked
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.usefixtures("no_java")
def test_without_java_it_still_rewrites(rewrite: Rewrite) -> None:
    report = rewrite()
    assert (report.mbleu4_before, report.mbleu4_after) == (None, None)
    assert report.mbleu4_note == "no Java here"
    assert "mBLEU-4 is n/a: no Java here" in report.notes()
    assert any(note.startswith("rules, not a language model") for note in report.notes())


@pytest.mark.java
def test_mbleu4_before_and_after(rewrite: Rewrite) -> None:
    report = rewrite()
    assert report.mbleu4_before is not None
    assert report.mbleu4_after is not None
    assert report.mbleu4_after < report.mbleu4_before
    assert ("before", report.mbleu4_before) in report.tables()[1].rows


@pytest.mark.usefixtures("no_java")
def test_a_model_of_this_machine(rewrite: Rewrite, text_model: Path, tmp_path: Path) -> None:
    report = rewrite(engine="transformers", model=str(text_model))
    after = rows_of(tmp_path / "out.jsonl")
    assert after["a", 3]["prediction"][1] == "a crate stands in front of that lamp."
    assert after["b", 3]["prediction"][1] == "the desk can be seen under a cup."
    assert (report.rewritten, report.kept) == (2, 2)


def scripted(answer: Callable[[str], bytes], **replies: list[str]) -> Callable[..., Any]:
    """Return how a server behaves that gives each sentence its replies one after the other."""
    left = {name: list(texts) for name, texts in replies.items()}

    def behave(body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        prompt = body["messages"][0]["content"]
        name = "lamp" if "lamp" in prompt else "cup"
        return 200, answer(left[name].pop(0)), {}

    return behave


@pytest.mark.usefixtures("no_java")
def test_a_refused_reply_is_retried_and_then_the_original_kept(
    rewrite: Rewrite,
    serve: Callable[..., Any],
    answer: Callable[[str], bytes],
    files: Any,
    tmp_path: Path,
) -> None:
    replies = {
        "lamp": ["there is a lamp over there", "a crate!", '"A crate, in front of that lamp"'],
        "cup": ["a cup is on the desk", "the cup, under the desk", "no"],
    }
    server = serve(scripted(answer, **replies))
    report = rewrite(engine="openai", base_url=server.url, concurrency=1)
    assert (report.rewritten, report.retried, report.kept) == (1, 2, 3)
    assert report.kept_because == {
        "lost object": 1,
        "no relation stated": 1,
        "no three sentences": 1,
    }
    after = rows_of(tmp_path / "out.jsonl")
    assert after["a", 3]["prediction"][1] == "A crate, in front of that lamp"
    assert after["b", 3] == rows_of(files.preds)["b", 3]
    assert len(server.asked) == 6
    # The refusals of the row that was rewritten in the end are among them.
    assert report.refused == [
        {"kept words": 1, "lost object": 1},
        {"lost object": 1, "lost relation": 1},
        {"lost object": 1},
    ]
    assert (report.relation_kept, report.relation_kept_percent) == (1, 100.0)
    assert report.rewritten_percent == 25.0


@pytest.mark.usefixtures("no_java")
def test_replies_that_were_paid_for_are_kept(
    rewrite: Rewrite,
    serve: Callable[..., Any],
    answer: Callable[[str], bytes],
    tmp_path: Path,
) -> None:
    broken = [True]

    def behave(body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        if "cup" in body["messages"][0]["content"]:
            return (403, b"{}", {}) if broken[0] else (200, answer("under a cup: that desk"), {})
        return 200, answer("A crate, in front of that lamp"), {}

    server = serve(behave)
    settings = {"engine": "openai", "base_url": server.url, "concurrency": 1}
    with pytest.raises(BackendError, match="answered 403"):
        rewrite(**settings)
    assert not (tmp_path / "out.jsonl").exists()
    replies = tmp_path / "out.jsonl.replies.jsonl"
    assert replies.read_bytes().count(b"\n") == 1
    broken[0] = False
    report = rewrite(**settings)
    assert report.rewritten == 2
    prompts = [body["messages"][0]["content"] for body in server.asked]
    assert sum("lamp" in prompt for prompt in prompts) == 1, "asked once only"
    assert not replies.exists()


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (400, {"error": {"message": "x", "code": "content_filter"}}, "filtered"),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, "too long"),
        (200, {"content": None, "refusal": "I cannot."}, "refused"),
        (200, {"content": None}, "empty reply"),
        (200, {"content": ""}, "empty reply"),
    ],
)
def test_a_row_without_a_reply_is_counted_and_the_rest_goes_on(
    rewrite: Rewrite,
    serve: Callable[..., Any],
    answer: Callable[[str], bytes],
    tmp_path: Path,
    status: int,
    message: dict[str, Any],
    reason: str,
) -> None:
    content = message if status != 200 else {"choices": [{"message": message}]}
    stopped = [True]

    def behave(body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        if "cup" in body["messages"][0]["content"]:
            return status, json.dumps(content).encode(), {}
        if stopped[0] and number > 2:
            return 404, b"{}", {}
        return 200, answer("no" if number < 3 else "A crate, in front of that lamp"), {}

    server = serve(behave)
    settings = {"engine": "openai", "base_url": server.url, "concurrency": 1, "attempts": 2}
    with pytest.raises(BackendError, match="answered 404"):
        rewrite(**settings)
    stopped[0] = False
    report = rewrite(**settings)
    assert report.kept_because[reason] == 1
    assert report.rewritten == 1
    cups = [body for body in server.asked if "cup" in body["messages"][0]["content"]]
    assert len(cups) == 2, "once each attempt: that there is no reply is kept, too"


@pytest.mark.usefixtures("no_java")
def test_the_prompt_is_in_run_json_and_another_one_is_another_result(
    rewrite: Rewrite, serve: Callable[..., Any], answer: Callable[[str], bytes], tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, answer("no"), {}))
    settings = {"engine": "openai", "base_url": server.url, "attempts": 1}
    rewrite(**settings)
    run = json.loads((tmp_path / "out.jsonl.run.json").read_text(encoding="utf-8"))
    assert run["settings"]["prompt"] == "paper"
    assert run["made_with"]["prompt"].startswith("Given the image and a concise")
    with pytest.raises(ConfigError, match="prompt was 'Given the image and a concise"):
        rewrite(**settings, prompt="plain")


@pytest.mark.usefixtures("no_java")
def test_run_again_nothing_is_asked(
    rewrite: Rewrite, serve: Callable[..., Any], answer: Callable[[str], bytes], tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, answer("no"), {}))
    settings = {"engine": "openai", "base_url": server.url, "attempts": 1}
    first = rewrite(**settings)
    asked = len(server.asked)
    content = (tmp_path / "out.jsonl").read_bytes()
    assert rewrite(**settings) == first
    assert len(server.asked) == asked
    assert (tmp_path / "out.jsonl").read_bytes() == content


@pytest.mark.usefixtures("no_java")
def test_a_result_made_otherwise_is_refused(rewrite: Rewrite) -> None:
    rewrite(seed=0)
    with pytest.raises(ConfigError, match="seed was '0', is '1'"):
        rewrite(seed=1)
    assert rewrite(seed=1, overwrite=True).rewritten == 2


@pytest.mark.usefixtures("no_java")
def test_a_file_nobody_knows_is_not_overwritten(rewrite: Rewrite, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="how it was made is not known"):
        rewrite()


@pytest.mark.usefixtures("no_java")
def test_what_training_saw_travels_on(rewrite: Rewrite, files: Any, tmp_path: Path) -> None:
    seen = {"pictures": 4, "seen": 1}
    place = files.preds.with_name("preds.jsonl.run.json")
    place.write_text(json.dumps({"seen_in_training": seen}), encoding="utf-8")
    rewrite()
    run = json.loads((tmp_path / "out.jsonl.run.json").read_text(encoding="utf-8"))
    assert run["seen_in_training"] == seen
    assert run["report"]["rewritten"] == 2
    assert run["made_with"]["engine"] == "rules"


@pytest.mark.usefixtures("no_java")
def test_items_of_ones_own_will_do(rewrite: Rewrite, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    pairs = "a,a.png,lamp,crate\nb,b.png,cup,desk\nc,c.png,cup,desk\nd,d.png,lamp,crate\n"
    gold.write_text(f"id,image,subject,object\n{pairs}", encoding="utf-8")
    assert rewrite(gold=gold).rewritten == 2


@pytest.mark.parametrize("missing", ["preds", "gold"])
def test_a_missing_file(rewrite: Rewrite, tmp_path: Path, missing: str) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        rewrite(**{missing: tmp_path / "none.jsonl"})


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("no_store", [False, True])
def test_a_row_that_the_server_fails_at_is_asked_again_by_the_next_run(
    rewrite: Rewrite,
    files: Any,
    serve: Callable[..., Any],
    answer: Callable[[str], bytes],
    tmp_path: Path,
    no_store: bool,
) -> None:
    broken = [True]

    def behave(body: dict[str, Any], number: int) -> tuple[int, bytes, dict[str, str]]:
        if "cup" in body["messages"][0]["content"]:
            return (422, b"{}", {}) if broken[0] else (200, answer("under a cup: that desk"), {})
        return 200, answer("A crate, in front of that lamp"), {}

    server = serve(behave)
    settings = {"engine": "openai", "base_url": server.url, "no_store": no_store}
    report = rewrite(**settings)
    assert report.kept_because["server failed"] == 1
    (failure,) = report.failures
    assert failure.message == "the server failed at 1 of 4 sentences: they stay as they were"
    assert rows_of(tmp_path / "out.jsonl")["b", 3] == rows_of(files.preds)["b", 3]
    assert [body["temperature"] for body in server.asked] == [0.0, 0.0], "no other question instead"
    broken[0] = False
    report = rewrite(**settings)
    assert (report.rewritten, report.failures) == (2, ())
    assert len(server.asked) == 3, "the one that failed alone"
    again = rewrite(**settings)
    assert (again.rewritten, len(server.asked)) == (2, 3)
    assert not (tmp_path / "out.jsonl.replies.jsonl").exists()


@pytest.mark.usefixtures("no_java")
def test_a_row_that_holds_an_error_passes_unchanged(
    rewrite: Rewrite, files: Any, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in files.preds.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["prediction"] is None:
            row["error"] = "the server answered 500"
    files.preds.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = rewrite()
    assert report.kept_because["no three sentences"] == 1
    assert rows_of(tmp_path / "out.jsonl")["c", 3] == rows_of(files.preds)["c", 3]
