"""What sentences state, on sentences made up here."""

from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow
from vsdkit.score.diagnosis.statements import count_statements, read_sentence


def gold(relation: str) -> GoldRow:
    return GoldRow("1", "1.jpg", 2, "lamp", "crate", None, None, (relation,))


@pytest.mark.parametrize(
    ("sentence", "relation", "phrase", "strict", "agrees"),
    [
        ("A lamp is behind the crate.", "behind", True, True, True),
        ("The crate is in front of a lamp.", "behind", False, False, True),
        ("There is a lamp beside the crate.", "next to", False, True, True),
        # The words are there, but of the other two.
        ("The crate is behind a lamp.", "behind", True, False, False),
        ("A lamp is on the crate.", "behind", False, False, False),
        ("A crate lies under the lamp.", "above", False, False, True),
        ("A lamp and a crate.", "behind", False, False, False),
        ("A lamp is behind the bench.", "behind", True, False, False),
        ("", "behind", False, False, False),
    ],
)
def test_what_a_sentence_states(
    sentence: str, relation: str, phrase: bool, strict: bool, agrees: bool
) -> None:
    read = read_sentence(sentence, gold(relation))
    assert (read.phrase, read.strict, read.agrees) == (phrase, strict, agrees)


def test_sentences_are_counted_and_percentages_are_of_all() -> None:
    row = gold("behind")
    texts = ("A lamp behind the crate.", "A lamp on the crate.", "A lamp.", "crates", "")
    counts = count_statements(read_sentence(text, row) for text in texts)
    assert (counts.sentences, counts.subject_named, counts.object_named) == (5, 3, 3)
    assert (counts.both_named, counts.stated, counts.agrees) == (2, 2, 1)
    assert counts.instead == {"on": 1}
    assert counts.to_dict()["agrees_percent"] == 20
    assert count_statements([]).percent("agrees") is None
