"""A server with the merged model gives the same rows; what it fails at is an error of its row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vsdkit.conversation import load_template
from vsdkit.errors import BackendError, CheckpointError, ConfigError, TemplateError, VsdkitError
from vsdkit.infer import InferReport
from vsdkit.merge import merge
from vsdkit.settings.infer import InferSettings

Ask = Callable[..., InferReport]
KEY = "sk-topsecret-0123456789"


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def ask_server(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask a server for a model named m; retries come at once."""
    from functools import partial

    from vsdkit.chat_client import ChatClient

    monkeypatch.setattr("vsdkit.infer.server.ChatClient", partial(ChatClient, backoff_s=0))

    def run(url: str, **settings: Any) -> InferReport:
        return ask(**({"engine": "openai", "base_url": url, "model": "m", "base": None} | settings))

    return run


@pytest.mark.parametrize("named", ["model", "adapter"])
def test_the_merged_model_at_a_server_gives_the_same_rows(
    write_run: Callable[..., Path],
    ask: Ask,
    ask_server: Ask,
    serve: Any,
    served: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
) -> None:
    lengths = {1: 10, 2: 24, 3: 32}
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", lengths)
    monkeypatch.setattr("vsdkit.infer.server.MAX_NEW_TOKENS", lengths)
    run = write_run(image_mode="anyres")
    merged = str(merge(run=run).output)
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    local = ask(base=merged, output=here)
    server = serve(served(Path(merged)))
    model = {"model": merged} if named == "model" else {"model": "m", "adapter": run}
    report = ask_server(server.url, output=there, **model)
    assert there.read_bytes() == here.read_bytes()
    assert len({row["raw"] for row in rows_of(there)}) > 3
    same = ("rows", "unparsed", "errors", "unfinished", "pictures", "seen_in_training")
    assert [getattr(report, name) for name in same] == [getattr(local, name) for name in same]
    assert report.base == model["model"]
    facts = json.loads((tmp_path / "there.jsonl.run.json").read_text())
    assert facts["template"] == load_template("paper").text
    assert facts["conversation"] is None
    assert {body["temperature"] for body in server.asked} == {0.0}
    assert len(server.asked) == 21


def test_a_second_run_costs_nothing(
    ask_server: Ask, serve: Any, answer: Any, tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, answer(f"on {hash(str(body))}"), {}))
    ask_server(server.url)
    content = (tmp_path / "preds.jsonl").read_bytes()
    assert len(server.asked) == 21
    again = ask_server(server.url, output=tmp_path / "again.jsonl", concurrency=1)
    assert (tmp_path / "again.jsonl").read_bytes() == content
    assert (again.answered_now, len(server.asked)) == (21, 21)
    ask_server(server.url, output=tmp_path / "anew.jsonl", no_store=True)
    assert len(server.asked) == 42


def test_questions_about_one_image_are_asked_together(
    ask_server: Ask, serve: Any, answer: Any, scenes: Any
) -> None:
    images: list[str] = []

    def behave(body: dict[str, Any], number: int) -> Any:
        images.append(body["messages"][0]["content"][0]["image_url"]["url"])
        return 200, answer("on"), {}

    ask_server(serve(behave).url, concurrency=1)
    assert len(images) == 21
    assert sum(one != other for one, other in pairwise(images)) == 6 - 1


def finished(text: str | None, finish: str) -> bytes:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return json.dumps({"choices": [choice]}).encode()


def test_what_fails_for_a_row_is_its_error_and_is_asked_again(
    ask_server: Ask, serve: Any, answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    length_of_task_2 = 6
    failures = [
        (500, json.dumps({"error": f"no: {KEY}"}).encode(), {"x-key": KEY}),
        (200, finished("", "stop"), {}),
        (200, finished("half", "content_filter"), {}),
        (200, finished("on", "stop")[:20], {}),
        (400, b'{"error": {"message": "no such image"}}', {}),
        (413, b"too large", {}),
    ]
    whole = False
    seen: list[str] = []

    def behave(body: dict[str, Any], number: int) -> Any:
        if whole or body["max_tokens"] != length_of_task_2:
            return 200, answer("in front of"), {}
        text = json.dumps(body["messages"])
        seen.extend([text] if text not in seen else [])
        return failures[seen.index(text)]

    server = serve(behave)
    report = ask_server(server.url, concurrency=1)
    assert report.errors == {"1": 0, "2": 7, "3": 0}
    assert len(report.failures) == 1
    rows = rows_of(tmp_path / "preds.jsonl")
    assert sorted(row["error"] for row in rows if "error" in row) == [
        "the server answered 400: no such image",
        # Two of the items are the same picture and the same words.
        "the server answered 500: no: ***",
        "the server answered 500: no: ***",
        "the server gives no answer: empty reply",
        "the server gives no answer: filtered",
        "the server gives no answer: too long",
        "the server's answer is not JSON: it is cut off: line 1 column 21 (char 20): "
        '{"choices": [{"messa',
    ]
    assert KEY not in "".join(path.read_text() for path in tmp_path.glob("preds.jsonl*"))
    asked = len(server.asked)
    whole = True
    report = ask_server(server.url, concurrency=1)
    assert (report.answered_now, report.failures) == (7, ())
    assert len(server.asked) == asked + 7
    fresh = tmp_path / "fresh.jsonl"
    ask_server(server.url, output=fresh, no_store=True)
    assert fresh.read_bytes() == (tmp_path / "preds.jsonl").read_bytes()


def test_an_answer_that_is_cut_off_is_one_and_is_counted(
    ask_server: Ask, serve: Any, tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, finished("a cup on", "length"), {}))
    report = ask_server(server.url, tasks=(2,))
    assert (report.unfinished, report.errors) == (7, {"2": 0})
    assert {row["prediction"] for row in rows_of(tmp_path / "preds.jsonl")} == {"a cup on"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_concerns_the_server_ends_the_run_and_answers_are_kept(
    ask_server: Ask, serve: Any, answer: Any, tmp_path: Path, status: int
) -> None:
    broken = True

    def behave(body: dict[str, Any], number: int) -> Any:
        return (status, b"{}", {}) if broken and number > 5 else (200, answer("on"), {})

    server = serve(behave)
    with pytest.raises(BackendError, match=f"answered {status}"):
        ask_server(server.url, concurrency=1, no_store=True)
    assert len(server.asked) == 6
    assert len(rows_of(tmp_path / "preds.jsonl.part.jsonl")) == 5
    broken = False
    assert ask_server(server.url, no_store=True).answered_now == 16
    assert len(server.asked) == 6 + 16


def test_more_failures_than_allowed_end_the_run(ask_server: Ask, serve: Any, answer: Any) -> None:
    def behave(body: dict[str, Any], number: int) -> Any:
        return (400, b"{}", {}) if number % 2 else (200, answer("on"), {})

    with pytest.raises(VsdkitError, match="1 rows have failed, 0 are allowed"):
        ask_server(serve(behave).url, fail_on_error=0)


def test_the_stop_token_in_a_tag_is_an_error_of_its_row(
    ask_server: Ask, serve: Any, answer: Any, write_run: Any, tmp_path: Path
) -> None:
    row = {"id": "stop", "image": "0.png", "subject": "a </s>", "object": "box"}
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps(row) + "\n" + json.dumps(row | {"id": "a", "subject": "cup"}))
    server = serve(lambda body, number: (200, answer("on"), {}))
    adapter = write_run(image_mode="anyres")
    report = ask_server(server.url, items=items, tasks=(1,), adapter=adapter)
    assert report.errors == {"1": 1}
    assert "must not hold <image> or </s>" in (report.first_error or "")
    assert len(server.asked) == 1


def test_the_template_is_the_one_named_or_the_runs(
    ask_server: Ask, serve: Any, answer: Any, write_run: Any, tmp_path: Path
) -> None:
    server = serve(lambda body, number: (200, answer("on"), {}))
    ask_server(server.url, template="beyond", output=tmp_path / "a.jsonl")
    facts = json.loads((tmp_path / "a.jsonl.run.json").read_text())
    assert facts["template"] == load_template("beyond").text
    run = write_run(image_mode="anyres")
    report = ask_server(server.url, adapter=run, output=tmp_path / "b.jsonl")
    assert report.seen_in_training == {"pictures": 6, "seen": 2}
    assert report.adapter == str(run)
    with pytest.raises(TemplateError, match="the adapter was trained with template 'paper'"):
        ask_server(server.url, adapter=run, template="beyond", output=tmp_path / "c.jsonl")
    with pytest.raises(CheckpointError):
        ask_server(server.url, adapter=tmp_path / "none", output=tmp_path / "c.jsonl")


def test_a_run_that_no_server_can_hold_is_refused(
    ask_server: Ask, write_run: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="image mode single has no counterpart there"):
        ask_server("http://127.0.0.1:9/v1", adapter=write_run())


def test_answers_of_another_server_model_or_weights_are_not_taken(
    ask_server: Ask, serve: Any, answer: Any, write_run: Any, tmp_path: Path
) -> None:
    server, other = (serve(lambda body, number: (200, answer("on"), {})) for _ in range(2))
    ask_server(server.url, limit=1)
    with pytest.raises(ConfigError, match="base_url was"):
        ask_server(other.url, limit=1)
    with pytest.raises(ConfigError, match="model was 'm', is 'n'"):
        ask_server(server.url, limit=1, model="n")
    with pytest.raises(ConfigError, match="weights was ''"):
        ask_server(server.url, limit=1, adapter=write_run(image_mode="anyres"))
    with pytest.raises(ConfigError, match="engine was 'openai', is 'transformers'"):
        ask_server(
            server.url, limit=1, engine="transformers", base_url=None, model=None, base="tiny"
        )
    # A password is no part of it, and is written nowhere.
    ask_server(server.url.replace("//", "//me:secret-password@"), limit=2)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret-password" not in written


def test_the_address_in_the_environment_is_part_of_it_too(
    ask_server: Ask, serve: Any, answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda body, number: (200, answer("on"), {}))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    ask_server(None, limit=1)  # type: ignore[arg-type]
    facts = json.loads((tmp_path / "preds.jsonl.run.json").read_text())
    assert facts["made_with"]["base_url"] == server.url
    assert ask_server(server.url, limit=1).answered_now == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "openai"}, "needs the model's name at the server"),
        ({"engine": "openai", "label": "likelihood"}, "tells only the likeliest words"),
        ({"engine": "openai", "base": "tiny"}, "--base is the server's to decide"),
        ({"engine": "openai", "precision": "bf16"}, "--precision is the server's to decide"),
        ({"engine": "openai", "gpus": 2}, "--gpus is the server's to decide"),
        ({"engine": "openai", "conversation": "vicuna_v1"}, "--conversation is the server's"),
        ({"model": "m"}, "--model asks a server: add --engine openai"),
        ({"base_url": "http://x/v1"}, "--base-url asks a server: add --engine openai"),
        ({"no_store": True}, "--no-store asks a server: add --engine openai"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, Any], message: str) -> None:
    model = {"model": "m"} if given.get("engine") and len(given) > 1 else {}
    with pytest.raises(ValidationError, match=message):
        InferSettings(**(model | given))


def test_an_image_that_changes_meanwhile_is_an_error_of_its_rows(
    ask_server: Ask, serve: Any, answer: Any, scenes: Any, tmp_path: Path
) -> None:
    images = Path(shutil.copytree(scenes.images, tmp_path / "own"))

    def behave(body: dict[str, Any], number: int) -> Any:
        shutil.copy(images / "below" / "0.png", images / "below" / "5.png")
        return 200, answer("on"), {}

    report = ask_server(serve(behave).url, images=(images,), concurrency=1, tasks=(1,))
    assert report.errors == {"1": 1}
    assert "the picture has changed since the command began" in (report.first_error or "")
    assert ask_server(serve(behave).url, images=(images,), tasks=(1,), output=tmp_path / "b.jsonl")
