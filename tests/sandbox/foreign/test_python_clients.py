"""The vendors' own Python libraries against the sandbox: each delivers, and understands what it is refused for."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from typing import Any

import firebase_admin
import pytest
import requests
from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsDevelopmentClientProtocol, APNsTLSClientProtocol
from firebase_admin import credentials, messaging
from pywebpush import WebPushException, webpush
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from apps.gateways.contract import ApnsCredentials
from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.test_sms import Receiver, receiver

__all__ = ["receiver"]


@pytest.fixture
def firebase(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a Firebase app of a service account, aimed at the sandbox."""
    made: list[firebase_admin.App] = []
    address = sandbox.url + "/v1/projects/{0}/messages:send"
    monkeypatch.setattr("firebase_admin.messaging._MessagingService.FCM_URL", address)
    # google-auth would ask Google, beside the send, which regions the account may use: no test leaves this machine.
    monkeypatch.setattr(
        "google.auth.credentials.CredentialsWithRegionalAccessBoundary._is_regional_access_boundary_lookup_required",
        lambda _credentials: False,
    )

    def make(slug: str = "shop", **changes: str) -> firebase_admin.App:
        account = {**sandbox.credentials.app(slug).fcm.service_account, **changes}
        made.append(firebase_admin.initialize_app(credentials.Certificate(account), name=f"app{len(made)}"))
        return made[-1]

    yield make
    for app in made:
        firebase_admin.delete_app(app)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_firebase_admin_delivers(sandbox: RunningSandbox, firebase: Any) -> None:
    android = messaging.AndroidConfig(ttl=3600, priority="high", notification=messaging.AndroidNotification(tag="n1"))
    notice = messaging.Notification(title="Hi", body="There")
    message = messaging.Message(token="ok-py", notification=notice, data={"nid": "n1"}, android=android)
    assert messaging.send(message, app=firebase()).startswith("projects/heliograph-shop/messages/")
    assert sandbox.inbox(token="ok-py")["messages"][0]["notification_id"] == "n1"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_firebase_admin_understands_the_refusals(firebase: Any) -> None:
    app = firebase()
    with pytest.raises(messaging.UnregisteredError):
        messaging.send(messaging.Message(token="dead-py"), app=app)
    with pytest.raises(firebase_admin.exceptions.InvalidArgumentError):
        messaging.send(messaging.Message(token="bad-py"), app=app)
    other = firebase(project_id="heliograph-nobody")
    with pytest.raises(firebase_admin.exceptions.NotFoundError):
        messaging.send(messaging.Message(token="ok-py"), app=other)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_firebase_admin_is_refused_with_a_strange_account(firebase: Any) -> None:
    strange = firebase(client_email="nobody@nowhere.iam.gserviceaccount.com")
    with pytest.raises(Exception, match="account not found"):
        messaging.send(messaging.Message(token="ok-py"), app=strange)


def send_by_aioapns(sandbox: RunningSandbox, apns: ApnsCredentials, tokens: list[str]) -> list[tuple[str, str | None]]:
    """(status, reason) of one notification for each token."""

    async def send() -> list[tuple[str, str | None]]:
        context = ssl.create_default_context(cafile=sandbox.ca_file)
        client = APNs(
            key=apns.key_p8, key_id=apns.key_id, team_id=apns.team_id, topic=apns.topic, use_sandbox=True,
            ssl_context=context, max_connections=1,
        )  # fmt: skip
        message = {"aps": {"alert": "Hi"}, "nid": "n1"}
        requests = [NotificationRequest(token, message, push_type=PushType.ALERT) for token in tokens]
        results = [await asyncio.wait_for(client.send_notification(request), 60) for request in requests]
        client.pool.close()
        return [(result.status, result.description) for result in results]

    return asyncio.run(send())


@pytest.fixture
def aimed_aioapns(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(APNsDevelopmentClientProtocol, "APNS_SERVER", "localhost")
    monkeypatch.setattr(APNsTLSClientProtocol, "APNS_PORT", sandbox.port + 1)


@pytest.mark.usefixtures("aimed_aioapns")
def test_aioapns_delivers_and_understands_the_refusals(sandbox: RunningSandbox) -> None:
    apns = sandbox.credentials.app("shop").apns
    tokens = ["aa" * 32, "dead0000" + "aa" * 28, "bad00000" + "aa" * 28, "bb" * 32]
    results = send_by_aioapns(sandbox, apns, tokens)
    assert results == [("200", None), ("410", "Unregistered"), ("400", "BadDeviceToken"), ("200", None)]
    assert sandbox.inbox()["count"] == 2


@pytest.mark.usefixtures("aimed_aioapns")
def test_aioapns_is_refused_with_a_strange_key(sandbox: RunningSandbox) -> None:
    apns, news = (sandbox.credentials.app(slug).apns for slug in ("shop", "news"))
    strange = ApnsCredentials(news.key_p8, apns.key_id, apns.team_id, apns.topic)
    assert send_by_aioapns(sandbox, strange, ["aa" * 32]) == [("403", "InvalidProviderToken")]


def send_by_pywebpush(sandbox: RunningSandbox, slug: str, key_of: str, fate: str = "ok") -> int:
    _, made = sandbox.call("POST", "/_subscriptions", {"app": slug, "fate": fate})
    vapid = sandbox.credentials.app(key_of).vapid
    session = requests.Session()
    session.verify, session.trust_env = sandbox.ca_file, False
    subscription = {"endpoint": made["endpoint_tls"], "keys": made["keys"]}
    answer = webpush(
        subscription,
        json.dumps({"title": "Hi", "nid": "n1"}),
        vapid_private_key=vapid.private_key,
        vapid_claims={"sub": vapid.subject},
        ttl=60,
        requests_session=session,
    )
    return int(answer.status_code)


def test_pywebpush_delivers(sandbox: RunningSandbox) -> None:
    assert send_by_pywebpush(sandbox, "shop", "shop") == 201
    assert sandbox.inbox()["messages"][0]["payload"] == {"title": "Hi", "nid": "n1"}


@pytest.mark.parametrize(
    ("key_of", "fate", "status"), [("news", "ok", 403), ("shop", "dead", 410), ("shop", "bad", 404)]
)
def test_pywebpush_understands_the_refusals(sandbox: RunningSandbox, key_of: str, fate: str, status: int) -> None:
    sandbox.credentials.app("news")
    with pytest.raises(WebPushException) as refusal:
        send_by_pywebpush(sandbox, "shop", key_of, fate)
    assert refusal.value.response.status_code == status


class Redirected(TwilioHttpClient):
    """Twilio's own client with another address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._address), *args, **options)


def test_twilio_delivers_and_its_validator_trusts_the_reports(sandbox: RunningSandbox, receiver: Receiver) -> None:
    account = sandbox.credentials.app("shop").sms
    client = Client(account.account_sid, account.auth_token, http_client=Redirected(sandbox.url))
    made = client.messages.create(to="+48500100200", from_=account.sender, body="Hi", status_callback=receiver.url)
    assert made.status == "queued"
    assert [report["MessageStatus"] for report in receiver.wait(2)] == ["sent", "delivered"]
    validator = RequestValidator(account.auth_token)
    assert all(validator.validate(receiver.url, fields, given) for given, fields in receiver.got)
    assert client.messages(made.sid).fetch().status == "delivered"


def test_twilio_is_refused_with_its_own_codes(sandbox: RunningSandbox) -> None:
    account = sandbox.credentials.app("shop").sms
    wrong = Client(account.account_sid, "0" * 32, http_client=Redirected(sandbox.url))
    right = Client(account.account_sid, account.auth_token, http_client=Redirected(sandbox.url))
    for client, number, code in ((wrong, "+48500100200", 20003), (right, "+15005550004", 21610)):
        with pytest.raises(TwilioRestException) as refusal:
            client.messages.create(to=number, from_=account.sender, body="Hi")
        assert refusal.value.code == code
