"""Who rewrites: a model on this machine, or a server; the rules stand in ``rules.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from vsdkit.chat_client import ChatClient, ChatRequest
from vsdkit.conversation import fill
from vsdkit.diversify.rules import RuleEngine
from vsdkit.errors import CheckpointError, TemplateError

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ChatEngine", "Engine", "ModelEngine", "choose_engine", "load_prompt"]

MAX_NEW_TOKENS = 64
_TEMPERATURE = 0.7
_BATCH = 16


class Engine(Protocol):
    """Rewrites sentences."""

    @property
    def name(self) -> str:
        """What run.json calls it."""

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, reply) as replies come; the first attempt is greedy, later ones are drawn."""


def choose_engine(settings: DiversifySettings) -> Engine:
    """Return the engine that the settings name."""
    if settings.engine == "rules":
        return RuleEngine(settings.seed)
    if settings.engine == "transformers":
        return ModelEngine(settings.model, load_prompt(), settings.seed)
    client = ChatClient(
        settings.model,
        base_url=settings.base_url,
        concurrency=settings.concurrency,
        max_tokens=MAX_NEW_TOKENS,
    )
    return ChatEngine(client, load_prompt(), settings.seed)


def load_prompt() -> str:
    """Return the prompt with its places ``{T1}``, ``{T2}`` and ``{sentence}``."""
    file = resources.files("vsdkit.templates") / "rewriting" / "paper.yaml"
    prompt = yaml.safe_load(file.read_text(encoding="utf-8"))["prompt"]
    assert isinstance(prompt, str)
    return prompt


@dataclass(frozen=True, slots=True)
class ChatEngine:
    """A server that speaks OpenAI's chat protocol."""

    client: ChatClient
    prompt: str
    seed: int

    @property
    def name(self) -> str:
        """What run.json calls it."""
        return f"openai:{self.client.model}"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, reply) in the order in which the server answers.

        Raises:
            ConfigError: If neither an address nor a key is known.
            BackendError: If the server does not answer as it should.
        """
        requests = [
            ChatRequest(
                ask.id,
                _fill(self.prompt, ask),
                temperature=_TEMPERATURE if attempt else 0.0,
                seed=self.seed + attempt,
            )
            for ask in asks
        ]
        for answer in self.client.ask_all(requests):
            yield answer.key, answer.text


# Not slots: the model is loaded once, at the first sentence.
@dataclass(frozen=True)
class ModelEngine:
    """A text model of the Hugging Face hub, or in a folder, run here."""

    model: str
    prompt: str
    seed: int

    @property
    def name(self) -> str:
        """What run.json calls it."""
        return f"transformers:{self.model}"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, reply), a batch at a time.

        Raises:
            CheckpointError: If the model cannot be loaded.
            TemplateError: If its tokenizer has no chat template.
        """
        # Sentences of one length stand together: less padding.
        ordered = sorted(asks, key=lambda ask: (len(ask.sentence), ask.id))
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            replies = self._generate([_fill(self.prompt, ask) for ask in batch], attempt)
            yield from zip((ask.id for ask in batch), replies, strict=True)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from vsdkit.model.precision import choose_precision

        precision = choose_precision()
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.model, padding_side="left", trust_remote_code=False
            )
            model = AutoModelForCausalLM.from_pretrained(
                self.model,
                dtype=precision.dtype,
                attn_implementation=precision.attention,
                use_safetensors=True,
                trust_remote_code=False,
            ).to(precision.device)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"the rewriting model cannot be loaded: {str(error).splitlines()[0]}",
                where=self.model,
                hint=f"fetch it: hf download {self.model}; or ask a server: --engine openai; "
                "or do without a model: --engine rules",
            ) from error
        if not tokenizer.chat_template:
            raise TemplateError(
                "the rewriting model's tokenizer has no chat template",
                where=self.model,
                hint="name a model that follows instructions, as Qwen/Qwen2-7B-Instruct",
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        return model.eval(), tokenizer

    def _generate(self, prompts: Sequence[str], attempt: int) -> list[str]:
        import torch

        model, tokenizer = self._loaded
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        torch.manual_seed(self.seed + attempt)
        drawn = {"do_sample": True, "temperature": _TEMPERATURE, "top_p": 0.95, "top_k": 50}
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        with torch.inference_mode():
            out = model.generate(
                **batch.to(model.device),
                max_new_tokens=MAX_NEW_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
                **(drawn if attempt else greedy),
            )
        said = out[:, batch["input_ids"].shape[1] :]
        return [
            str(text).strip() for text in tokenizer.batch_decode(said, skip_special_tokens=True)
        ]


def _fill(prompt: str, ask: Ask) -> str:
    return fill(prompt, {"T1": ask.subject, "T2": ask.object, "sentence": ask.sentence})
