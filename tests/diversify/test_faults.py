"""A server that goes wrong in every way: no sentence is lost or swapped, and no key is written."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from vsdkit.chat_client import ChatClient
from vsdkit.data.jsonl import read_rows
from vsdkit.diversify import DiversifyReport, diversify
from vsdkit.settings.diversify import DiversifySettings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    """Return ``benchmarks/faults.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("faults")


@pytest.mark.usefixtures("no_java", "server_answers")
def test_no_sentence_is_lost_or_swapped_and_no_secret_is_written(
    faults: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(ChatClient, backoff_s=0.01, timeout_s=1.0)
    monkeypatch.setattr("vsdkit.diversify.chat_server.ChatClient", quick)
    monkeypatch.setenv("OPENAI_API_KEY", faults.KEY)
    faults.write_rows(tmp_path, 40)
    output = tmp_path / "out.jsonl"
    server = faults.FaultServer(faults.MIXED, seed=1)

    def rewrite() -> DiversifyReport:
        return diversify(
            DiversifySettings(
                preds=tmp_path / "preds.jsonl",
                gold=tmp_path / "gold.jsonl",
                output=output,
                engine="openai",
                base_url=server.url,
                no_store=True,
            )
        )

    def second_sentences() -> dict[str, str]:
        return {row["id"]: row["prediction"][1] for _, row in read_rows(output)}

    try:
        report = rewrite()
        said = second_sentences()
        failed = [one for one, sentence in said.items() if sentence == faults.original(one)]
        assert 0 < len(failed) == report.kept_because["server failed"] == report.kept
        good = said.keys() - set(failed)
        assert {one: said[one] for one in good} == {one: faults.rewritten(one) for one in good}
        server.repair()
        assert rewrite().failures == ()
        assert len(server.asked) == len(failed)
    finally:
        server.close()
    assert second_sentences() == {str(number): faults.rewritten(number) for number in range(40)}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [secret for secret in faults.SECRETS if secret.encode() in written]
