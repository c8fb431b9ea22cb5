"""Everything that is measured on sentences: Java works while Python counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsdkit.errors import MetricError
from vsdkit.formats.align import AlignedRow, sentences_of
from vsdkit.jvm import (
    Java,
    JavaLimits,
    Meteor,
    SpiceCase,
    SpiceWork,
    fetch_spice_files,
    spice_class_path,
    tuples_version,
)
from vsdkit.progress import Listener
from vsdkit.score.declared import Needs
from vsdkit.score.measure import Evidence, spice_cases, spice_merged_cases
from vsdkit.score.system_scores import SystemScores

if TYPE_CHECKING:
    from vsdkit.score.uncertainty import ImageResamples

__all__ = ["Sentences", "measure_sentences"]

Tokens = Mapping[str, list[str]]


@dataclass
class Sentences:
    """What measuring the sentences left behind."""

    failures: list[MetricError] = field(default_factory=list)
    """The errors of metrics that could not run."""
    java: str = "n/a"
    """Version of the Java that ran."""
    jars: str = "n/a"
    """Hash of the jars that SPICE parses with."""


def measure_sentences(
    systems: Sequence[SystemScores],
    *,
    limits: JavaLimits,
    resamples: ImageResamples | None,
    listener: Listener,
) -> Sentences:
    """Enter the numbers of tasks 2 and 3 of each system.

    All systems share one Java: a sentence is tokenised and parsed once, a case scored once.

    Args:
        systems: The systems, baselines among them.
        limits: Memory and time of Java.
        resamples: What METEOR is to be computed on, too.
        listener: Who hears of progress.
    """
    done = Sentences()
    rows = [row for system in systems for row in _spoken(system)]
    if not rows:
        return done
    with_meteor = [system for system in systems if system.wants("meteor")]
    spice_error = _error_of(lambda: fetch_spice_files(listener=listener))
    sentences = sentences_of(rows)
    try:
        # Closing Java ends the requests of the threads, so it stands inside of them.
        # Two threads wait, one for SPICE's Java and one for METEOR's, while this one counts BLEU.
        with ThreadPoolExecutor(2) as threads, ExitStack() as stack:
            meteor = (
                stack.enter_context(Meteor(timeout_s=limits.timeout_s)) if with_meteor else None
            )
            class_path = () if spice_error else spice_class_path()
            java = stack.enter_context(Java(class_path, limits=limits))
            done.java = java.version
            tokens = dict(zip(sentences, java.tokenize(sentences), strict=True))
            spice = None
            if spice_error is None:
                # What is kept is looked up here: a thread would wait for Python at every row.
                known = Evidence(tokens)
                work = SpiceWork(spice_cases(rows, known), listener=listener)
                parted = [row for one in systems if one.wants_sub_scores for row in _spoken(one)]
                merged = list(spice_merged_cases(parted, known))
                spice = threads.submit(_spice, java, work, known, merged, systems)
            scored = None
            if meteor is not None:
                scored = threads.submit(_meteor, meteor, with_meteor, tokens, resamples)
            for system in systems:
                system.measure("tokens", Evidence(tokens))
                system.diagnose(tokens)
            if spice is not None:
                spice_error = _error_of(lambda: _enter_spice(systems, spice, done))
            if scored is not None:
                _enter_meteor(with_meteor, scored, done)
    except MetricError as error:
        _fail(systems, ("tokens", "meteor"), error)
        spice_error = spice_error or error
    if spice_error is not None:
        done.failures.append(spice_error)
        _fail(systems, ("spice",), spice_error)
    return done


def _spoken(system: SystemScores) -> list[AlignedRow]:
    """Return the rows that are answered by sentences."""
    return [row for task in (2, 3) for row in system.rows(task)]


def _spice(
    java: Java,
    work: SpiceWork,
    known: Evidence,
    merged: Sequence[SpiceCase],
    systems: Sequence[SystemScores],
) -> Evidence:
    scored = replace(known, spice=work.score(java), spice_parts=work.parts(java, merged))
    # Which reference counts is known only now.
    counted = [case for system in systems for case in system.matched_cases(scored)]
    return replace(scored, spice_matches=work.matches(java, counted))


def _enter_spice(systems: Sequence[SystemScores], spice: Future[Evidence], done: Sentences) -> None:
    evidence = spice.result()
    done.jars = tuples_version()
    for system in systems:
        system.measure("spice", evidence)
        system.enter_tuples(evidence)


def _meteor(
    meteor: Meteor,
    systems: Sequence[SystemScores],
    tokens: Tokens,
    resamples: ImageResamples | None,
) -> list[Evidence]:
    found = []
    for system in systems:
        rows = system.rows(2)
        said = [row.words(tokens) for row in rows]
        score = meteor.score(
            [sentence for (sentence,), _ in said], [references for _, references in said]
        )
        resampled = None
        if resamples is not None:
            resampled = meteor.evaluate(resamples.sums(rows, score.statistics))
        found.append(Evidence(tokens, meteor=score, resampled_meteor=resampled))
    return found


def _enter_meteor(
    systems: Sequence[SystemScores], scored: Future[list[Evidence]], done: Sentences
) -> None:
    try:
        found = scored.result()
    except MetricError as error:
        done.failures.append(error)
        _fail(systems, ("meteor",), error)
        return
    for system, evidence in zip(systems, found, strict=True):
        system.measure("meteor", evidence)


def _fail(systems: Sequence[SystemScores], needs: Sequence[Needs], error: MetricError) -> None:
    for system in systems:
        system.fail(needs, error)


def _error_of(act: Callable[[], None]) -> MetricError | None:
    try:
        act()
    except MetricError as error:
        return error
    return None
