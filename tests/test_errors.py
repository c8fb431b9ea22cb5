"""The error tree: what a user reads, and the exit code."""

from __future__ import annotations

import inspect

import pytest

from vsdkit import errors
from vsdkit.errors import BackendError, DataError, VsdkitError

# The tree in the module's docstring, which the command line's help repeats.
EXIT_CODES = {
    "VsdkitError": 1,
    "ConfigError": 2,
    "TemplateError": 2,
    "DataError": 1,
    "AlignmentError": 1,
    "MissingInputError": 3,
    "CheckpointError": 3,
    "MetricError": 3,
    "BackendError": 3,
    "ChildFailedError": 4,
}


def test_every_error_is_in_the_tree_with_its_exit_code() -> None:
    found = {
        name: value.exit_code
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, VsdkitError)
    }
    assert found == EXIT_CODES
    assert set(errors.__all__) == set(EXIT_CODES)


@pytest.mark.parametrize("name", EXIT_CODES)
def test_the_docstring_draws_every_error_with_its_exit_code(name: str) -> None:
    (line,) = (line for line in (errors.__doc__ or "").splitlines() if f" {name} " in f" {line} ")
    assert int(line.split(name)[1].split()[0]) == EXIT_CODES[name]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("bad"), "bad"),
        (DataError("bad", where="a.json:1"), "bad\n  where: a.json:1"),
        (DataError("bad", hint="repair it"), "bad\n  do:    repair it"),
        (
            DataError("bad", where="a.json:1", hint="repair it"),
            "bad\n  where: a.json:1\n  do:    repair it",
        ),
    ],
)
def test_an_error_is_at_most_three_lines(error: VsdkitError, text: str) -> None:
    assert str(error) == text
    assert error.message == "bad"


def test_a_servers_error_tells_whether_to_try_again() -> None:
    error = BackendError("no answer", retryable=True, status_code=503)
    assert (error.retryable, error.status_code, error.exit_code) == (True, 503, 3)
    assert BackendError("no answer").retryable is False


def test_interruption_has_the_shells_exit_code() -> None:
    assert errors.EXIT_INTERRUPTED == 128 + 2


def test_an_error_gets_its_place_and_keeps_what_it_is() -> None:
    bare = BackendError("no answer", hint="wait", retryable=True, status_code=503)
    placed = bare.at("server:8000").at("row 7", hint="ask again")
    assert (placed.where, placed.hint) == ("row 7, server:8000", "ask again")
    assert (type(placed), placed.retryable, placed.status_code) == (BackendError, True, 503)
    assert (bare.where, bare.hint) == ("", "wait")
