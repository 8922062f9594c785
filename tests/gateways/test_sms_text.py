"""Parts of an SMS, against the published sizes and against the sandbox's own count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.gateways.sms_text import measure, mentions_opt_out
from apps.sandbox.emulators.sms_parts import part_count


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("", "GSM-7", 0),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("ą" * 70, "UCS-2", 1),
        ("ą" * 71, "UCS-2", 2),
        ("👍" * 35, "UCS-2", 1),
        ("👍" * 36, "UCS-2", 2),
    ],
)
def test_a_text_has_the_published_size(text: str, encoding: str, parts: int) -> None:
    size = measure(text)
    assert (size.encoding, size.parts) == (encoding, parts)


def test_the_dear_characters_are_named() -> None:
    size = measure("a" * 150 + "ąęą")
    assert (size.culprits, size.parts, size.gsm_parts) == (("ą", "ę"), 3, 1)


def test_what_is_left_of_the_last_part_is_told() -> None:
    assert measure("a" * 150).left == 10
    assert measure("a" * 161).left == 145


@given(st.text(st.sampled_from("ab€[ąß👍\n "), min_size=1, max_size=700))
def test_the_sandbox_counts_the_same(text: str) -> None:
    assert measure(text).parts == part_count(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("Sale! Reply STOP to end", True), ("Wypisz się: WYPISZ", True), ("Sale!", False)]
)
def test_the_opt_out_is_looked_for(text: str, expected: bool) -> None:
    assert mentions_opt_out(text) is expected
