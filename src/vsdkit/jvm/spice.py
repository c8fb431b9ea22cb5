"""SPICE: each distinct sentence parsed once, F from the published program's own classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vsdkit.errors import MetricError
from vsdkit.jvm.files import cache_folder, tuples_version
from vsdkit.jvm.java import Java
from vsdkit.jvm.store import Tuples, TupleStore
from vsdkit.progress import SILENT, Listener

__all__ = ["LONGEST_PARSED", "SpiceCase", "score_spice"]

_BATCH = 200
_CASES_A_REQUEST = 20_000
# Time of a parse grows with the cube of the length, memory with the square: from here on one
# sentence at a time. Captions have about ten words; a model that repeats itself may have 150.
_LONG_WORDS = 40
LONGEST_PARSED = 100
"""Words of the longest sentence that is parsed; a longer one says nothing, so its SPICE is 0.

A parse of 100 words takes ten seconds, of 200 a minute, of 300 more memory than there is: one
answer that does not end would cost a file its SPICE. Captions of VSD have up to 40 words.
"""


class SpiceCase(NamedTuple):
    """A sentence and the references it is held against, merged into one graph.

    Sentences are tokenised, their words joined by blanks.
    """

    sentence: str
    references: tuple[str, ...]


def score_spice(
    java: Java, cases: Sequence[SpiceCase], *, listener: Listener = SILENT
) -> list[float]:
    """Return SPICE's F of each case, 0 to 100.

    F can pass 100 in rare cases: true positives are counted on the sentence's side, and two of
    its tuples may match one of the references. Sentences of more than ``LONGEST_PARSED`` words
    are not parsed, which is told.

    Raises:
        MetricError: If Java fails or takes too long.

    Source:
        Anderson et al. 2016, spice-1.0.jar; the same numbers bit for bit.
    """
    distinct = list(dict.fromkeys(cases))
    sentences = list(dict.fromkeys(text for case in distinct for text in _sentences(case) if text))
    too_long = [sentence for sentence in sentences if sentence.count(" ") >= LONGEST_PARSED]
    if too_long:
        listener.message(
            f"warning: {len(too_long):,} sentences of more than {LONGEST_PARSED} words are not "
            f"parsed, so their SPICE is 0; the first: {too_long[0][:60]}..."
        )
    # A sentence without words says nothing, as in the published program.
    silent: dict[str, Tuples] = {text: [] for text in ("", *too_long)}
    store_path = cache_folder() / "parsed_sentences.sqlite"
    with TupleStore(store_path, version=tuples_version(), listener=listener) as store:
        tuples = store.get(sentences) | silent
        missing = [sentence for sentence in sentences if sentence not in tuples]
        if missing:
            with listener.track("parsing sentences for SPICE", total=len(missing)) as tracker:
                for batch in _batches(missing):
                    parsed = _parse(java, batch)
                    store.put(parsed)
                    tuples.update(parsed)
                    tracker.advance(len(batch))
    scores: dict[SpiceCase, float] = {}
    for start in range(0, len(distinct), _CASES_A_REQUEST):
        chunk = distinct[start : start + _CASES_A_REQUEST]
        scores.update(zip(chunk, _evaluate(java, chunk, tuples), strict=True))
    return [scores[case] for case in cases]


def _sentences(case: SpiceCase) -> tuple[str, ...]:
    return (case.sentence, *case.references)


def _batches(sentences: Sequence[str]) -> Iterator[list[str]]:
    short = [sentence for sentence in sentences if sentence.count(" ") < _LONG_WORDS]
    for start in range(0, len(short), _BATCH):
        yield short[start : start + _BATCH]
    for sentence in sentences:
        if sentence.count(" ") >= _LONG_WORDS:
            yield [sentence]


def _parse(java: Java, batch: list[str]) -> dict[str, Tuples]:
    try:
        parsed: list[Tuples] = java.ask("parse", sentences=batch)
    except MetricError as error:
        words = batch[0].count(" ") + 1
        if words <= _LONG_WORDS:
            raise
        raise MetricError(
            error.message, where=f"a sentence of {words} words: {batch[0][:60]}", hint=error.hint
        ) from error
    return dict(zip(batch, parsed, strict=True))


def _evaluate(java: Java, cases: Sequence[SpiceCase], tuples: dict[str, Tuples]) -> list[float]:
    numbers: dict[str, int] = {}
    for case in cases:
        for sentence in _sentences(case):
            numbers.setdefault(sentence, len(numbers))
    values: list[float] = java.ask(
        "evaluate",
        tuples=[tuples[sentence] for sentence in numbers],
        cases=[
            (numbers[case.sentence], [numbers[reference] for reference in case.references])
            for case in cases
        ],
    )
    return [100 * value for value in values]
