"""What ``vsdkit infer`` is asked for: a file of items, one picture, a conversation, or a stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from vsdkit.errors import ConfigError
from vsdkit.infer.run import infer as infer_items
from vsdkit.progress import SILENT, Console, Listener

if TYPE_CHECKING:
    from vsdkit.infer.chat import ChatReport
    from vsdkit.infer.one_image import ImageReport
    from vsdkit.infer.report import InferReport
    from vsdkit.infer.stream import StreamReport
    from vsdkit.settings.infer import InferSettings

__all__ = ["infer"]

# Settings of the model, which every way of asking has.
_OF_THE_MODEL: Final = frozenset(
    {
        "adapter",
        "base",
        "conversation",
        "device_map",
        "image_mode",
        "load_in",
        "precision",
        "tasks",
        "template",
    }
)
_OF_A_PICTURE: Final = frozenset(
    {"chat", "image", "object", "object_box", "save", "subject", "subject_box"}
)
_OF_A_STREAM: Final = frozenset({"images", "items", "output"})
_TYPED: Final = ("flag", "argument")
"""Origins of a setting that was given for this one call; a file or the environment may hold
settings for all."""


def infer(
    settings: InferSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> InferReport | ImageReport | ChatReport | StreamReport:
    """Answer items and write ``settings.output``, or answer about one image, or a stream.

    Answers to items are put down as they come; the same command again asks only what is left, and
    what failed. With ``image`` one picture is described and nothing is written, unless it is saved
    with its boxes.

    Args:
        settings: What to ask of whom.
        listener: Who is told; a stream and a conversation need a ``Console``, which the command
            line is.
        origins: Where each setting came from, for run.json.

    Raises:
        MissingInputError: If a file, image, base model or adapter is not there.
        DataError: If an item or an image is wrong.
        ConfigError: If settings do not go together, the adapter was trained with other settings
            than those named, or answers made with other settings are in the way.
        VsdkitError: If more rows fail than ``settings.fail_on_error`` allows.
    """
    if settings.image is None and not settings.is_stream:
        return infer_items(settings, listener=listener, origins=origins)
    beside = "--image" if settings.image is not None else "a stream"
    own = _OF_A_PICTURE if settings.image is not None else _OF_A_STREAM
    _refuse_others(settings, origins, own | _OF_THE_MODEL, beside=beside)
    if settings.image is not None and not settings.chat:
        from vsdkit.infer.one_image import describe_image

        return describe_image(settings, listener=listener)
    if not isinstance(listener, Console):
        raise ConfigError(
            "a stream and a chat are of the command line, which reads stdin and writes stdout",
            where="--chat" if settings.chat else "items = '-'",
            hint="in Python: model = vsdkit.load(...); model.describe(image, subject, object)",
        )
    if settings.chat:
        from vsdkit.infer.chat import chat

        return chat(settings, listener)
    from vsdkit.infer.describe import make_describer
    from vsdkit.infer.lines import Lines
    from vsdkit.infer.stream import answer_stream

    describer = make_describer(settings, listener)
    return answer_stream(describer, Lines(sys.stdin.buffer), listener.put, images=settings.images)


def _refuse_others(
    settings: InferSettings,
    origins: Mapping[str, str] | None,
    allowed: frozenset[str],
    *,
    beside: str,
) -> None:
    """Refuse settings that would silently do nothing.

    Raises:
        ConfigError: If one was given for this call.
    """
    fields = type(settings).model_fields
    given = [
        name
        for name in fields
        if name not in allowed
        and (
            getattr(settings, name) != fields[name].default
            if origins is None
            else origins[name] in _TYPED
        )
    ]
    # An engine is told from what it does, wherever it comes from.
    if settings.engine != "transformers":
        given.append("engine")
    if given:
        name = given[0]
        flag = "a file of items" if name == "items" else f"--{name.replace('_', '-')}"
        raise ConfigError(
            f"{flag} has no meaning beside {beside}",
            where=name,
            hint=f"leave one of them out: {beside} or {flag}",
        )
