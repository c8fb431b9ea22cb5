"""What an engine of ``diversify`` is, and what the engines share that ask a language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from vsdkit.conversation import fill, load_rewriting_prompt

if TYPE_CHECKING:
    from vsdkit.chat_client import NoText
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["MAX_NEW_TOKENS", "TEMPERATURE", "Engine", "NoReply", "PromptedEngine"]

MAX_NEW_TOKENS = 64
"""Longest reply in tokens: what ``infer`` gives task 2, which is one sentence too."""

TEMPERATURE = 0.7
"""Temperature of every attempt after the first: Qwen2-7B-Instruct's own, from the
generation_config.json beside its weights."""


@dataclass(frozen=True, slots=True)
class NoReply:
    """What stands in a reply's place where an engine has none to one sentence."""

    because: NoText
    """The reason, as the report counts it."""


class Engine(Protocol):
    """Rewrites sentences; ``diversify`` learns all it needs of one from these members."""

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> Self:
        """Make the engine; what takes time is put off to the first sentence."""

    @property
    def name(self) -> str:
        """What the report and run.json call it."""

    @property
    def attempts(self) -> int:
        """How often a sentence may be tried, at least 1."""

    @property
    def note(self) -> str:
        """What a reader of its rewrites must know; empty if there is nothing."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What its replies depend on, as JSON.

        Kept replies are found by it, and a result is refused that was made with another. A key
        that is also a setting's name stands in the setting's place: ``model`` is None where no
        model is asked, whatever ``--model`` says.
        """

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str | NoReply]]:
        """Yield (id, reply), one for each ask and in any order, each as soon as it is there.

        What concerns one sentence only is a ``NoReply``; an error ends the run.

        Args:
            asks: What to rewrite; may be empty.
            attempt: 0, then 1 and so on for the sentences whose reply was refused. The reply to
                the same ask must be another one in each attempt, where the engine can.
        """

    def close(self) -> None:
        """Give back what it holds (memory, processes); the run's last call, however it ends."""


@dataclass(frozen=True)
class PromptedEngine:
    """Base of engines that ask a language model: greedily first, with sampling in later attempts.

    A subclass adds ``name``, ``from_settings`` and ``rewrite``.
    """

    model: str
    """The model's name or folder."""
    prompt: str
    """Text with the placeholders ``{T1}``, ``{T2}`` and ``{sentence}``."""
    seed: int
    """Seed of the first attempt; each later one adds 1."""
    attempts: int
    """How often a sentence may be tried."""

    @property
    def note(self) -> str:
        """Nothing: a language model is what a reader expects."""
        return ""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The model, what it was asked, and the seed."""
        return {"model": self.model, "prompt": self.prompt, "seed": self.seed}

    def close(self) -> None:
        """Nothing is held."""

    @staticmethod
    def load_prompt(settings: DiversifySettings) -> str:
        """Return the text of the prompt that the settings name.

        Raises:
            TemplateError: If the name is unknown or the content wrong.
            MissingInputError: If a file is not there.
        """
        return load_rewriting_prompt(settings.prompt).prompt

    def question(self, ask: Ask) -> str:
        """Return the prompt with the ask's two objects and sentence in it."""
        facts = {"T1": ask.subject, "T2": ask.object, "sentence": ask.sentence}
        return fill(self.prompt, facts)
