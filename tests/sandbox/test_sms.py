"""The SMS provider: forms in, Twilio's codes and signed reports out."""

import base64
import http.server
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from apps.sandbox.emulators.sms_callbacks import signature
from apps.sandbox.emulators.sms_parts import part_count
from tests.fixtures_sandbox import RunningSandbox

TO = "+48500100200"


class SmsClient:
    """Logged in to the shop's account."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.account = sandbox.credentials.app("shop").sms
        self._url = f"{sandbox.url}/2010-04-01/Accounts/{self.account.account_sid}/Messages"

    def send(self, password: str | None = None, **changes: str) -> tuple[int, Any]:
        """(status, JSON). changes: form fields, "" removes one."""
        form = {"To": TO, "From": self.account.sender, "Body": "Hello"} | changes
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        return self._call("POST", f"{self._url}.json", body, password)

    def read(self, sid: str) -> Any:
        return self._call("GET", f"{self._url}/{sid}.json", None, None)[1]

    def _call(self, method: str, url: str, body: bytes | None, password: str | None) -> tuple[int, Any]:
        login = f"{self.account.account_sid}:{password or self.account.auth_token}".encode()
        headers = {"authorization": "Basic " + base64.b64encode(login).decode()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, body, headers, method=method), timeout=60
            ) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture
def client(sandbox: RunningSandbox) -> SmsClient:
    return SmsClient(sandbox)


@dataclass
class Receiver:
    """A server that keeps the callbacks it gets."""

    url: str
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def wait(self, count: int) -> list[dict[str, str]]:
        deadline = time.monotonic() + 60
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return [fields for _, fields in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            kept.got.append((self.headers["x-twilio-signature"], dict(parse_qsl(body))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Receiver(f"http://127.0.0.1:{server.server_port}/reports?a=1")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def test_a_text_reaches_the_phone(sandbox: RunningSandbox, client: SmsClient) -> None:
    status, document = client.send(Body="ą" * 71)
    assert (status, document["status"], document["num_segments"]) == (201, "queued", "2")
    (kept,) = sandbox.inbox(token=TO)["messages"]
    assert (kept["gateway"], kept["body"], kept["notification_id"]) == ("sms", "ą" * 71, document["sid"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "500100200"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": ""}, 21603),
        ({"From": "+48500999999"}, 21606),
        ({"From": "Too long a sender"}, 21212),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"StatusCallback": "nowhere"}, 21609),
    ],
)
def test_a_bad_form_has_twilios_code(
    sandbox: RunningSandbox, client: SmsClient, changes: dict[str, str], code: int
) -> None:
    status, document = client.send(**changes)
    assert (status, document["code"], document["status"]) == (400, code, 400)
    assert sandbox.inbox()["count"] == 0


def test_a_wrong_password_is_20003(client: SmsClient) -> None:
    status, document = client.send(password="wrong")
    assert (status, document["code"]) == (401, 20003)


def test_a_name_or_a_service_may_stand_for_the_sender(client: SmsClient) -> None:
    assert client.send(From="Shop")[0] == 201
    assert client.send(From="", MessagingServiceSid="MG" + "0" * 32)[0] == 201


def test_reports_are_signed_and_in_order(client: SmsClient, receiver: Receiver) -> None:
    _, document = client.send(StatusCallback=receiver.url)
    reports = receiver.wait(2)
    assert [report["MessageStatus"] for report in reports] == ["sent", "delivered"]
    assert {report["MessageSid"] for report in reports} == {document["sid"]}
    for given, fields in receiver.got:
        assert given == signature(client.account.auth_token, receiver.url, fields)
    assert client.read(document["sid"])["status"] == "delivered"


def test_a_number_can_end_undelivered(client: SmsClient, receiver: Receiver) -> None:
    client.send(To="+48500100930", StatusCallback=receiver.url)
    assert [(report["MessageStatus"], report.get("ErrorCode")) for report in receiver.wait(2)] == [
        ("sent", None),
        ("undelivered", "30003"),
    ]


def test_drop_after_accept_leaves_the_text_on_the_phone(sandbox: RunningSandbox, client: SmsClient) -> None:
    sandbox.script("sms", "drop_after_accept", times=1)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        client.send()
    assert sandbox.inbox(token=TO)["count"] == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [("unregistered", 400, 21610), ("config_bad", 401, 20003), ("throttle", 429, 20429), ("server_error", 500, 20500)],
)
def test_a_script_has_twilios_code(
    sandbox: RunningSandbox, client: SmsClient, behaviour: str, status: int, code: int
) -> None:
    sandbox.script("sms", behaviour, times=1)
    answered, document = client.send()
    assert (answered, document["code"]) == (status, code)


def test_twilios_own_example_of_a_signature() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, fields) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ą" * 70, 1),
        ("👍" * 35, 1),
        ("👍" * 36, 2),
    ],
)
def test_parts_are_counted_as_networks_do(text: str, parts: int) -> None:
    assert part_count(text) == parts
