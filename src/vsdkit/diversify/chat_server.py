"""The engine ``openai``: a server that speaks OpenAI's chat protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vsdkit.chat_client import ChatClient, ChatRequest
from vsdkit.diversify.engine import TEMPERATURE, NoReply, PromptedEngine

if TYPE_CHECKING:
    from vsdkit.diversify.guards import Ask
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ChatEngine"]

# A model stops after its sentence; a reply that is cut off is not taken, so there is room for a
# few thoughts or remarks, too.
_MAX_TOKENS = 512


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
            max_tokens=_MAX_TOKENS,
        )
        return cls(
            settings.model, cls.load_prompt(settings), settings.seed, settings.attempts, client
        )

    @property
    def name(self) -> str:
        """What the report and run.json call it."""
        return f"openai:{self.model}"

    @property
    def note(self) -> str:
        """Which parameters the server refused, so that it was asked without; empty if none."""
        left_out = sorted(self.client.left_out)
        if not left_out:
            return ""
        return f"the server does not take {', '.join(left_out)}: left out of all requests"

    def rewrite(self, asks: Sequence[Ask], attempt: int) -> Iterator[tuple[str, str | NoReply]]:
        """Yield (id, reply) in the order in which the server answers.

        Raises:
            ConfigError: If there is no usable address, key, proxy or certificate file.
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
            yield reply.key, reply.text if reply.no_text is None else NoReply(reply.no_text)
