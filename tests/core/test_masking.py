"""Masked values can be recognised and not be used."""

import pytest

from apps.core.masking import masked_phone


@pytest.mark.parametrize(("phone", "shown"), [("+48500600700", "+48•••••700"), ("", ""), ("12345", "•••••")])
def test_a_phone_shows_its_country_and_its_end(phone: str, shown: str) -> None:
    assert masked_phone(phone) == shown
