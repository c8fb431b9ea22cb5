"""How the model of this process is loaded, and how much it is asked at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from vsdkit.data.records import GoldRow
from vsdkit.errors import ConfigError
from vsdkit.infer.local import _AHEAD, _ahead, _halves, load_answerer
from vsdkit.infer.model_choice import choose_model
from vsdkit.infer.plan import plan_batches, unanswered
from vsdkit.model.checkpoint import load_adapter, load_base
from vsdkit.model.memory import bytes_a_token, free_bytes, is_out_of_memory
from vsdkit.model.precision import choose_precision
from vsdkit.model.shared_image import AskedImage, Question, answer_images
from vsdkit.settings.infer import InferSettings

QUESTION = Question("Describe where the red box is, seen from the blue ball.", 20)


def row(image: str, number: int = 0, task: int = 1) -> GoldRow:
    return GoldRow.from_dict(
        {"id": f"{image}-{number}", "image": image, "task": task, "subject": "a", "object": "b"}
    )


def test_the_adapter_is_merged_and_answers_the_same(write_run: Callable[..., Path]) -> None:
    settings = InferSettings(adapter=write_run())
    choice = choose_model(settings)
    merged = load_answerer(choice, settings).loaded
    assert not any("lora" in name for name, _ in merged.model.named_parameters())
    base = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    assert choice.adapter is not None
    beside = load_adapter(base, choice.adapter)
    assert any("lora" in name for name, _ in beside.model.named_parameters())
    image = merged.preparer.prepare(Image.new("RGB", (60, 40), (200, 40, 40)))
    asked = [AskedImage(image, [QUESTION, QUESTION._replace(labels=("on", "in"))])]
    one, other = (answer_images(it, choice.conversation, asked)[0] for it in (merged, beside))
    assert one[0].text == other[0].text
    assert one[1].probabilities == pytest.approx(other[1].probabilities, abs=1e-5)


def test_a_model_that_is_spread_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate import dispatch_model

    from vsdkit.model import checkpoint

    ways = []
    load = checkpoint._load_model

    def watched(*given: Any, **more: Any) -> Any:
        ways.append(more["device_map"])
        return load(*given, **more)

    monkeypatch.setattr(checkpoint, "_load_model", watched)
    settings = InferSettings(base="tiny", device_map="auto")
    answerer = load_answerer(choose_model(settings), settings)
    assert ways == ["auto"]
    image = answerer.loaded.preparer.prepare(Image.new("RGB", (60, 40), (200, 40, 40)))
    before = answerer.answer_images([(image, [QUESTION])])
    # Of one device nothing is made of it; with hooks on each part, as on several.
    places = {"model": "cpu", "lm_head": "cpu"}
    dispatch_model(answerer.loaded.model, places, main_device="cpu", force_hooks=True)
    assert answerer.answer_images([(image, [QUESTION])]) == before


def test_labels_are_not_weighed_by_a_family_that_shares_no_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vsdkit.model.families import LlavaNext

    monkeypatch.setattr(LlavaNext, "shares_images", False)
    settings = InferSettings(base="tiny", label="likelihood")
    with pytest.raises(ConfigError, match="cannot be weighed with a LLaVA-NeXT"):
        load_answerer(choose_model(settings), settings)


def test_a_family_that_shares_no_images_answers_each_question_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vsdkit.model.families import LlavaNext

    settings = InferSettings(base="tiny")
    answerer = load_answerer(choose_model(settings), settings)
    images = [
        answerer.loaded.preparer.prepare(Image.new("RGB", size, (200, 40, 40)))
        for size in ((60, 40), (200, 40))
    ]
    asked = [(image, [QUESTION, QUESTION._replace(max_new_tokens=3)]) for image in images]
    shared = answerer.answer_images(asked)
    monkeypatch.setattr(LlavaNext, "shares_images", False)
    alone = answerer.answer_images(asked)
    assert [[one[:2] for one in own] for own in alone] == [
        [one[:2] for one in own] for own in shared
    ]


def test_a_batch_is_images_of_about_one_length_with_all_their_rows() -> None:
    tokens = {"a": 9, "b": 3, "c": 9, "d": 5}
    rows = [row(image, number, task) for number in (0, 1) for image in "abcd" for task in (1, 2)]
    plan = plan_batches(rows, tokens, batch_size=3)
    assert [[own[0].image for own in batch] for batch in plan] == [["b", "d", "a"], ["c"]]
    assert all(
        len(own) == 4 and len({it.image for it in own}) == 1 for batch in plan for own in batch
    )
    assert sorted(it.key for batch in plan for own in batch for it in own) == sorted(
        it.key for it in rows
    )
    # What is answered takes no part in the plan: a batch with a gap is asked whole.
    answered = {it.key for batch in plan[:1] for own in batch for it in own[1:]}
    assert list(unanswered(plan, answered)) == plan
    answered |= {it.key for own in plan[0] for it in own}
    assert list(unanswered(plan, answered)) == plan[1:]


def test_an_image_with_hundreds_of_pairs_comes_in_steps() -> None:
    plan = plan_batches([row("a", number) for number in range(100)], {"a": 9}, batch_size=2)
    assert [[len(own) for own in batch] for batch in plan] == [[24, 24], [24, 24], [4]]


def test_halves_end_with_a_single_row() -> None:
    image: Any = None
    part = [(["1", "2", "3"], image), (["4"], image)]
    assert _halves(part) == [part[:1], part[1:]]  # type: ignore[arg-type]
    assert _halves(part[:1]) == [[(["1"], image)], [(["2", "3"], image)]]  # type: ignore[arg-type]
    assert _halves(part[1:]) == []  # type: ignore[arg-type]


def test_images_are_opened_ahead_and_no_further() -> None:
    from concurrent.futures import ThreadPoolExecutor

    opened: list[str] = []

    class Desk:
        def prepare(self, image: str) -> Any:
            opened.append(image)
            return image

    batches = [[[row(str(number))]] for number in range(9)]
    with ThreadPoolExecutor(1) as pool:
        coming = _ahead(pool, batches, Desk())  # type: ignore[arg-type]
        for number in range(3):
            ((_, image),) = next(coming)
            assert image == str(number)
        pool.submit(int).result()
        assert opened == [str(number) for number in range(3 + _AHEAD)]
        assert [batch[0][1] for batch in coming] == [str(number) for number in range(3, 9)]


def test_the_memory_of_a_token_is_counted(write_run: Callable[..., Path]) -> None:
    from types import SimpleNamespace

    config = SimpleNamespace(
        hidden_size=5120,
        num_hidden_layers=40,
        num_attention_heads=40,
        num_key_value_heads=40,
        intermediate_size=13824,
    )
    model = SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: config))
    precision = SimpleNamespace(dtype=torch.float16)
    loaded: Any = SimpleNamespace(model=model, precision=precision)
    assert bytes_a_token(loaded) == (819_200, 144_384)
    tiny = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    assert 0 < free_bytes(tiny) < 2**50


def test_an_error_for_want_of_memory_is_known_on_gpu_and_cpu() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("HIP"))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
