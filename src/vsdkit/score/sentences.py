"""Everything that is measured on sentences: Java works while Python counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsdkit.errors import MetricError
from vsdkit.jvm import (
    Java,
    JavaLimits,
    Meteor,
    MeteorScore,
    SpiceCase,
    SpiceWork,
    fetch_spice_files,
    spice_class_path,
    tuples_version,
)
from vsdkit.progress import Listener
from vsdkit.score import measure
from vsdkit.score.measure import Measured
from vsdkit.score.sheet import BLEU_NUMBERS, CAPTION_NUMBERS, COCO, SPICE_NUMBERS, Sheet

if TYPE_CHECKING:
    from vsdkit.score.uncertainty import Drawn

__all__ = ["Sentences", "measure_sentences"]

Tokens = Mapping[str, list[str]]
_METEOR = f"{COCO}.meteor"


@dataclass
class Sentences:
    """What measuring the sentences left behind.

    Args:
        failures: The errors of metrics that could not run.
        java: Version of the Java that ran.
        jars: Hash of the jars that SPICE parses with.
    """

    failures: list[MetricError] = field(default_factory=list)
    java: str = "n/a"
    jars: str = "n/a"


def measure_sentences(
    sheets: Sequence[Sheet], *, limits: JavaLimits, drawn: Drawn | None, listener: Listener
) -> Sentences:
    """Enter the numbers of tasks 2 and 3 on each sheet.

    All systems share one Java: a sentence is tokenised and parsed once, a case scored once.

    Args:
        sheets: Of each system.
        limits: Memory and time of Java.
        drawn: The resamples that METEOR is to be computed on, too.
        listener: Who hears of progress.
    """
    done = Sentences()
    pairs = [pair for sheet in sheets for task in (2, 3) for pair in sheet.pairs(task)]
    if not pairs:
        return done
    wants_meteor = any(sheet.captions and sheet.pairs(2) for sheet in sheets)
    spice_error = _error_of(lambda: fetch_spice_files(listener=listener))
    sentences = measure.sentences_of(pairs)
    try:
        # Closing Java ends the requests of the threads, so it stands inside of them.
        with ThreadPoolExecutor(2) as threads, ExitStack() as stack:
            meteor = (
                stack.enter_context(Meteor(timeout_s=limits.timeout_s)) if wants_meteor else None
            )
            class_path = () if spice_error else spice_class_path()
            java = stack.enter_context(Java(class_path, limits=limits))
            done.java = java.version
            tokens = dict(zip(sentences, java.tokenize(sentences), strict=True))
            spice = None
            if spice_error is None:
                # What is kept is looked up here: a thread would wait for Python at every row.
                work = SpiceWork(_spice_cases(sheets, tokens), listener=listener)
                spice = threads.submit(work.score, java)
            scored = threads.submit(_meteor, meteor, sheets, tokens, drawn) if meteor else None
            for sheet in sheets:
                _enter_bleu(sheet, tokens)
                sheet.diagnose(tokens)
            if spice is not None:
                spice_error = _error_of(lambda: _enter_spice(sheets, tokens, spice, done))
            if scored is not None:
                _enter_meteor(sheets, scored, done)
    except MetricError as error:
        for sheet in sheets:
            sheet.fail((*BLEU_NUMBERS, *CAPTION_NUMBERS), error)
        spice_error = spice_error or error
    if spice_error is not None:
        done.failures.append(spice_error)
        for sheet in sheets:
            sheet.fail(SPICE_NUMBERS, spice_error)
    return done


def _enter_bleu(sheet: Sheet, tokens: Tokens) -> None:
    if pairs := sheet.pairs(2):
        sheet.enter(2, measure.bleu_of_task2(pairs, tokens))
        if sheet.captions:
            sheet.enter(2, measure.captions_of_task2(pairs, tokens), under=COCO)
    if pairs := sheet.pairs(3):
        sheet.enter(3, measure.bleu_of_task3(pairs, tokens))


def _spice_cases(sheets: Sequence[Sheet], tokens: Tokens) -> Iterator[SpiceCase]:
    for sheet in sheets:
        yield from measure.cases_of_task2(sheet.pairs(2), tokens)
        yield from measure.cases_of_task3(sheet.pairs(3), tokens)


def _enter_spice(
    sheets: Sequence[Sheet],
    tokens: Tokens,
    spice: Future[dict[SpiceCase, float]],
    done: Sentences,
) -> None:
    values = spice.result()
    done.jars = tuples_version()

    def look_up(cases: Sequence[SpiceCase]) -> list[float]:
        return [values[case] for case in cases]

    for sheet in sheets:
        if pairs := sheet.pairs(2):
            sheet.enter(2, measure.spice_of_task2(pairs, tokens, look_up))
        if pairs := sheet.pairs(3):
            sheet.enter(3, measure.spice_of_task3(pairs, tokens, look_up))


def _meteor(
    meteor: Meteor, sheets: Sequence[Sheet], tokens: Tokens, drawn: Drawn | None
) -> list[tuple[MeteorScore, list[float] | None]]:
    found = []
    for sheet in sheets:
        pairs = sheet.pairs(2)
        if not (sheet.captions and pairs):
            continue
        score = meteor.score(
            [measure.one_answer(pair, tokens) for pair in pairs],
            [measure.references_of(pair, tokens) for pair in pairs],
        )
        resampled = None
        if drawn is not None:
            resampled = meteor.evaluate(drawn.sums(pairs, score.statistics))
        found.append((score, resampled))
    return found


def _enter_meteor(
    sheets: Sequence[Sheet],
    scored: Future[list[tuple[MeteorScore, list[float] | None]]],
    done: Sentences,
) -> None:
    wanting = [sheet for sheet in sheets if sheet.captions and sheet.pairs(2)]
    try:
        found = scored.result()
    except MetricError as error:
        done.failures.append(error)
        for sheet in wanting:
            sheet.fail((_METEOR,), error)
        return
    for sheet, (score, resampled) in zip(wanting, found, strict=True):
        rows = [{"meteor": value} for value in score.sentences]
        sheet.enter(2, Measured({"meteor": score.corpus}, rows), under=COCO)
        if resampled is not None:
            sheet.resampled[_METEOR] = resampled


def _error_of(act: Callable[[], None]) -> MetricError | None:
    try:
        act()
    except MetricError as error:
        return error
    return None
