"""The challenge's metrics as rewards, in the signature that TRL's ``GRPOTrainer`` takes.

    from vsdkit import rewards
    GRPOTrainer(model, reward_funcs=[rewards.relation_stated, rewards.spice], train_dataset=rows)

The trainer calls ``f(prompts=..., completions=..., **columns)`` with a list an entry long for each
column of the dataset. The columns are those of gold.jsonl: ``subject``, ``object``, ``relations``,
``references``, and ``task`` where rows of several tasks are mixed. A reward is from 0 to 1. It is 0
of whatever a model may say that is no answer, and None, which the trainer leaves out, of a row that
has nothing to be held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import Any

from vsdkit.answers import parse_label, parse_sentences
from vsdkit.data.relations import find_relation
from vsdkit.errors import DataError, MetricError
from vsdkit.jvm import Java, SpiceCase, fetch_spice_files, score_spice, spice_class_path
from vsdkit.wording import find_relations

__all__ = ["label", "relation_stated", "spice"]

Rewards = list[float | None]


def label(
    prompts: Sequence[Any],  # noqa: ARG001
    completions: Sequence[Any],
    **columns: Any,
) -> Rewards:
    """Return 1 for each completion that names a gold relation of its row and no other, else 0.

    Args:
        prompts: Not looked at.
        completions: Texts, or conversations whose last message is the completion.
        columns: ``relations``; and, if there, ``subject`` and ``object``, whose words are passed
            over, and ``task``: rows of tasks 2 and 3 have None.

    Raises:
        DataError: If the dataset has no column ``relations``.
    """
    rows = _rows(completions, columns, needs=("relations",), tasks=(1,))

    def reward(text: str, row: Mapping[str, Any]) -> float:
        said = parse_label(text, tags=_tags(row))
        return float(said in _labels(row))

    return _each(rows, reward, known=_labels)


def relation_stated(
    prompts: Sequence[Any],  # noqa: ARG001
    completions: Sequence[Any],
    **columns: Any,
) -> Rewards:
    """Return 1 for each sentence that states a gold relation of the two and none that is not.

    It may be said from either side: "the pole behind the man" is "a man in front of the pole".
    What contradicts it elsewhere in the sentence makes it 0, so that stating everything pays
    nothing. Of three sentences (``task`` is 3) the reward is their mean.

    Args:
        prompts: Not looked at.
        completions: Texts, or conversations whose last message is the completion.
        columns: ``relations``, ``subject``, ``object``; and, if there, ``task``: rows of task 1
            have None.

    Raises:
        DataError: If the dataset lacks one of the columns.
    """
    rows = _rows(completions, columns, needs=("relations", "subject", "object"), tasks=(2, 3))

    def reward(text: str, row: Mapping[str, Any]) -> float:
        gold = _labels(row)
        values = []
        for sentence in _sentences(text, row):
            stated = find_relations(sentence, *_tags(row))
            agrees = all(gold & set(one.relations) for one in stated)
            values.append(float(bool(stated) and agrees))
        return fmean(values) if values else 0.0

    return _each(rows, reward, known=_labels)


def spice(
    prompts: Sequence[Any],  # noqa: ARG001
    completions: Sequence[Any],
    **columns: Any,
) -> Rewards:
    """Return SPICE of each completion with its best reference: the F that z2 and z3 are made of.

    Of three sentences (``task`` is 3) the reward is their mean. Java is started at the first call
    and kept, one for each process; a batch is tokenised and parsed together, and what was parsed
    before is looked up. A sentence of more than 100 words gets 0.

    Args:
        prompts: Not looked at.
        completions: Texts, or conversations whose last message is the completion.
        columns: ``references``; and, if there, ``task``: rows of task 1 have None.

    Raises:
        DataError: If the dataset has no column ``references``.
        MetricError: If SPICE's files cannot be fetched, or Java fails twice on the same batch.
    """
    rows = _rows(completions, columns, needs=("references",), tasks=(2, 3))
    sentences = [_sentences(text, row) for text, row in rows]
    references = [_texts(row.get("references")) for _, row in rows]
    pairs = [
        (sentence, reference)
        for said, known in zip(sentences, references, strict=True)
        for sentence in said
        for reference in known
    ]
    scores = dict(zip(pairs, _score_pairs(pairs), strict=True))

    def best(sentence: str, known: Sequence[str]) -> float:
        return max(scores[sentence, reference] for reference in known)

    rewards: Rewards = []
    for (_, row), said, known in zip(rows, sentences, references, strict=True):
        if not row or not known:
            rewards.append(None)
        else:
            rewards.append(fmean(best(one, known) for one in said) if said else 0.0)
    return rewards


def _rows(
    completions: Sequence[Any],
    columns: Mapping[str, Any],
    *,
    needs: Sequence[str],
    tasks: Sequence[int],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each completion's text with the columns of its row, empty where it is of no concern.

    Raises:
        DataError: If a column is missing, or is not as long as the completions.
    """
    used = ("subject", "object", "relations", "references", "task")
    given = {name: columns[name] for name in used if columns.get(name) is not None}
    for name in needs:
        if name not in given:
            raise DataError(
                f"the dataset has no column {name!r}",
                where="train_dataset",
                hint="its rows are those of gold.jsonl, with a column 'prompt'",
            )
    for name, values in given.items():
        if len(values) != len(completions):
            raise DataError(
                f"{len(completions)} completions and {len(values)} entries",
                where=f"column {name!r}",
            )
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for number, completion in enumerate(completions):
        row = {name: values[number] for name, values in given.items()}
        concerns = row.get("task") is None or row["task"] in tasks
        rows.append((_text(completion), row if concerns else {}))
    return rows


def _each(
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    reward: Callable[[str, Mapping[str, Any]], float],
    *,
    known: Callable[[Mapping[str, Any]], object],
) -> Rewards:
    return [reward(text, row) if known(row) else None for text, row in rows]


def _text(completion: Any) -> str:
    """Return what a completion says; nothing of one that is of an odd form.

    A conversation is a list of messages; a message's content is a text, or a list of parts.
    """
    if isinstance(completion, list | tuple) and completion:
        completion = completion[-1]
    if isinstance(completion, Mapping):
        completion = completion.get("content")
    if isinstance(completion, list | tuple):
        parts = [part.get("text") for part in completion if isinstance(part, Mapping)]
        completion = " ".join(part for part in parts if isinstance(part, str))
    # Half of a surrogate pair, left by cutting an emoji in two, cannot be sent to Java.
    return completion.encode("utf-8", "replace").decode() if isinstance(completion, str) else ""


def _sentences(text: str, row: Mapping[str, Any]) -> Sequence[str]:
    """Return the sentences of an answer, none of one that is no answer to its task."""
    if row.get("task") == 3:
        return parse_sentences(text) or ()
    sentence = " ".join(text.split())
    return (sentence,) if row and sentence else ()


def _texts(value: Any) -> tuple[str, ...]:
    entries = [value] if isinstance(value, str) else value or []
    return tuple(entry for entry in entries if isinstance(entry, str) and entry.strip())


def _labels(row: Mapping[str, Any]) -> set[str]:
    found = map(find_relation, _texts(row.get("relations")))
    return {one for one in found if one is not None}


def _tags(row: Mapping[str, Any]) -> tuple[str, str]:
    return (str(row.get("subject") or ""), str(row.get("object") or ""))


@cache
def _java() -> Java:
    """Return this process's Java, started at the first call."""
    fetch_spice_files()
    return Java(spice_class_path())


def _score_pairs(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return SPICE of each sentence with one reference, 0 to 1."""
    if not pairs:
        return []
    try:
        return _ask_java(pairs)
    except MetricError:
        # A night's training is worth a second Java: the first may have been killed for memory.
        if _java.cache_info().currsize:
            _java().close()
            _java.cache_clear()
        return _ask_java(pairs)


def _ask_java(pairs: Sequence[tuple[str, str]]) -> list[float]:
    java = _java()
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    words = dict(zip(texts, map(" ".join, java.tokenize(texts)), strict=True))
    cases = [SpiceCase(words[sentence], (words[reference],)) for sentence, reference in pairs]
    return [value / 100 for value in score_spice(java, cases)]
