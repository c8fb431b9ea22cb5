"""``vsdkit verify``: whether adapter, merged model and server are one and the same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model.bars import bars_for
from vsdkit.model.bases import check_base, family_of, find_config
from vsdkit.model.run_folder import TrainedRun, newest_run
from vsdkit.model.serving import why_not_served
from vsdkit.progress import SILENT, Listener
from vsdkit.verify.questions import choose_questions
from vsdkit.verify.report import Check, Comparison, VerifyReport

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vsdkit.model.precision import Precision
    from vsdkit.settings.verify import VerifySettings
    from vsdkit.verify.answers import Answer
    from vsdkit.verify.questions import Question

__all__ = ["verify"]


def verify(
    settings: VerifySettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,  # noqa: ARG001
) -> VerifyReport:
    """Ask the adapter on its base, and every form of it that is named, and compare the answers.

    Args:
        settings: What is compared, and what counts as the same.
        listener: Who is told.
        origins: Where each setting came from; nothing is written that would keep it.

    Raises:
        CheckpointError: If a model cannot be loaded.
        ConfigError: If a server is named for a run that none can serve.
        MissingInputError: If the questions or their images are not there.
        BackendError: If the server does not answer.
    """
    from vsdkit.model.precision import choose_precision

    run = TrainedRun.read(settings.run or newest_run())
    base = settings.base or run.base
    if settings.against is not None:
        # A folder that holds no model is told before one is loaded.
        if not settings.against.is_dir():
            raise CheckpointError(
                "no such folder",
                where=str(settings.against),
                hint=f"merge the run first: vsdkit merge {run.folder}",
            )
        find_config(str(settings.against))
    if settings.base_url is not None:
        family = family_of(check_base(base, image_mode=run.image_mode))
        reason = why_not_served(family, run.image_mode)
        if reason:
            raise ConfigError(
                f"a server's answers differ whatever it serves: {reason}",
                where="--base-url",
                hint="compare with a merged folder: --against FOLDER",
            )
    precision = choose_precision(precision=settings.precision)
    checks = _check_files(settings, run, base, listener)
    comparisons: list[Comparison] = []
    # An adapter that does not fit its base cannot answer.
    if checks[0].passed:
        questions = choose_questions(settings, run, listener)
        comparisons = _Asking(settings, run, base, precision, questions, listener).compare_all()
    return VerifyReport(
        run=str(run.folder),
        base=base,
        precision=precision.dtype_name,
        checks=tuple(checks),
        comparisons=tuple(comparisons),
    )


def _check_files(
    settings: VerifySettings, run: TrainedRun, base: str, listener: Listener
) -> list[Check]:
    """Return the checks for which no model is loaded; the first says whether the adapter fits."""
    from vsdkit.model.adapter_weights import AdapterWeights
    from vsdkit.model.base_files import commit_under, fetch_base
    from vsdkit.model.merging import MergedWeights
    from vsdkit.model.stored_weights import LoadedNames, StoredWeights
    from vsdkit.verify.weights import check_weights

    names = LoadedNames.of(base, image_mode=run.image_mode)
    commit = commit_under(run, settings.base, listener=listener)
    with StoredWeights.read(fetch_base(base, commit=commit, listener=listener)) as stored:
        try:
            adapter = AdapterWeights.read(run.folder)
            merged = MergedWeights.match(stored, adapter, names)
        except CheckpointError as error:
            return [Check("adapter weights", False, error.message)]
        with adapter:
            used = 2 * len(adapter.pairs) + len(adapter.whole)
            checks = [
                Check("adapter weights", True, f"all {used} have their place in {base}"),
                _check_trained(adapter.zero_pairs(), len(adapter.pairs)),
            ]
            if settings.against is not None:
                with StoredWeights.read(settings.against) as other:
                    checks.append(check_weights(merged, other, names, listener))
    return checks


def _check_trained(zero: Sequence[str], pairs: int) -> Check:
    if not zero:
        return Check("LoRA trained", True, f"B is not zero in any of {pairs} layers")
    return Check(
        "LoRA trained",
        # Training moves every B at its first step; a few that are zero were not loaded or saved.
        False,
        f"B is zero everywhere in {len(zero)} of {pairs} layers (first: {zero[0]}): nothing is "
        "added there",
    )


class _Asking(NamedTuple):
    """All that the models are asked with."""

    settings: VerifySettings
    run: TrainedRun
    base: str
    precision: Precision
    questions: Sequence[Question]
    listener: Listener

    def compare_all(self) -> list[Comparison]:
        """Return the comparisons with the adapter's answers.

        One model is loaded at a time: each is a local variable of the function that asks it, and
        gone when that returns.
        """
        from vsdkit.model.stored_weights import StoredWeights
        from vsdkit.verify.answers import torch_name
        from vsdkit.verify.server import ask_server, compare_server

        answers, merged, tokenizer = self._ask_adapter()
        comparisons = [self._compare("merged in memory", answers, merged)]
        against = self.settings.against
        if against is not None:
            others = self._ask_folder(against)
            stored = torch_name(StoredWeights.read(against).dtype)
            comparisons.append(self._compare(str(against), answers, others, stored))
        if self.settings.base_url is not None:
            name = self.settings.model or str(against or self.run.folder.resolve().name)
            replies = ask_server(self.settings, self.questions, model=name, listener=self.listener)
            comparisons.append(
                compare_server(
                    answers,
                    replies,
                    questions=self.questions,
                    settings=self.settings,
                    tokenizer=tokenizer,
                )
            )
        return comparisons

    def _ask_adapter(self) -> tuple[list[Answer], list[Answer], PreTrainedTokenizerBase]:
        """Return the answers of the adapter on its base, and those once it is merged in place."""
        from vsdkit.model.base_files import commit_under
        from vsdkit.model.checkpoint import load_adapter, load_base
        from vsdkit.verify.answers import answer_all

        with bars_for(self.listener):
            loaded = load_base(
                self.base,
                image_mode=self.run.image_mode,
                precision=self.precision,
                commit=commit_under(self.run, self.settings.base),
            )
            loaded = load_adapter(loaded, self.run.folder)
        conversation, questions = self.run.conversation, self.questions
        answers = answer_all(
            loaded, conversation, questions, what="the adapter", listener=self.listener
        )
        # In place, layer by layer: no second copy of the model is made.
        loaded.model.merge_adapter()
        merged = answer_all(
            loaded, conversation, questions, what="it merged", listener=self.listener
        )
        return answers, merged, loaded.tokenizer

    def _ask_folder(self, folder: Path) -> list[Answer]:
        from vsdkit.model.checkpoint import load_base
        from vsdkit.verify.answers import answer_all

        with bars_for(self.listener):
            loaded = load_base(
                str(folder), image_mode=self.run.image_mode, precision=self.precision
            )
        return answer_all(
            loaded, self.run.conversation, self.questions, what=str(folder), listener=self.listener
        )

    def _compare(
        self, other: str, answers: Sequence[Answer], others: Sequence[Answer], *stored: str
    ) -> Comparison:
        from vsdkit.verify.answers import compare

        return compare(
            other,
            answers,
            others,
            questions=self.questions,
            settings=self.settings,
            dtype_names=(self.precision.dtype_name, *stored),
        )
