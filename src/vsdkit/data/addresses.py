"""Addresses of servers without the name and password that they may hold."""

from __future__ import annotations

import re

__all__ = ["drop_login", "mask_login"]

_LOGIN = re.compile(r"//[^/@\s]*@")


def mask_login(text: str) -> str:
    """Return a text in which no address shows its name and password.

    >>> mask_login("see http://me:secret@localhost:8000/v1")
    'see http://***@localhost:8000/v1'
    """
    return _LOGIN.sub("//***@", text)


def drop_login(address: str) -> str:
    """Return the address of the same server without name and password.

    >>> drop_login("http://me:secret@localhost:8000/v1")
    'http://localhost:8000/v1'
    """
    return _LOGIN.sub("//", address)
