"""The four gateways against the sandbox, which speaks the vendors' protocols and was written by other hands."""

import secrets
import uuid
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from apps.gateways.apns import ApnsGateway
from apps.gateways.contract import (
    FcmCredentials,
    Gateway,
    PushContent,
    PushMessage,
    RetryReason,
    TextMessage,
    Verdict,
    WireKind,
)
from apps.gateways.factory import make_gateway
from apps.gateways.fcm import FcmGateway
from apps.gateways.twilio import TwilioGateway
from apps.gateways.webpush import WebPushGateway
from apps.gateways.wire import WireLimits
from tests.fixtures_sandbox import RunningSandbox
from tests.gateways.conftest import push, run, send_all

Kind = Literal["fcm", "apns", "webpush"]
KINDS: tuple[Kind, ...] = ("fcm", "apns", "webpush")
V, R = Verdict, RetryReason
PATIENT, QUICK = WireLimits(connections=3), WireLimits(connections=3, deadline_seconds=3.0)


@dataclass(frozen=True, slots=True)
class Bench:
    """One gateway of the default app, and messages for it. login_of: the app whose keys are used."""

    kind: Kind
    sandbox: RunningSandbox
    login_of: str = "shop"
    wire: WireKind = "curl"

    def gateway(self, limits: WireLimits = PATIENT) -> Gateway:
        app, endpoints = self.sandbox.credentials.app(self.login_of), replace(self.sandbox.endpoints, wire=self.wire)
        match self.kind:
            case "fcm":
                account = {**app.fcm.service_account, "project_id": "heliograph-shop"}
                return FcmGateway(FcmCredentials(account), endpoints, limits=limits)
            case "apns":
                return ApnsGateway(replace(app.apns, topic="app.heliograph.shop"), endpoints, limits=limits)
            case "webpush":
                return WebPushGateway(app.vapid, endpoints, limits=limits)

    def message(self, content: PushContent | None = None, nid: str = "") -> PushMessage:
        nid = nid or uuid.uuid4().hex
        if self.kind != "webpush":
            return push(secrets.token_hex(32), content=content, nid=nid)
        subscription = self.sandbox.credentials.subscription_for(f"t{secrets.token_hex(8)}")
        keys = {"webpush_p256dh": subscription.p256dh, "webpush_auth": subscription.auth}
        return push(subscription.endpoint, content=content, nid=nid, **keys)

    def name_of(self, message: PushMessage) -> str:
        """What scripts and the inbox call the device."""
        return message.address.rpartition("/")[2]


@pytest.fixture(params=["curl", "lean"])
def wire(request: pytest.FixtureRequest) -> WireKind:
    return request.param


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, sandbox: RunningSandbox, wire: WireKind) -> Bench:
    return Bench(request.param, sandbox, wire=wire)


def test_every_message_arrives_once_with_its_content(bench: Bench) -> None:
    content = PushContent("Zażółć", "jaźń 👍", link="https://x.test/sale", image_url="https://x.test/i.png")
    messages = [bench.message(content) for _ in range(150)]
    results = send_all(bench.gateway(), messages)[0]
    inbox = bench.sandbox.inbox(app="shop", limit="1000")
    assert {result.verdict for result in results} == {V.ACCEPTED}
    assert all(result.vendor_message_id for result in results)
    assert (inbox["count"], inbox["distinct"]) == (150, 150)
    assert {shown["notification_id"] for shown in inbox["messages"]} == {
        message.notification_id for message in messages
    }
    assert {(shown["title"], shown["body"]) for shown in inbox["messages"]} == {("Zażółć", "jaźń 👍")}


def test_a_second_copy_replaces_the_first(bench: Bench) -> None:
    message = bench.message()
    send_all(bench.gateway(), [message], [message])
    inbox = bench.sandbox.inbox(token=bench.name_of(message))
    assert (inbox["count"], inbox["distinct"]) == (2, 1)
    assert sorted(shown["replaced"] for shown in inbox["messages"]) == [False, True]


@pytest.mark.parametrize(
    ("behaviour", "verdict", "reason", "arrives"),
    [
        ("ok", V.ACCEPTED, None, True),
        ("unregistered", V.TOKEN_DEAD, None, False),
        ("expired_token", V.TOKEN_DEAD, None, False),
        ("bad_token", V.TOKEN_DEAD, None, False),
        ("not_for_topic", V.TOKEN_DEAD, None, False),
        ("payload_bad", V.MESSAGE_BAD, None, False),
        ("throttle", V.RETRY, R.THROTTLED, False),
        ("server_error", V.RETRY, R.SERVER, False),
        ("html_error", V.RETRY, R.SERVER, False),
        ("never", V.RETRY, R.UNKNOWN_OUTCOME, False),
        ("reset", V.RETRY, R.UNKNOWN_OUTCOME, False),
        ("drop_after_accept", V.RETRY, R.UNKNOWN_OUTCOME, True),
        ("drop_before_headers", V.RETRY, R.UNKNOWN_OUTCOME, False),
        ("drop_after_headers", V.ACCEPTED, None, True),
    ],
)
def test_what_a_device_may_meet(
    bench: Bench, behaviour: str, verdict: Verdict, reason: RetryReason | None, arrives: bool
) -> None:
    good, bad = bench.message(), bench.message()
    bench.sandbox.script(bench.kind, behaviour, bench.name_of(bad))
    first, second = send_all(bench.gateway(QUICK), [good], [bad._replace(content=good.content)])
    assert first[0].verdict is V.ACCEPTED
    assert (second[0].verdict, second[0].retry_reason) == (verdict, reason)
    assert bench.sandbox.inbox(token=bench.name_of(bad))["count"] == int(arrives)


def test_goaway_is_never_taken_for_an_acceptance(bench: Bench) -> None:
    message = bench.message()
    bench.sandbox.script(bench.kind, "goaway", bench.name_of(message), times=1)
    result = send_all(bench.gateway(), [message])[0][0]
    arrived = bench.sandbox.inbox(token=bench.name_of(message))["count"]
    assert (result.verdict is V.ACCEPTED) == (arrived == 1)
    assert result.verdict in (V.ACCEPTED, V.RETRY)


def test_a_vendor_who_rejects_the_configuration_retires_nobody(bench: Bench) -> None:
    bench.sandbox.script(bench.kind, "config_bad")
    results = send_all(bench.gateway(), [bench.message() for _ in range(12)])[0]
    assert {result.verdict for result in results} == {V.CONFIG_BAD}


def test_retry_after_is_heeded(bench: Bench) -> None:
    message = bench.message()
    bench.sandbox.script(bench.kind, "throttle", bench.name_of(message), retry_after=17)
    assert send_all(bench.gateway(), [message])[0][0].retry_after_seconds == 17.0


def test_another_teams_credentials_are_refused(bench: Bench) -> None:
    stranger = replace(bench, login_of="stranger").gateway()
    assert send_all(stranger, [bench.message()])[0][0].verdict is V.CONFIG_BAD


def test_fcm_says_when_a_token_is_none_only_if_the_payload_is_proven(sandbox: RunningSandbox) -> None:
    bench = Bench("fcm", sandbox)
    bad = bench.message()
    sandbox.script("fcm", "bad_token", bench.name_of(bad))
    assert send_all(bench.gateway(), [bad])[0][0].verdict is V.MESSAGE_BAD


def test_bearer_tokens_that_expire_at_once_are_renewed(sandbox: RunningSandbox) -> None:
    sandbox.call("POST", "/_limits", {"fcm_per_minute": 0, "bearer_seconds": 1, "apns_token_updates": False})
    bench = Bench("fcm", sandbox)
    results = send_all(bench.gateway(), *([bench.message()] for _ in range(3)))
    assert [result.verdict for (result,) in results] == [V.ACCEPTED] * 3


def test_apple_never_sees_more_than_one_provider_token(sandbox: RunningSandbox) -> None:
    sandbox.call("POST", "/_limits", {"fcm_per_minute": 0, "bearer_seconds": 3599, "apns_token_updates": True})
    bench = Bench("apns", sandbox)
    results = [send_all(bench.gateway(), [bench.message() for _ in range(20)])[0] for _ in range(4)]
    assert {result.verdict for each in results for result in each} == {V.ACCEPTED}


def test_sms_arrive_and_their_fates_are_told(sandbox: RunningSandbox) -> None:
    fates = {"+48601000001": "", "+15005550004": "21610", "+15005550009": "21614", "+15005550001": "21211"}
    gateway = make_gateway("sms", sandbox.credentials.app().sms, sandbox.endpoints)
    texts = [TextMessage(number, number, "Zażółć") for number in fates]

    async def work() -> list[tuple[Verdict, str]]:
        await gateway.open()
        results = await gateway.send(texts)
        await gateway.close()
        return [(result.verdict, result.vendor_code) for result in results]

    assert run(work()) == [(V.TOKEN_DEAD if code else V.ACCEPTED, code) for code in fates.values()]
    assert sandbox.inbox(token="+48601000001")["count"] == 1


@pytest.mark.parametrize("behaviour", ["never", "drop_after_accept", "reset", "goaway"])
def test_an_sms_without_an_answer_has_an_unknown_outcome(sandbox: RunningSandbox, behaviour: str) -> None:
    sandbox.script("sms", behaviour)
    limits = WireLimits(connections=2, deadline_seconds=3.0, trust_refusals=False)
    gateway = TwilioGateway(sandbox.credentials.app().sms, sandbox.endpoints, limits=limits)

    async def work() -> RetryReason | None:
        await gateway.open()
        results = await gateway.send([TextMessage("r", "+48601000001", "Hi")])
        await gateway.close()
        return results[0].retry_reason

    assert run(work()) is R.UNKNOWN_OUTCOME
