"""Twilio against a vendor that speaks it: every row of the code table, the form, and nothing sent twice."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest

from apps.gateways.contract import Endpoints, RetryReason, SendResult, TextMessage, TwilioCredentials, Verdict
from apps.gateways.twilio import TwilioGateway
from apps.gateways.twilio_callbacks import is_signed
from apps.gateways.wire import WireLimits
from tests.gateways.certificates import Authority
from tests.gateways.conftest import run
from tests.gateways.vendor import Act, Reply, Seen, Vendor

StartVendor = Callable[..., Vendor]
V, R = Verdict, RetryReason
SID = "AC" + "0" * 32
TEXT = TextMessage("ref-1", "+48601234567", "Zażółć & more=1", "https://x.test/cb?a=1")
LIMITS = WireLimits(connections=2, deadline_seconds=3.0, trust_refusals=False)


def send(
    server: Vendor, authority: Authority, *messages: TextMessage, sender: str = "Shop", rounds: int = 1
) -> list[SendResult]:
    async def work() -> list[SendResult]:
        credentials = TwilioCredentials(SID, "secret", sender)
        endpoints = Endpoints(sms_base_url=server.url, ca_file=authority.ca_file)
        gateway = TwilioGateway(credentials, endpoints, limits=LIMITS)
        await gateway.open()
        try:
            for _ in range(rounds):
                results = await gateway.send(messages)
            return results
        finally:
            await gateway.close()

    return run(work())


def refused(status: int, code: int) -> Reply:
    return Reply(status, json.dumps({"code": code, "message": "no", "status": status}).encode())


@pytest.mark.parametrize(
    ("reply", "verdict", "code", "reason"),
    [
        (Reply(201, b'{"sid": "SM1", "status": "queued"}'), V.ACCEPTED, "", None),
        (refused(400, 21610), V.TOKEN_DEAD, "21610", None),
        *[(refused(400, code), V.TOKEN_DEAD, str(code), None) for code in (21211, 21217, 21614, 21635, 30005, 30006)],
        *[(refused(400, code), V.MESSAGE_BAD, str(code), None) for code in (21602, 21617, 30004, 30007, 30034, 99999)],
        *[(refused(400, code), V.MESSAGE_BAD, str(code), None) for code in (21408, 21608)],
        *[(refused(400, code), V.CONFIG_BAD, str(code), None) for code in (21212, 21603, 21606, 21659, 21660, 30002)],
        (refused(401, 20003), V.CONFIG_BAD, "20003", None),
        (refused(404, 20404), V.CONFIG_BAD, "20404", None),
        (refused(429, 20429), V.RETRY, "20429", R.THROTTLED),
        (refused(400, 30001), V.RETRY, "30001", R.THROTTLED),
        *[(refused(400, code), V.RETRY, str(code), R.SERVER) for code in (30003, 30008, 30017)],
        (refused(500, 20500), V.RETRY, "20500", R.UNKNOWN_OUTCOME),
        (Reply(401), V.CONFIG_BAD, "401", None),
        (Reply(403, b"<html>"), V.CONFIG_BAD, "403", None),
        (Reply(302), V.CONFIG_BAD, "302", None),
        (Reply(429), V.RETRY, "429", R.THROTTLED),
        (Reply(503), V.RETRY, "503", R.SERVER),
        (Reply(502, b"<html>"), V.RETRY, "502", R.UNKNOWN_OUTCOME),
        (Reply(504), V.RETRY, "504", R.UNKNOWN_OUTCOME),
        (Reply(418), V.MESSAGE_BAD, "418", None),
        (Reply(act=Act.NEVER), V.RETRY, "timeout", R.UNKNOWN_OUTCOME),
        (Reply(act=Act.REFUSE_STREAM), V.RETRY, "connection_lost", R.UNKNOWN_OUTCOME),
    ],
)
def test_every_row_of_the_code_table(
    vendor: StartVendor, authority: Authority, reply: Reply, verdict: Verdict, code: str, reason: RetryReason | None
) -> None:
    server = vendor(lambda seen: reply)
    result = send(server, authority, TEXT)[0]
    assert (result.verdict, result.vendor_code, result.retry_reason) == (verdict, code, reason)
    assert len(server.seen) == 1


def test_a_dropped_connection_that_was_used_before_sends_nothing_twice(
    vendor: StartVendor, authority: Authority
) -> None:
    visits: Counter[str] = Counter()

    def script(seen: Seen) -> Reply:
        visits[seen.path] += 1
        return Reply(201) if visits[seen.path] == 1 else Reply(act=Act.DROP_CONNECTION)

    server = vendor(script)
    assert send(server, authority, TEXT, rounds=2)[0].retry_reason is R.UNKNOWN_OUTCOME
    assert len(server.seen) == 2


def test_the_request(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201, b'{"sid": "SM1"}'))
    assert send(server, authority, TEXT)[0].vendor_message_id == "SM1"
    seen = server.seen[0]
    assert seen.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")) == f"{SID}:secret".encode()
    assert dict(parse_qsl(seen.body.decode())) == {
        "To": TEXT.to,
        "From": "Shop",
        "Body": TEXT.body,
        "StatusCallback": TEXT.callback_url,
    }


def test_a_messaging_service_is_named_as_such(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201))
    send(server, authority, TextMessage("r", "+48601234567", "Hi"), sender="MG" + "1" * 32)
    fields = dict(parse_qsl(server.seen[0].body.decode()))
    assert fields == {"To": "+48601234567", "MessagingServiceSid": "MG" + "1" * 32, "Body": "Hi"}


def test_a_text_that_cannot_be_encoded_harms_no_other(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201))
    results = send(server, authority, TEXT, TextMessage("r", "+48601234567", "\ud800"), TEXT)
    assert [result.verdict for result in results] == [V.ACCEPTED, V.MESSAGE_BAD, V.ACCEPTED]


FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}


@pytest.mark.parametrize(
    ("url", "form", "good"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", FORM, True),
        ("https://mycompany.com/myapp.php?foo=1&bar=3", FORM, False),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", {**FORM, "Digits": "9"}, False),
    ],
)
def test_twilios_own_example_of_a_signature(url: str, form: dict[str, str], good: bool) -> None:
    signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert is_signed(auth_token="12345", url=url, form=form, signature=signature) is good
