"""The engine ``openai``: a server that speaks OpenAI's chat protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vsdkit.chat_client import ChatClient, ChatRequest
from vsdkit.conversation import load_rewriting_prompt
from vsdkit.diversify.engine import MAX_NEW_TOKENS, TEMPERATURE, PromptedEngine

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ChatEngine"]


@dataclass(frozen=True)
class ChatEngine(PromptedEngine):
    """Asks a server, several questions at a time."""

    client: ChatClient
    """Who asks ``model``."""

    @classmethod
    def from_settings(cls, settings: DiversifySettings) -> Self:
        """Make the engine; the server is not reached before the first sentence."""
        client = ChatClient(
            settings.model,
            base_url=settings.base_url,
            concurrency=settings.concurrency,
            max_tokens=MAX_NEW_TOKENS,
        )
        prompt = load_rewriting_prompt().prompt
        return cls(settings.model, prompt, settings.seed, settings.attempts, client)

    @property
    def name(self) -> str:
        """What the report and run.json call it."""
        return f"openai:{self.model}"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str]]:
        """Yield (id, reply) in the order in which the server answers.

        Raises:
            ConfigError: If neither an address nor a key is known.
            BackendError: If the server does not answer as it should.
        """
        requests = [
            ChatRequest(
                ask.id,
                self.question(ask),
                temperature=TEMPERATURE if attempt else 0.0,
                seed=self.seed + attempt,
            )
            for ask in asks
        ]
        for reply in self.client.ask_all(requests):
            yield reply.key, reply.text
