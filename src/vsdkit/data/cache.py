"""The user's cache folder: what is fetched once, and what is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from vsdkit.errors import ConfigError

__all__ = ["CACHE_VARIABLE", "cache_folder"]

CACHE_VARIABLE = "VSDKIT_CACHE"
"""Environment variable that names another cache folder than the user's own."""


def cache_folder() -> Path:
    """Return the folder of what is fetched or kept between runs; it may not exist yet.

    Raises:
        ConfigError: If the environment variable names no folder that Java could use.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        try:
            named.encode()
            folder = Path(named).expanduser()
        except (UnicodeEncodeError, RuntimeError) as error:
            raise _no_cache(f"not a folder's name: {error}") from error
        if os.pathsep in str(folder):
            raise _no_cache(f"Java cannot use a folder with {os.pathsep!r} in its name")
        if folder.is_file():
            raise _no_cache("a file, expected a folder")
        return folder
    from platformdirs import user_cache_path

    return user_cache_path("vsdkit", appauthor=False)


def _no_cache(why: str) -> ConfigError:
    return ConfigError(
        f"the cache cannot be used: {why}",
        where=f"{CACHE_VARIABLE}={os.environ[CACHE_VARIABLE]!r}",
        hint=f"export {CACHE_VARIABLE}=FOLDER",
    )
