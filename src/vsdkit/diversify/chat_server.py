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
            store=not settings.no_store,
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
        """What the server was not asked: refused parameters, replies of earlier runs."""
        left_out, kept = sorted(self.client.left_out), self.client.looked_up
        notes = []
        if left_out:
            notes.append(
                f"the server does not take {', '.join(left_out)}: left out of all requests"
            )
        if kept:
            notes.append(f"{kept:,} replies are kept from earlier runs; --no-store asks again")
        return "; ".join(notes)

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
                max_tokens=_MAX_TOKENS,
                temperature=TEMPERATURE if attempt else 0.0,
                seed=self.seed + attempt,
            )
            for ask in asks
        ]
        for reply in self.client.ask_all(requests):
            yield reply.key, reply.text if reply.no_text is None else NoReply(reply.no_text)
