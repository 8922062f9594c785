"""Every mistake people make with credentials has a name, all are told at once, and no secret is repeated."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.core.problems import FieldProblem
from apps.gateways.apns_token import ProviderTokens
from apps.gateways.contract import ApnsCredentials, FcmCredentials
from apps.gateways.preflight import check_apns, check_fcm, check_twilio, check_vapid, parse_service_account
from tests.gateways.browser import base64url, point
from tests.gateways.certificates import Authority
from tests.gateways.google import service_account

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
KEY = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P8 = KEY.private_bytes(PEM, PKCS8, PLAIN).decode()


def codes(problems: Sequence[FieldProblem]) -> list[tuple[str, str]]:
    return [(problem.pointer.removeprefix("/"), problem.code) for problem in problems]


def apns(**changes: str) -> list[tuple[str, str]]:
    good = {"key_p8": P8, "key_id": "ABC123DEFG", "team_id": "TEAM123456", "topic": "com.example.shop"}
    return codes(check_apns(**{**good, **changes}))


def ec_key(curve: ec.EllipticCurve, protection: serialization.KeySerializationEncryption = PLAIN) -> str:
    return ec.generate_private_key(curve).private_bytes(PEM, PKCS8, protection).decode()


def test_good_apns_credentials_have_no_problem() -> None:
    for key in (P8, f"\n{P8}\n", P8.replace("\n", "\r\n"), P8.replace("\n", " "), P8.replace("\n", "")):
        assert apns(key_p8=key) == []
        assert ProviderTokens(ApnsCredentials(key, "ABC123DEFG", "TEAM123456", "t")).get_header()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        ("  \n", "required"),
        ("MIGTAgEAMBMGByqGSM49", "p8_not_pem"),
        (f"\ufeff{P8}", "p8_has_bom"),
        (P8.replace("\n", "\\n"), "p8_line_breaks"),
        (P8.replace("\n", "\\r\\n"), "p8_line_breaks"),
        (P8[:100] + P8[130:], "p8_unreadable"),
        (RSA.private_bytes(PEM, PKCS8, PLAIN).decode(), "p8_is_rsa"),
        (ec_key(ec.SECP256R1(), serialization.BestAvailableEncryption(b"word")), "p8_is_encrypted"),
        (ec_key(ec.SECP384R1()), "p8_wrong_curve"),
        (
            KEY.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            "p8_is_public_key",
        ),
    ],
)
def test_a_key_that_is_none(text: str, code: str) -> None:
    assert apns(key_p8=text) == [("key_p8", code)]


def test_a_certificate_is_no_key(authority: Authority) -> None:
    with open(authority.ca_file) as file:
        pem = file.read()
    assert x509.load_pem_x509_certificate(pem.encode())
    assert apns(key_p8=pem) == [("key_p8", "p8_is_certificate")]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"key_id": "ABC123DEF"}, ("key_id", "key_id_format")),
        ({"key_id": "abc123defg"}, ("key_id", "key_id_format")),
        ({"team_id": "team123456"}, ("team_id", "team_id_format")),
        ({"team_id": ""}, ("team_id", "team_id_format")),
        ({"topic": "com.example.*"}, ("topic", "topic_wildcard")),
        ({"topic": "TEAM123456.com.example.shop"}, ("topic", "topic_has_team_prefix")),
        ({"topic": "ZZZZ999999.com.example.shop"}, ("topic", "topic_has_team_prefix")),
        ({"topic": "shop"}, ("topic", "topic_format")),
        ({"topic": "com.example.shop\r\nx: y"}, ("topic", "topic_format")),
        ({"topic": ""}, ("topic", "topic_format")),
    ],
)
def test_what_belongs_to_a_key(changes: dict[str, str], problem: tuple[str, str]) -> None:
    assert apns(**changes) == [problem]


def test_all_mistakes_are_told_at_once() -> None:
    assert len(apns(key_p8="", key_id="", team_id="", topic="")) == 4


ACCOUNT: dict[str, Any] = {
    **service_account("https://oauth2.googleapis.com/token"),
    "client_email": "sender@p1.iam.gserviceaccount.com",
}


def without(name: str) -> str:
    return json.dumps({key: value for key, value in ACCOUNT.items() if key != name})


def test_a_good_service_account_has_no_problem() -> None:
    text = f"\ufeff{json.dumps(ACCOUNT)}\n"
    assert check_fcm(text, project_id="p1") == []
    assert FcmCredentials(parse_service_account(text)).service_account["project_id"] == "p1"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        ("{", "service_account_not_json"),
        ("[" * 100_000, "service_account_not_json"),
        ("[]", "service_account_not_object"),
        ('{"type": "authorized_user", "refresh_token": "x"}', "service_account_is_user"),
        ('{"type": "external_account"}', "service_account_is_external"),
        ('{"project_info": {}, "client": []}', "service_account_is_google_services"),
        ('{"apiKey": "x", "projectId": "p1"}', "service_account_is_web_config"),
        ('<?xml version="1.0"?><plist></plist>', "service_account_is_plist"),
        ("AAAAabcdefg:APA91bHxyz", "service_account_is_server_key"),
        (P8, "service_account_is_key"),
        ("{}", "service_account_type"),
        (without("private_key"), "private_key_missing"),
        (without("project_id"), "project_id_missing"),
        (without("client_email"), "client_email_missing"),
        (without("token_uri"), "token_uri_missing"),
        (json.dumps({**ACCOUNT, "private_key": "x"}), "private_key_invalid"),
        (json.dumps({**ACCOUNT, "private_key": P8}), "private_key_invalid"),
        (json.dumps({**ACCOUNT, "private_key": 5}), "private_key_missing"),
        (json.dumps({**ACCOUNT, "token_uri": "http://evil.example"}), "token_uri_invalid"),
        (json.dumps({**ACCOUNT, "project_id": "other"}), "project_mismatch"),
    ],
)
def test_a_file_that_is_no_service_account(text: str, code: str) -> None:
    assert codes(check_fcm(text)) == [("service_account", code)]
    with pytest.raises(ValueError, match="service account"):
        parse_service_account(text)


def test_a_service_account_of_another_project() -> None:
    assert codes(check_fcm(json.dumps(ACCOUNT), project_id="shop")) == [("service_account", "project_mismatch")]


PRIVATE, PUBLIC = base64url(KEY.private_numbers().private_value.to_bytes(32)), base64url(point(KEY))


def vapid(**changes: str) -> list[tuple[str, str]]:
    good = {"private_key": PRIVATE, "public_key": PUBLIC, "subject": "mailto:push@example.com"}
    return codes(check_vapid(**{**good, **changes}))


@pytest.mark.parametrize("subject", ["mailto:push@example.com", "https://example.com/contact"])
def test_good_vapid_credentials_have_no_problem(subject: str) -> None:
    assert vapid(subject=subject) == vapid(private_key=PRIVATE + "=", public_key=f" {PUBLIC}=") == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"private_key": base64url(b"x" * 31)}, ("private_key", "vapid_private_format")),
        ({"private_key": base64url(b"\0" * 32)}, ("private_key", "vapid_private_format")),
        ({"private_key": ""}, ("private_key", "vapid_private_format")),
        ({"public_key": base64url(b"\x04" + b"x" * 64)}, ("public_key", "vapid_public_format")),
        ({"public_key": base64url(point(ec.generate_private_key(ec.SECP256R1())))}, ("public_key", "vapid_not_a_pair")),
        ({"private_key": PUBLIC, "public_key": PRIVATE}, ("private_key", "vapid_swapped")),
        ({"subject": "mailto: push@example.com"}, ("subject", "vapid_subject_space")),
        ({"subject": "mailto:mailto:push@example.com"}, ("subject", "vapid_subject_doubled")),
        ({"subject": "push@example.com"}, ("subject", "vapid_subject_scheme")),
        ({"subject": "http://example.com"}, ("subject", "vapid_subject_scheme")),
        ({"subject": ""}, ("subject", "vapid_subject_scheme")),
        ({"subject": "mailto:x"}, ("subject", "vapid_subject_format")),
        ({"subject": "https://"}, ("subject", "vapid_subject_format")),
        ({"subject": "https://[::1"}, ("subject", "vapid_subject_format")),
        ({"subject": "mailto:me@localhost"}, ("subject", "vapid_subject_host")),
        ({"subject": "mailto:me@shop.local"}, ("subject", "vapid_subject_host")),
        ({"subject": "https://localhost:8000/"}, ("subject", "vapid_subject_host")),
        ({"subject": "https://shop.invalid/"}, ("subject", "vapid_subject_host")),
    ],
)
def test_vapid_mistakes(changes: dict[str, str], problem: tuple[str, str]) -> None:
    assert vapid(**changes) == [problem]


SID, TOKEN = "AC" + "0a" * 16, "1b" * 16


def twilio(**changes: str) -> list[tuple[str, str]]:
    return codes(check_twilio(**{"account_sid": SID, "auth_token": TOKEN, "sender": "+48601234567", **changes}))


@pytest.mark.parametrize("sender", ["+48601234567", "12345", "Shop 24", "MG" + "0a" * 16])
def test_good_twilio_credentials_have_no_problem(sender: str) -> None:
    assert twilio(sender=sender) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"account_sid": TOKEN, "auth_token": SID}, ("account_sid", "twilio_swapped")),
        ({"account_sid": "SK" + "0a" * 16}, ("account_sid", "account_sid_is_api_key")),
        ({"account_sid": "AC123"}, ("account_sid", "account_sid_format")),
        ({"auth_token": "short"}, ("auth_token", "auth_token_format")),
        ({"sender": "Longer than eleven"}, ("sender", "sender_format")),
        ({"sender": "Żabka"}, ("sender", "sender_format")),
        ({"sender": "+0123"}, ("sender", "sender_format")),
        ({"sender": ""}, ("sender", "sender_format")),
    ],
)
def test_twilio_mistakes(changes: dict[str, str], problem: tuple[str, str]) -> None:
    assert twilio(**changes) == [problem]


def test_no_message_repeats_a_secret() -> None:
    secret = "hunter2hunter2"
    problems = [
        *check_apns(key_p8=secret, key_id=secret, team_id="T", topic="t"),
        *check_fcm(json.dumps({**ACCOUNT, "private_key": secret})),
        *check_vapid(private_key=secret, public_key="x", subject="mailto:a@b.pl"),
        *check_twilio(account_sid="x", auth_token=secret, sender="x"),
    ]
    assert len(problems) >= 8
    assert not [problem for problem in problems if secret in problem.message or problem.came]
