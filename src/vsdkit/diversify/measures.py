"""What rewriting did to the three sentences: mBLEU-4 and SPICE before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.errors import MetricError

if TYPE_CHECKING:
    from vsdkit.data.records import PredictionRow
    from vsdkit.jvm import Java
    from vsdkit.progress import Listener

__all__ = ["Change", "Measures", "measure"]

_DECIMALS = 4
"""As many as the paper prints of mBLEU-4."""


class Change(NamedTuple):
    """A number of the same rows before and after."""

    before: float | None
    """None where it could not be measured, or was not asked for."""
    after: float | None
    """The same."""
    note: str
    """Why it could not; empty otherwise."""


class Measures(NamedTuple):
    """What rewriting did, over the rows of task 3 that have three sentences."""

    mbleu4: Change
    """0 to 100, less is more diverse."""
    spice: Change
    """0 to 100: of each sentence its best reference, of each row the mean over its sentences."""


_NOT_ASKED = Change(None, None, "")


class _Triples(NamedTuple):
    """The sentences of the rows that have three."""

    before: Sequence[tuple[str, ...]]
    after: Sequence[tuple[str, ...]]
    references: Sequence[Sequence[str]] | None
    """Of each row; None where SPICE is not asked for."""

    @property
    def texts(self) -> list[str]:
        """Each sentence once: two of each three are the same before and after."""
        rows = [*self.before, *self.after, *(self.references or ())]
        return sorted({text for row in rows for text in row})


def measure(
    before: Iterable[PredictionRow],
    after: Iterable[PredictionRow],
    references: Mapping[str, Sequence[str]] | None,
    listener: Listener,
) -> Measures:
    """Return mBLEU-4 and, with references, SPICE of the rows before and after.

    Where Java cannot run there are no numbers, but the rewriting is done: the listener is told, and
    the notes say why.

    Args:
        before: The predictions.
        after: The same rows, rewritten.
        references: Id to the references of its row of task 3; None leaves SPICE out.
        listener: Who hears of progress.
    """
    from vsdkit.jvm import Java, fetch_spice_files, spice_class_path

    triples = _triples(before, after, references)
    if not triples.before:
        none = Change(None, None, "no row has three sentences")
        return Measures(none, none if references is not None else _NOT_ASKED)
    unfetched = None
    if references is not None:
        try:
            fetch_spice_files(listener=listener)
        except MetricError as error:
            unfetched = _failed("SPICE", error, listener)
    with_spice = references is not None and unfetched is None
    spice = unfetched or _NOT_ASKED
    try:
        with Java(spice_class_path() if with_spice else ()) as java:
            tokens = dict(zip(triples.texts, java.tokenize(triples.texts), strict=True))
            mbleu4 = _mbleu4(triples, tokens)
            if with_spice:
                try:
                    spice = _spice(triples, tokens, java, listener)
                except MetricError as error:
                    spice = _failed("SPICE", error, listener)
    except MetricError as error:
        return Measures(
            _failed("mBLEU-4", error, listener),
            _failed("SPICE", error, listener) if with_spice else spice,
        )
    return Measures(mbleu4, spice)


def _triples(
    before: Iterable[PredictionRow],
    after: Iterable[PredictionRow],
    references: Mapping[str, Sequence[str]] | None,
) -> _Triples:
    found = [
        (row.id, row.prediction)
        for row in before
        if row.task == 3 and isinstance(row.prediction, tuple)
    ]
    rewritten = {row.id: row.prediction for row in after if row.task == 3}
    return _Triples(
        [triple for _, triple in found],
        [triple for row_id, _ in found if isinstance(triple := rewritten[row_id], tuple)],
        None if references is None else [references[row_id] for row_id, _ in found],
    )


def _mbleu4(triples: _Triples, tokens: Mapping[str, list[str]]) -> Change:
    from vsdkit.metrics import score_mbleu4

    before, after = (
        score_mbleu4([[tokens[text] for text in triple] for triple in rows]).mean
        for rows in (triples.before, triples.after)
    )
    return Change(round(before, _DECIMALS), round(after, _DECIMALS), "")


def _spice(
    triples: _Triples, tokens: Mapping[str, list[str]], java: Java, listener: Listener
) -> Change:
    from vsdkit.jvm import SpiceCase, SpiceWork

    words = {text: " ".join(found) for text, found in tokens.items()}
    references = [[words[text] for text in row] for row in triples.references or ()]
    cases = [
        [
            [SpiceCase.alone(words[text], of_row) for text in triple]
            for triple, of_row in zip(rows, references, strict=True)
        ]
        for rows in (triples.before, triples.after)
    ]
    flat = [case for rows in cases for row in rows for sentence in row for case in sentence]
    scores = SpiceWork(flat, listener=listener).score(java)
    before, after = (
        fmean(fmean(max(scores[case] for case in sentence) for sentence in row) for row in rows)
        for rows in cases
    )
    return Change(round(before, _DECIMALS), round(after, _DECIMALS), "")


def _failed(name: str, error: MetricError, listener: Listener) -> Change:
    listener.message(f"{name} is n/a: {error.message}")
    return Change(None, None, error.message)
