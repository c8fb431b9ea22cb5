"""Client of any server that speaks OpenAI's chat protocol: many questions at once, with retries.

vLLM, SGLang, Ollama, llama.cpp and OpenAI itself answer the same request. The address comes from a
setting or ``OPENAI_BASE_URL``, the key from ``OPENAI_API_KEY`` only, so that no key is ever in a
settings file or a run.json.

What concerns one question (it is filtered, refused, too long, answered by nothing; or the server
fails at it again and again) is a reply that says so; what concerns the server or the way to it is
an error.
"""

from vsdkit.chat_client.answer import ChatReply
from vsdkit.chat_client.client import ChatClient, ChatRequest
from vsdkit.chat_client.connection import server_address
from vsdkit.chat_client.problem import FAILED, NoText

__all__ = ["FAILED", "ChatClient", "ChatReply", "ChatRequest", "NoText", "server_address"]
