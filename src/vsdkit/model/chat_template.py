"""A conversation format as the Jinja template that transformers and chat servers read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from vsdkit.conversation import Conversation
from vsdkit.data.records import IMAGE_MARK
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["CHAT_TEMPLATE", "gives_same_ids", "make_chat_template"]

CHAT_TEMPLATE: Final = "chat_template.jinja"
"""Name of the file, as transformers looks for it."""

# Loops over message['content'] tell vLLM that the template takes lists of parts, and not only
# text. What a model was never trained on (a system message, an image in a later turn) is refused:
# rendered somehow, it would be answered worse, and nobody would know why.
_BODY: Final = """\
{{- begin -}}
{%- for message in messages -%}
  {%- if message['role'] == 'user' and loop.index0 % 2 == 0 -%}
    {%- if not loop.first -%}{{- after -}}{%- endif -%}
    {{- before -}}
    {%- if message['content'] is not string -%}
      {%- set kinds = ['image', 'image_url'] -%}
      {%- set images = message['content'] | selectattr('type', 'in', kinds) | list -%}
      {%- if images | length > (1 if loop.first else 0) -%}
        {{- raise_exception('this model takes one image, in the first message') -}}
      {%- endif -%}
      {%- if images -%}{{- image -}}{%- endif -%}
      {%- for part in message['content'] if part['type'] == 'text' -%}
        {{- part['text'] -}}
      {%- endfor -%}
    {%- else -%}
      {{- message['content'] -}}
    {%- endif -%}
    {{- behind -}}
  {%- elif message['role'] == 'assistant' and loop.index0 % 2 == 1 -%}
    {{- prompt ~ lead -}}
    {%- if message['content'] is string -%}
      {{- message['content'] -}}
    {%- else -%}
      {%- for part in message['content'] -%}{{- part['text'] -}}{%- endfor -%}
    {%- endif -%}
    {{- stop -}}
  {%- else -%}
    {{- raise_exception('messages must go user, assistant, user, ...; this model brings its own \
system text') -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- prompt -}}{%- endif -%}
"""


def make_chat_template(
    conversation: Conversation, tokenizer: PreTrainedTokenizerBase, *, image_id: int
) -> str:
    """Return the Jinja template that renders messages as ``Conversation.render`` does.

    Where the tokenizer puts a BOS token before a text, the template begins with it: servers
    tokenise what a template gives as it stands, and transformers adds no second one.

    Args:
        conversation: What the model was trained with.
        tokenizer: The base's.
        image_id: Id of the base's image token, ``config.image_token_id``.
    """
    before, behind = conversation.user
    ids = tokenizer("a")["input_ids"]
    begins = str(tokenizer.bos_token) if ids and ids[0] == tokenizer.bos_token_id else ""
    image = str(tokenizer.convert_ids_to_tokens(image_id))
    texts = {
        "begin": begins + conversation.system,
        "image": conversation.image.replace(IMAGE_MARK, image),
        "before": before,
        "behind": behind,
        "prompt": conversation.prompt,
        "lead": conversation.lead,
        "stop": conversation.stop,
        "after": conversation.after,
    }
    # JSON's escapes are Python's, which Jinja's texts have; other letters stand as they are, since
    # JSON would write one beyond 16 bits as two halves.
    lines = [
        f"{{%- set {name} = {json.dumps(text, ensure_ascii=False)} -%}}"
        for name, text in texts.items()
    ]
    return "\n".join([*lines, _BODY])


def gives_same_ids(
    template: str,
    conversation: Conversation,
    tokenizer: PreTrainedTokenizerBase,
    *,
    image_id: int,
) -> bool:
    """Say whether a server's ids of a question are those that the model was trained on.

    The text is the same in any case; but some tokenizers join the first word behind BOS otherwise
    where BOS is written out, as a server must have it.
    """
    question = "Where is the cup?"
    trained = encode(
        tokenizer, conversation.render(question).text, image_id=image_id, image_tokens=1
    )
    content = [{"type": "image"}, {"type": "text", "text": question}]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"]) == trained.ids
