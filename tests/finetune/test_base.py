"""The blank behind the image, with tokenizers of both kinds that Llama's vocabulary comes in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from vsdkit.conversation import load_conversation
from vsdkit.finetune.base import missing_blank, prepare_base
from vsdkit.model.base_files import base_commit
from vsdkit.model.bases import check_base, tiny_base_path

BLANK = "\u2581"
PIECES = ["<unk>", "<s>", "</s>", BLANK, "<0x0A>", *"word", f"{BLANK}w"]


def make_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of Llama's form: byte fallback, a blank in front of a text."""
    tokenizer = Tokenizer(
        BPE(
            {piece: id_ for id_, piece in enumerate(PIECES)},
            [(BLANK, "w")],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    if kind == "prepend":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.add_special_tokens([AddedToken("<image>", normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def make_config(tokenizer: PreTrainedTokenizerFast, text: str = "llama") -> Any:
    return SimpleNamespace(
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        get_text_config=lambda: SimpleNamespace(model_type=text),
    )


def test_prepending_tokenizer_has_the_blank_as_llava_has_it() -> None:
    tokenizer = make_tokenizer("prepend")
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("<image>\nword")["input_ids"])
    assert tokens[:4] == ["<image>", BLANK, "<0x0A>", "w"]
    conversation = load_conversation("vicuna_v1")
    assert missing_blank(tokenizer, conversation, make_config(tokenizer)) is None


def test_metaspace_first_is_told() -> None:
    tokenizer = make_tokenizer("first")
    # What it would be asked with: the image is not the first piece.
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("w <image>\nword")["input_ids"])
    assert tokens[tokens.index("<image>") + 1] == "<0x0A>"
    told = missing_blank(tokenizer, load_conversation("vicuna_v1"), make_config(tokenizer))
    assert told is not None
    assert told.startswith("warning: this tokenizer.json writes no blank behind the picture")
    assert "'<0x0A>'" in told
    assert "legacy=True" in told


def test_other_language_models_are_not_asked_for_a_blank() -> None:
    tokenizer = make_tokenizer("first")
    conversation = load_conversation("vicuna_v1")
    assert missing_blank(tokenizer, conversation, make_config(tokenizer, "qwen2")) is None
    # The tiny base's language model is a Llama whose tokenizer writes bytes.
    of_bytes = AutoTokenizer.from_pretrained(tiny_base_path())
    assert missing_blank(of_bytes, conversation, check_base("tiny")) is None


def test_the_blank_is_looked_at_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    listener: Any = SimpleNamespace(message=heard.append)
    tokenizer = make_tokenizer("first")
    monkeypatch.setattr("vsdkit.finetune.base.load_tokenizer", lambda *_: tokenizer)
    folder = prepare_base(
        "tiny",
        make_config(tokenizer),
        load_conversation("vicuna_v1"),
        commit=base_commit("tiny"),
        weights=True,
        listener=listener,
    )
    assert folder == tiny_base_path()
    assert len(heard) == 1
