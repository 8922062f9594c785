"""RFC 8291: its own vector, and every plaintext against http_ece, the reference."""

import os

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.gateways.webpush_encryption import PLAINTEXT_LIMIT, encrypt
from tests.gateways.browser import base64url, point, unbase64url

KEY = ec.derive_private_key(20261122, ec.SECP256R1())
AUTH = os.urandom(16)


def test_the_vector_of_rfc_8291() -> None:
    sender = int.from_bytes(unbase64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        browser_key=unbase64url(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        auth_secret=unbase64url("BTBZMqHH6r4Tts7J_aSIgg"),
        sender_key=ec.derive_private_key(sender, ec.SECP256R1()),
        salt=unbase64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=PLAINTEXT_LIMIT))
def test_the_reference_reads_what_we_wrote(plaintext: bytes) -> None:
    body = encrypt(plaintext, browser_key=point(KEY), auth_secret=AUTH)
    assert http_ece.decrypt(body, private_key=KEY, auth_secret=AUTH, version="aes128gcm") == plaintext


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=500), st.binary(min_size=16, max_size=16))
def test_the_reference_writes_the_same_bytes(plaintext: bytes, salt: bytes) -> None:
    sender = ec.generate_private_key(ec.SECP256R1())
    reference = http_ece.encrypt(
        plaintext, salt=salt, private_key=sender, dh=point(KEY), auth_secret=AUTH, version="aes128gcm"
    )
    assert encrypt(plaintext, browser_key=point(KEY), auth_secret=AUTH, sender_key=sender, salt=salt) == reference


def test_the_longest_plaintext_fills_4096_bytes() -> None:
    assert len(encrypt(b"x" * PLAINTEXT_LIMIT, browser_key=point(KEY), auth_secret=AUTH)) == 4096


def test_no_two_messages_share_a_key_or_a_salt() -> None:
    bodies = {encrypt(b"same", browser_key=point(KEY), auth_secret=AUTH) for _ in range(20)}
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 20


@pytest.mark.parametrize("raw", [b"", b"\x04" + b"\x01" * 64, point(KEY)[:-1], b"\x05" + point(KEY)[1:]])
def test_a_key_off_the_curve_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        encrypt(b"x", browser_key=raw, auth_secret=AUTH)
