"""SPICE behind the interface of pycocoevalcap's ``Spice``: no Java to install, the same numbers."""

from __future__ import annotations

import math
import weakref
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

from vsdkit.errors import DataError
from vsdkit.jvm.fetch import fetch_spice_files
from vsdkit.jvm.files import spice_class_path
from vsdkit.jvm.java import Java, JavaLimits
from vsdkit.jvm.spice import SpiceCase, SpiceParts, SpiceWork
from vsdkit.progress import SILENT, Listener

__all__ = ["Spice"]


class Spice:
    """SPICE 1.0 in the place of ``pycocoevalcap.spice.spice.Spice``, bit for bit its numbers.

    The Java that pip installed is started at the first score and kept for the next ones; it ends
    with ``close``, with this object or with the program. Sentences parsed once are kept between
    runs. The first use on a machine fetches 17 MB.

    Args:
        limits: Memory and time of Java.
        listener: Who hears of progress, and of sentences too long to be parsed.

    Source:
        Anderson et al. 2016, spice-1.0.jar; the interface of pycocoevalcap 1.2.
    """

    def __init__(self, *, limits: JavaLimits | None = None, listener: Listener = SILENT) -> None:
        self._limits = limits
        self._listener = listener
        self._java: Java | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def compute_score(
        self, gts: Mapping[Any, Sequence[str]], res: Mapping[Any, Sequence[str]]
    ) -> tuple[float, list[dict[str, dict[str, float]]]]:
        """Return the mean of SPICE, 0 to 1, and every item's scores in the order of sorted ids.

        Sentences are taken as they are, so tokenise them before, or do not, as with pycocoevalcap.
        One of more than ``vsdkit.jvm.LONGEST_PARSED`` words says nothing.

        Args:
            gts: Of each id its references, one or more; several are merged into one graph.
            res: Of the same ids a list with the one sentence that is scored.

        Returns:
            The mean of F over items. Of each item ``All``, ``Object``, ``Attribute``, ``Relation``,
            ``Cardinality``, ``Color`` and ``Size``, each with ``tp``, ``fp``, ``fn``, ``pr``,
            ``re``, ``f`` and ``numImages``; NaN where its references have no tuple of that kind.

        Raises:
            DataError: If the ids differ, there are none, or an id has not one sentence and a
                reference.
            MetricError: If SPICE's files are not there and cannot be fetched, or Java fails.
        """
        import numpy as np

        ids = _ids(gts, res)
        cases = [_case(one, gts[one], res[one]) for one in ids]
        work = SpiceWork(cases, listener=self._listener)
        try:
            found = work.parts(self._started(), cases)
        except BaseException:
            # A Java that failed, or that was left in the middle of an answer, is of no more use.
            self.close()
            raise
        items = [_with_nan(found[case]) for case in cases]
        # numpy's sum, which is not Python's in the last bit.
        mean: float = np.mean(np.array([item["All"]["f"] for item in items]))
        return mean, items

    def method(self) -> str:
        """Return the metric's name, as pycocoevalcap's scorers do."""
        return "SPICE"

    def close(self) -> None:
        """End Java, if it runs; the next score starts it again."""
        if self._end is not None:
            self._end()
        self._java = self._end = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End Java."""
        self.close()

    def _started(self) -> Java:
        if self._java is None:
            fetch_spice_files(listener=self._listener)
            self._java = Java(spice_class_path(), limits=self._limits)
            self._end = weakref.finalize(self, self._java.close)
        return self._java


def _ids(gts: Mapping[Any, Any], res: Mapping[Any, Any]) -> list[Any]:
    lone = next((one for one in (*gts, *res) if one not in gts or one not in res), None)
    if lone is not None:
        side = "reference" if lone in res else "sentence to score"
        raise DataError(f"id {lone!r} has no {side}", hint="gts and res have the same ids")
    if not gts:
        raise DataError("there is nothing to score: gts and res are empty")
    try:
        return sorted(gts)
    except TypeError as error:
        raise DataError(
            "the ids cannot be sorted", hint="ids are all numbers or all text"
        ) from error


def _case(one: Hashable, references: Any, said: Any) -> SpiceCase:
    for name, texts in (("gts", references), ("res", said)):
        is_list = isinstance(texts, list | tuple)
        if not is_list or not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(
                f"expected a list of sentences, got {texts!r:.60}", where=f"{name}, id {one!r}"
            )
    if len(said) != 1:
        raise DataError(
            f"expected one sentence to score, got {len(said)}", where=f"res, id {one!r}"
        )
    return SpiceCase(_whole(said[0]), tuple(map(_whole, references)))


def _whole(text: str) -> str:
    # Half of a surrogate pair, left by cutting an emoji in two, cannot be sent to Java.
    return text.encode("utf-8", "replace").decode()


def _with_nan(parts: SpiceParts) -> dict[str, dict[str, float]]:
    """Return the parts as pycocoevalcap hands them on: all floats, NaN where there is none."""
    return {
        kind: {name: math.nan if value is None else float(value) for name, value in values.items()}
        for kind, values in parts.items()
    }
