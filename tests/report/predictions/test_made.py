"""What run.json says of predictions, in short texts."""

from __future__ import annotations

from vsdkit.conversation import load_conversation, load_template
from vsdkit.report.predictions.made import questions_of, run_facts

MADE = {
    "command": "infer",
    "settings": {
        "engine": "openai",
        "base_url": "http://10.1.2.3:8000/v1",
        "model": "http://10.1.2.3/m",
        "adapter": None,
        "label": "generate",
    },
    "made_with": {
        "base": "tiny",
        "template": load_template("paper").text,
        "conversation": load_conversation("vicuna_v1").text,
    },
    "versions": {"vsdkit": "0.1.0"},
    "seconds": 1234.4,
    "started": "2026-11-26T07:09:41+00:00",
}


def test_facts_are_short_and_name_no_server() -> None:
    told = run_facts(MADE)
    assert told == {
        "command": "vsdkit infer",
        "engine": "openai",
        "label": "generate",
        "base": "tiny",
        "conversation": "vicuna_v1",
        "made": "2026-11-26 07:09 UTC",
        "took": "1,234 s",
        "vsdkit": "0.1.0",
    }
    assert "10.1.2.3" not in str(told)


def test_what_an_engine_does_not_look_at_is_not_told() -> None:
    settings = {"engine": "rules", "model": "some/model", "label": "generate"}
    assert "model" not in run_facts({"settings": settings})
    assert run_facts({"settings": settings | {"engine": "boxes"}}) == {
        "engine": "boxes",
        "model": "some/model",
    }


def test_without_a_run_json_nothing_is_said() -> None:
    assert run_facts({}) == {}
    assert questions_of({}) == {}
    odd = {"settings": [], "made_with": "x", "versions": None, "command": 3}
    assert run_facts(odd) == {"command": "vsdkit 3"}
    assert questions_of({"made_with": {"template": "no: template"}}) == {}


def test_questions_are_those_of_the_template_with_places_for_the_tags() -> None:
    asked = questions_of(MADE)
    assert set(asked) == {"1", "2", "3"}
    assert "'The {subject} is [BLANK] the {object}'" in asked["1"]
