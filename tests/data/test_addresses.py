"""Names and passwords in addresses."""

from __future__ import annotations

from vsdkit.data.addresses import drop_login, mask_login


def test_a_password_in_an_address_is_masked() -> None:
    assert mask_login("see http://me:secret@host:1/v1") == "see http://***@host:1/v1"
    assert mask_login("http://host/a@b") == "http://host/a@b"


def test_an_address_is_the_same_with_another_login() -> None:
    assert drop_login("http://me:secret@host:1/v1") == drop_login("http://host:1/v1")
