"""What an engine of ``infer`` is: who answers the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from vsdkit.data.images import ImageFile
    from vsdkit.data.records import GoldRow, RowKey
    from vsdkit.infer.kept import Said

__all__ = ["Engine", "PutDown", "Work"]


class PutDown(Protocol):
    """Puts answers down and moves the bar."""

    def __call__(self, answers: Mapping[RowKey, Said], *, tokens: int = 0) -> None:
        """Return when the answers are on the disk.

        Args:
            answers: Row to what was said, or to why nothing was.
            tokens: How many the model read and wrote for them.

        Raises:
            VsdkitError: If more rows have failed than ``--fail-on-error`` allows.
        """


class Work(NamedTuple):
    """What is to be answered."""

    rows: Sequence[GoldRow]
    """All rows that can be asked, in the items' order; batches are made of all."""
    left: frozenset[RowKey]
    """Those of them that have no answer yet."""
    images: Mapping[str, ImageFile]
    """Image name to its file, opened once before; empty for an engine that opens none."""
    made_with: Mapping[str, Any] = MappingProxyType({})
    """The identity of the answers."""


class Engine(Protocol):
    """Answers rows; ``infer`` learns all it needs of one from these members."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What its answers depend on, as JSON, beside the settings and the items."""

    @property
    def opens_images(self) -> bool:
        """Whether it looks at images; without them ``Work.images`` is empty."""

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Answer all that is left, each row once, in any order, as soon as it is there.

        What concerns one row is put down as its error; what concerns all ends the run.
        """
