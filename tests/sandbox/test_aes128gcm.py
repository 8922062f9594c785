"""Decryption against the example of RFC 8291, appendix A."""

from cryptography.hazmat.primitives.asymmetric import ec

from apps.sandbox.emulators.aes128gcm import decrypt
from apps.sandbox.subscriptions import BrowserKeys, from_base64url, public_point

BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_rfc_decrypts() -> None:
    scalar = int.from_bytes(from_base64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    browser = BrowserKeys(key, public_point(key), from_base64url("BTBZMqHH6r4Tts7J_aSIgg"))
    assert decrypt(from_base64url(BODY), browser) == b"When I grow up, I want to be a watermelon"
