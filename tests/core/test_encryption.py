"""Secrets at rest: keys rotate, and a wrong key says so without showing anything."""

import base64

import pytest

from apps.core import encryption


@pytest.fixture
def keys(settings):
    def use(*ids: str) -> None:
        settings.FIELD_ENCRYPTION_KEYS = [f"{i}:{base64.urlsafe_b64encode(i.encode() * 16).decode()}" for i in ids]
        encryption._ciphers.cache_clear()

    yield use
    encryption._ciphers.cache_clear()


def test_a_secret_comes_back_after_the_keys_rotated(keys) -> None:
    keys("k1")
    stored = encryption.encrypt("the Zażółć secret")
    keys("k2", "k1")
    assert encryption.decrypt(stored) == "the Zażółć secret"
    assert encryption.encrypt("next").startswith("k2:")


def test_a_missing_key_is_named(keys) -> None:
    keys("k1")
    stored = encryption.encrypt("secret")
    keys("k2")
    with pytest.raises(encryption.WrongKey, match="k1"):
        encryption.decrypt(stored)


def test_a_secret_is_never_stored_alike_twice(keys) -> None:
    keys("k1")
    assert encryption.encrypt("same") != encryption.encrypt("same")
