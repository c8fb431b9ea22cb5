"""A browser for the tests of pages, and pages about synthetic scenes, made without a model."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import IMAGE_SIZE, Scene, sample_scenes
from vsdkit.report.page import Page as Report
from vsdkit.report.page import assets_named
from vsdkit.report.predictions.packing import pack_details, pack_entries

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "browser.py"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if _SCRIPT["find_browser"]() is None:
        pytest.skip(f"no browser: none of {', '.join(_SCRIPT['BROWSERS'])} is on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = _SCRIPT["start_browser"](playwright)
        yield browser
        browser.close()


@dataclass
class View:
    """A page in a tab, and what it did there."""

    page: Page
    requests: list[str]
    """Addresses that were asked for."""

    def loaded(self, kind: str) -> list[str]:
        """Return the names of the pieces of data that were loaded, such as ``details``."""
        names = (address.rpartition("/")[2] for address in self.requests if "/data/" in address)
        return sorted({name for name in names if name.startswith(kind)})

    def ids(self) -> list[str]:
        """Return the ids of the entries that stand in the list, in order."""
        return self.page.locator("#list .entry .id").all_inner_texts()


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., View]]:
    """Open a page; whatever it does is recorded, and what no page may do fails the test."""
    contexts = []
    trouble: list[str] = []
    views: list[tuple[Path, View]] = []

    def open_page(
        index: Path,
        address: str = "",
        *,
        width: int = 1600,
        height: int = 1000,
        waits_for: str | None = "#filters",
        **how: Any,
    ) -> View:
        context = browser.new_context(viewport={"width": width, "height": height}, **how)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        view = View(page, [])
        views.append((index, view))
        page.on("request", lambda request: view.requests.append(request.url))
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on(
            "dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        page.goto(index.as_uri() + address)
        if waits_for:
            page.wait_for_selector(waits_for)
        return view

    yield open_page
    for context in contexts:
        context.close()
    assert not trouble
    for index, view in views:
        folder = index.parent.as_uri() + "/"
        assert [url for url in view.requests if not url.startswith((folder, "data:,"))] == []


# --- made pages


@pytest.fixture(scope="session")
def write_page() -> Callable[..., Path]:
    return _write_page


_NUMBERS = {
    "f1": ("Task 1: F1", 1),
    "bleu4": ("Task 2: BLEU-4", 2),
    "spice2": ("Task 2: SPICE", 2),
    "mbleu4": ("Task 3: mBLEU-4", 3),
    "spice3": ("Task 3: SPICE", 3),
}
_SORTS = {
    "2.bleu4": "2 BLEU-4",
    "2.spice": "2 SPICE",
    "3.mbleu4": "3 mBLEU-4",
    "3.spice": "3 SPICE",
}
_LOWER_IS_BETTER = {"mbleu4", "3.mbleu4"}


def _write_page(
    folder: Path,
    *,
    scenes: Sequence[Scene] | None = None,
    systems: Sequence[str] = ("lora",),
    tasks: Sequence[int] = (1, 2, 3),
    pictures: bool = True,
    gold: bool = True,
    chunk: int = 10,
) -> Path:
    """Write a page and return its index.html; the second of two systems is wrong more often."""
    scenes = list(sample_scenes(40, seed=3)) if scenes is None else scenes
    page = Report(folder)
    answers = [
        [_answers(scene, system, tasks, place) for scene in scenes]
        for place, system in enumerate(systems)
    ]
    page.add_data("summary", _summary(scenes, systems, tasks, answers, gold) | {"chunk": chunk})
    page.add_data("entries", pack_entries(_entries(folder, scenes, tasks, answers, pictures, gold)))
    details = [
        {
            "references": {
                str(task): list(scene.captions if task == 2 else scene.descriptions)
                for task in tasks
                if task > 1 and gold
            },
            "systems": [of[place]["details"] for of in answers],
        }
        for place, scene in enumerate(scenes)
    ]
    for start in range(0, len(scenes), chunk):
        page.add_data(f"details-{start // chunk:03}", pack_details(details[start : start + chunk]))
    return page.finish("predictions.html", title="made", assets=assets_named("predictions"))


def _answers(scene: Scene, system: str, tasks: Sequence[int], place: int) -> dict[str, Any]:
    """Return what a system says of a scene: the second one is wrong more often."""
    rng = random.Random(f"{system} {scene.id}")
    wrong = rng.random() < (0.2, 0.6)[place % 2]
    said = (
        rng.choice([label for label in RELATIONS if label != scene.relation])
        if wrong
        else scene.relation
    )
    subject, other = scene.subject.tag, scene.object.tag
    sentence = f"a {subject} is {said} the {other}."
    three = [
        f"{subject} {said} {other}.",
        sentence,
        f"The {subject} can be seen {said} the {other}.",
    ]
    relation = [[subject.split()[1], said, other.split()[1]], "x" if wrong else "m"]
    tuples = [[[subject.split()[1]], "m"], [[other.split()[1], other.split()[0]], "m"], relation]
    missing = [[subject.split()[1], scene.relation, other.split()[1]]] if wrong else []
    details = {
        "1": {"answer": said, "probabilities": {said: 0.8, RELATIONS[0]: 0.15, RELATIONS[1]: 0.05}},
        "2": {"answer": sentence, "stated": [said], "tuples": tuples, "missing": missing},
        "3": {
            "answer": three,
            "stated": [[said]] * 3,
            "tuples": [tuples] * 3,
            "missing": [missing] * 3,
            "mbleu4_by_pair": {"1-2": 20.0, "1-3": 15.5, "2-3": 40.0},
            "by_sentence": [50.0, 60.0, 55.5],
        },
    }
    return {
        "label": RELATIONS.index(said),
        "verdict": "W" if wrong else "R",
        "values": {key: round(100 * rng.random(), 2) for key in _SORTS if int(key[0]) in tasks},
        "details": {str(task): details[str(task)] for task in tasks},
    }


def _summary(
    scenes: Sequence[Scene], systems: Sequence[str], tasks: Sequence[int], answers: Any, gold: bool
) -> dict[str, Any]:
    scored = {key: of for key, of in _NUMBERS.items() if of[1] in tasks and gold}
    return {
        "title": "made",
        "reading": "paper",
        "tasks": list(tasks),
        "relations": [
            {
                "label": label,
                "short": label.removeprefix("to the ").removesuffix(" of").removesuffix(" to"),
            }
            for label in RELATIONS
        ],
        "verdicts": {
            "R": "right",
            "W": "wrong",
            "N": "not stated",
            "M": "missing",
            "A": "answered",
            "-": "not asked",
        },
        "systems": [
            {
                "name": name,
                "file": f"{name}.jsonl",
                "rows": len(scenes) * len(tasks),
                "errors": 0,
                "seen_in_training": None,
                "run": {"engine": "transformers", "made": "2026-11-26", "vsdkit": "0.4.0"},
                "numbers": dict.fromkeys(scored, 60.0 + place),
                "intervals": {key: [58.25, 62.0] for key in scored},
                "reasons": {},
                **(_by_relation(scenes, answers[place]) if 1 in tasks and gold else {}),
                "unparsed": {},
            }
            for place, name in enumerate(systems)
        ],
        "differences": [
            {
                "system": name,
                "minus": systems[0],
                "numbers": {
                    key: {"difference": -1.25, "interval": [-2.0, -0.5], "p": 0.004}
                    for key in scored
                },
            }
            for name in systems[1:]
        ],
        "numbers": [
            {
                "key": key,
                "label": label,
                "task": task,
                "better": "lower" if key in _LOWER_IS_BETTER else "higher",
                "headline": True,
                "signature": f"{key}|case:lower|version:0",
            }
            for key, (label, task) in scored.items()
        ],
        "sorts": [
            {
                "key": key,
                "task": int(key[0]),
                "value": key[2:],
                "label": label,
                "better": "lower" if key in _LOWER_IS_BETTER else "higher",
            }
            for key, label in _SORTS.items()
            if int(key[0]) in tasks
        ],
        "questions": {"2": "Describe where the {subject} is to the {object}."},
        "images_shown": "thumbnails",
        "thumbnail_note": "",
        "entries": len(scenes),
    }


def _by_relation(scenes: Sequence[Scene], answers: Any) -> dict[str, Any]:
    confusion: dict[str, dict[str, int]] = {}
    for scene, answer in zip(scenes, answers, strict=True):
        row = confusion.setdefault(scene.relation, {})
        said = RELATIONS[answer["label"]]
        row[said] = row.get(said, 0) + 1
    rows = []
    for label in RELATIONS:
        found = sum(confusion.get(label, {}).values())
        said = sum(row.get(label, 0) for row in confusion.values())
        right = confusion.get(label, {}).get(label, 0)
        rows.append(
            {
                "relation": label,
                "gold": found,
                "predicted": said,
                "correct": right,
                "precision": 100 * right / said if said else 0.0,
                "recall": 100 * right / found if found else 0.0,
                "f1": 200 * right / (said + found) if said + found else 0.0,
            }
        )
    return {"confusion": confusion, "by_relation": rows}


def _entries(
    folder: Path,
    scenes: Sequence[Scene],
    tasks: Sequence[int],
    answers: Any,
    pictures: bool,
    gold: bool,
) -> dict[str, Any]:
    thumbnails: list[str | None] = [None] * len(scenes)
    if pictures:
        (folder / "thumbs").mkdir(parents=True)
        for place, scene in enumerate(scenes):
            thumbnails[place] = f"thumbs/{place:05}.jpg"
            scene.draw().save(folder / f"thumbs/{place:05}.jpg")
    verdict = (lambda answer: answer["verdict"]) if gold else (lambda _: "A")
    return {
        "id": [scene.id for scene in scenes],
        "image": list(range(len(scenes))),
        "images": [scene.file_name for scene in scenes],
        "subject": [scene.subject.tag for scene in scenes],
        "object": [scene.object.tag for scene in scenes],
        "relations": [[RELATIONS.index(scene.relation)] if gold else [] for scene in scenes],
        "boxes": [[*scene.subject.box, *scene.object.box] for scene in scenes],
        "sizes": [[IMAGE_SIZE, IMAGE_SIZE] if pictures else None for _ in scenes],
        "thumbnails": thumbnails,
        "systems": [
            {
                "label": [answer["label"] for answer in of] if 1 in tasks else [None] * len(scenes),
                "verdicts": {
                    str(task): "".join(verdict(answer) for answer in of) for task in tasks
                },
                "values": {
                    key: [answer["values"][key] for answer in of]
                    for key in _SORTS
                    if int(key[0]) in tasks
                },
            }
            for of in answers
        ],
    }
