"""Words for DeepSpeed's launcher: passed on as they are, but for those that vsdkit gives."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.deepspeed_args import NO_VALUE, REFUSED
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import resolve


def _check(line: str) -> tuple[str, ...]:
    return resolve(FinetuneSettings, flags={"deepspeed_args": line.split()}).settings.deepspeed_args


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--launcher slurm --bind_cores_to_rank",
        "--launcher=slurm --launcher_args=--export=ALL --log_level debug -q",
        "--ssh_port 2222 --no_ssh_check --bind_core_list 0-3",
    ],
)
def test_other_words_stay_as_they_are(line: str) -> None:
    assert _check(line) == tuple(line.split())


@pytest.mark.parametrize("word", REFUSED)
def test_what_vsdkit_gives_is_refused_with_what_to_use(word: str) -> None:
    with pytest.raises(ConfigError, match=f"{word} cannot be passed on: ") as caught:
        _check(f"--launcher slurm {word} 8")
    assert REFUSED[word] in caught.value.message
    assert caught.value.where == "deepspeed_args (flag)"


@pytest.mark.parametrize("line", ["--num_g 8", "--num_gpus=8", "-iworker-1", "--mod", "--hostf=x"])
def test_other_spellings_that_the_launcher_takes_are_refused_too(line: str) -> None:
    with pytest.raises(ConfigError, match="cannot be passed on"):
        _check(line)


@pytest.mark.parametrize(
    "line", ["train.py", "--launcher slurm train.py", "--bind_cores_to_rank train.py", "-q x"]
)
def test_a_word_that_the_launcher_would_start_as_a_program_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="belongs to no option"):
        _check(line)


@pytest.mark.parametrize("line", ["-- --launcher slurm", "-"])
def test_a_dash_alone_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="is no option"):
        _check(line)


@pytest.mark.slow
def test_the_lists_are_those_of_the_installed_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepspeed.launcher import runner

    parsers: list[argparse.ArgumentParser] = []

    def take(self: argparse.ArgumentParser, **_: Any) -> None:
        parsers.append(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", take)
    runner.parse_args([])
    options = [action for action in parsers[0]._actions if action.option_strings]
    names = {name for action in options for name in action.option_strings}
    assert set(REFUSED) <= names
    assert set(NO_VALUE) == {
        name
        for action in options
        if action.nargs == 0
        for name in action.option_strings
        if name not in REFUSED
    }
    # The beginning of a refused option that is an option of its own could not be given.
    others = names - set(REFUSED)
    assert not [name for name in others for refused in REFUSED if refused.startswith(name)]
