"""Sealed texts: equal ones stay equal, and nothing opens them but their own key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.sealing import KEY_BYTES, BrokenSeal, SealingKey, is_sealed, key_number_of

KEY = SealingKey(7, bytes(range(KEY_BYTES)))
plain_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: not is_sealed(text)
)


@settings(max_examples=60)
@given(plain_texts)
def test_what_is_sealed_is_opened_again_and_stays_the_same(plain: str) -> None:
    sealed = KEY.seal("p", plain)
    assert (KEY.unseal(sealed), key_number_of(sealed)) == (plain, 7)
    assert sealed == KEY.seal("p", plain) == KEY.seal("p", sealed)
    assert is_sealed(sealed)
    assert KEY.seal("e", plain).partition(".")[2] != sealed.partition(".")[2]


@settings(max_examples=40)
@given(st.integers(0, 50), st.sampled_from("AZaz09-_"))
def test_whatever_is_changed_breaks_it(place: int, mark: str) -> None:
    sealed = KEY.seal("p", "+48500600700")
    changed = sealed[: place % len(sealed)] + mark + sealed[place % len(sealed) + 1 :]
    # The last character carries bits that no byte needs: another one there may mean the same.
    if changed != sealed and place % len(sealed) != len(sealed) - 1:
        with pytest.raises(BrokenSeal):
            KEY.unseal(changed)


def test_another_key_and_another_kind_do_not_open_it() -> None:
    sealed = KEY.seal("p", "+48500600700")
    other = SealingKey(8, bytes(KEY_BYTES))
    for foreign in (sealed, sealed.replace(":1p7", ":1p8"), sealed.replace(":1p7", ":1e8")):
        with pytest.raises(BrokenSeal):
            other.unseal(foreign)
    with pytest.raises(BrokenSeal):
        KEY.unseal(sealed.replace(":1p", ":1e"))


@pytest.mark.parametrize(
    "broken", [":1", ":1p7.", ":1p7.A", ":1p7.AAAA", ":1p.AAAA", ":2p7." + "A" * 40, "+48500600700"]
)
def test_what_has_not_the_form_is_refused(broken: str) -> None:
    with pytest.raises(BrokenSeal):
        KEY.unseal(broken)
