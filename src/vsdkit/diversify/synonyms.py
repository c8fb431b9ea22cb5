"""Synonyms from METEOR's WordNet list: those that SPICE takes for the same word."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from vsdkit.errors import MissingInputError

__all__ = ["Synonyms", "load_synonyms"]

_JAR = "spice/lib/Meteor-1.5.jar"
_MEMBER = "synonym/english.synsets"
_SENSES_SHARED = 2
"""One shared sense is not enough: nearly every word has a rare one."""
_SHARE_OF_SENSES = 0.25
"""The least share of a replacement's senses that the word has too; see ``replacements``."""


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Words and the senses they have."""

    senses: Mapping[str, frozenset[str]]
    """Word to the numbers of its senses."""
    words: Mapping[str, tuple[str, ...]]
    """Number of a sense to the words that have it."""

    def replacements(self, word: str) -> list[str]:
        """Return single words that may stand for a describing word nearly everywhere.

        The list knows no part of speech and no context, and many a word has a sense that is rude
        or far off. So a replacement must share two senses with the word and a quarter of its own,
        as "big" does with "large"; the closest comes first.
        """
        own = self.senses.get(word, frozenset())
        near = {other for sense in own for other in self.words[sense]} - {word}
        closeness = {
            other: len(own & self.senses[other]) / len(self.senses[other])
            for other in near
            if other.isalpha() and len(own & self.senses[other]) >= _SENSES_SHARED
        }
        return sorted(
            (
                other
                for other, share in closeness.items()
                if share >= _SHARE_OF_SENSES and not other.endswith("ness")
            ),
            key=lambda other: (-closeness[other], other),
        )


@lru_cache(maxsize=1)
def load_synonyms() -> Synonyms:
    """Return the synonyms in pycocoevalcap's METEOR jar.

    Raises:
        MissingInputError: If pycocoevalcap is not installed as it should be.

    Source:
        WordNet, as METEOR 1.5 ships it: a word on one line, its senses on the next.
    """
    try:
        jar = Path(str(resources.files("pycocoevalcap").joinpath(_JAR)))
        with zipfile.ZipFile(jar) as archive:
            lines = archive.read(_MEMBER).decode("utf-8").splitlines()
    except (OSError, KeyError, zipfile.BadZipFile, ModuleNotFoundError) as error:
        raise MissingInputError(
            f"the synonyms cannot be read: {error}",
            where=f"pycocoevalcap/{_JAR}: {_MEMBER}",
            hint="pip install --force-reinstall --no-deps pycocoevalcap",
        ) from error
    senses = {
        word: frozenset(line.split()) for word, line in zip(lines[::2], lines[1::2], strict=True)
    }
    words: dict[str, list[str]] = {}
    for word, own in senses.items():
        for sense in own:
            words.setdefault(sense, []).append(word)
    return Synonyms(senses, {sense: tuple(found) for sense, found in words.items()})
