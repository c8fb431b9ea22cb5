"""Predictions to rewrite, and a small text model that was taught two rewrites."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vsdkit.diversify import DiversifyReport, diversify
from vsdkit.diversify.guards import Ask
from vsdkit.settings.diversify import DiversifySettings


class Files(NamedTuple):
    """What diversify reads."""

    preds: Path
    gold: Path


TRIPLES = {
    "a": [
        "lamp behind crate.",
        "there is a lamp behind a crate.",
        "Is there a lamp behind a crate?",
    ],
    "b": ["cup on desk.", "a cup is on the desk.", "The cup stands on a desk."],
    "c": None,
    "d": ["x.", "a lamp and a crate.", "y."],
}
PAIRS = {"a": ("lamp", "crate"), "b": ("cup", "desk"), "c": ("cup", "desk"), "d": ("lamp", "crate")}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    preds, gold = [], []
    for row_id, triple in TRIPLES.items():
        subject, object_ = PAIRS[row_id]
        for task in (1, 2, 3):
            pair = {"image": f"{row_id}.png", "subject": subject, "object": object_}
            gold.append({"id": row_id, "task": task} | pair)
        preds += [
            {"id": row_id, "task": 1, "prediction": "behind", "raw": "behind"},
            {"id": row_id, "task": 2, "prediction": f"sentence {row_id}", "raw": None},
            {"id": row_id, "task": 3, "prediction": triple, "raw": "said"},
        ]
    written = Files(tmp_path / "preds.jsonl", tmp_path / "gold.jsonl")
    for path, rows in zip(written, (preds, gold), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return written


@pytest.fixture
def rewrite(files: Files, tmp_path: Path) -> Callable[..., DiversifyReport]:
    """Run diversify on the files; rules unless another engine is named."""

    def run(**settings: Any) -> DiversifyReport:
        more = {"listener": settings.pop("listener")} if "listener" in settings else {}
        given: dict[str, Any] = {"preds": files.preds, "gold": files.gold, "engine": "rules"}
        given |= {"output": tmp_path / "out.jsonl"} | settings
        return diversify(DiversifySettings(**given), **more)

    return run


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """MBLEU-4 needs Java, which starts slowly: most tests do without."""
    from vsdkit.errors import MetricError

    def fail(_: object) -> None:
        raise MetricError("no Java here")

    monkeypatch.setattr("vsdkit.jvm.Java", fail)
    monkeypatch.setattr("vsdkit.jvm.fetch_spice_files", lambda *, listener: None)
    monkeypatch.setattr("vsdkit.jvm.spice_class_path", tuple)


@pytest.fixture
def asks() -> list[Ask]:
    """Sentence 2 of rows a and b."""
    return [
        Ask("a", "there is a lamp behind a crate.", "lamp", "crate", frozenset({"behind"}), ()),
        Ask("b", "a cup is on the desk.", "cup", "desk", frozenset({"on"}), ()),
    ]


TAUGHT = {
    "there is a lamp behind a crate.": "a crate stands in front of that lamp.",
    "a cup is on the desk.": "the desk can be seen under a cup.",
}


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of two layers and its tokenizer, overfitted on the answers in ``TAUGHT``."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    from vsdkit.conversation import fill, load_rewriting_prompt

    prompts = []
    for sentence, (subject, object_) in zip(
        TAUGHT, (("lamp", "crate"), ("cup", "desk")), strict=True
    ):
        facts = {"T1": subject, "T2": object_, "sentence": sentence}
        prompts.append(fill(load_rewriting_prompt().prompt, facts))
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([*prompts, *TAUGHT.values()], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    texts, starts = [], []
    for prompt, answer in zip(prompts, TAUGHT.values(), strict=True):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        starts.append(len(tokenizer(text, add_special_tokens=False)["input_ids"]))
        texts.append(f"{text}{answer}<|im_end|>")
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    for row, start in zip(labels, starts, strict=True):
        row[:start] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        loss = model(**batch, labels=labels).loss
        if loss.item() < 0.02:
            break
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02
    folder = tmp_path_factory.mktemp("qwen2")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def loose_text_model(text_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, less sure of what it learnt: sampled, it says something else each time."""
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(text_model, tmp_path_factory.mktemp("loose") / "qwen2")
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"] * 0.2
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def many_asks() -> list[Ask]:
    """Sixteen sentences of several lengths."""
    things = ("lamp", "crate", "cup", "desk", "pole", "very old red house", "dog", "shoe")
    pairs = [(subject, other) for subject in things[:4] for other in things[4:]]
    return [
        Ask(
            f"r{number}",
            f"there is a {subject} behind the {other}{' on the left' * (number % 6)}.",
            subject,
            other,
            frozenset({"behind"}),
            (),
        )
        for number, (subject, other) in enumerate(pairs)
    ]
