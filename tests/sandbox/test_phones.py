"""The phones page's list, its files, taps, and receipts that phones send by themselves."""

import http.client
import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from apps.sandbox.emulators.sms_callbacks import signature
from tests.fixtures_sandbox import RunningSandbox, start_sandbox, stop_sandbox
from tests.sandbox.fcm_client import FcmClient
from tests.sandbox.test_sms import SmsClient

MESSAGE = {
    "token": "ok-anna",
    "notification": {"title": "Hi", "body": "There"},
    "data": {"nid": "n1", "deep_link": "shop://1", "buttons": '[{"id": "buy", "label": "Buy", "link": "shop://2"}]'},
}


@dataclass
class Product:
    """A server in the product's place that keeps the receipts it gets."""

    url: str
    got: list[tuple[str, Any]] = field(default_factory=list)
    forms: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def wait(self, count: int) -> list[dict[str, str]]:
        """The receipts, once there are so many."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            receipts = [receipt for _, body in self.got for receipt in body["receipts"]]
            if len(receipts) >= count:
                break
            time.sleep(0.02)
        return receipts


@pytest.fixture
def product() -> Iterator[Product]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            if self.path == "/v2.1/receipts":
                kept.got.append((self.headers["authorization"], json.loads(text)))
            else:
                kept.forms.append((self.path, self.headers["x-twilio-signature"], dict(parse_qsl(text))))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Product(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def demo(sandbox: RunningSandbox, product: Product) -> Iterator[RunningSandbox]:
    """A sandbox beside which the demo's logins lie."""
    logins = sandbox.data_dir / "demo-logins.json"
    logins.write_text(json.dumps({"url": product.url, "app": "shop", "api_keys": {"publishable": "hg_pub_1"}}))
    yield sandbox
    logins.unlink()


def listed(sandbox: RunningSandbox, query: str = "") -> Any:
    return sandbox.call("GET", f"/_phones/list?{query}")[1]


def get(sandbox: RunningSandbox, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse()


def test_a_phone_shows_what_a_person_would_see(sandbox: RunningSandbox) -> None:
    FcmClient(sandbox).send(MESSAGE)
    (phone,) = listed(sandbox)["phones"]
    assert (phone["kind"], phone["app"], phone["count"]) == ("android", "shop", 1)
    (message,) = phone["messages"]
    assert (message["title"], message["body"], message["link"]) == ("Hi", "There", "shop://1")
    assert message["buttons"] == [{"id": "buy", "label": "Buy", "link": "shop://2"}]


def test_phones_are_found_by_app_and_by_token(sandbox: RunningSandbox) -> None:
    FcmClient(sandbox).send({"token": "ok-anna"})
    FcmClient(sandbox, "news").send({"token": "ok-bob"})
    assert [phone["token"] for phone in listed(sandbox)["phones"]] == ["ok-bob", "ok-anna"]
    assert [phone["token"] for phone in listed(sandbox, "app=shop")["phones"]] == ["ok-anna"]
    assert [phone["token"] for phone in listed(sandbox, "token=bob")["phones"]] == ["ok-bob"]


def test_a_replaced_copy_is_not_shown(sandbox: RunningSandbox) -> None:
    client = FcmClient(sandbox)
    for title in ("first", "second"):
        tagged = {"notification": {"tag": "n1"}}
        client.send({"token": "t", "notification": {"title": title}, "android": tagged})
    (phone,) = listed(sandbox)["phones"]
    assert (phone["count"], [message["title"] for message in phone["messages"]]) == (2, ["second"])


def test_no_news_is_no_content(sandbox: RunningSandbox) -> None:
    version = listed(sandbox)["version"]
    assert get(sandbox, f"/_phones/list?version={version}").status == 204
    FcmClient(sandbox).send({"token": "t"})
    assert get(sandbox, f"/_phones/list?version={version}").status == 200


def test_a_tap_sends_the_receipt_with_the_publishable_key(demo: RunningSandbox, product: Product) -> None:
    FcmClient(demo).send(MESSAGE)
    number = listed(demo)["phones"][0]["messages"][0]["number"]
    tap = {"token": "ok-anna", "number": number, "type": "clicked", "action": "buy"}
    assert demo.call("POST", "/_phones/tap", tap)[0] == 202
    (receipt,) = product.wait(1)
    assert (receipt["delivery_id"], receipt["type"], receipt["action"]) == ("n1", "clicked", "buy")
    assert product.got[0][0] == "Bearer hg_pub_1"
    shown = listed(demo)["phones"][0]["messages"][0]["receipts"]
    assert shown == [{"type": "clicked", "action": "buy", "result": "202"}]


def test_a_reply_to_a_text_comes_as_twilio_sends_it(demo: RunningSandbox, product: Product) -> None:
    client = SmsClient(demo)
    client.send(To="+48500100200")
    number = listed(demo)["phones"][0]["messages"][0]["number"]
    demo.call("POST", "/_phones/tap", {"token": "+48500100200", "number": number, "type": "reply", "action": "STOP"})
    deadline = time.monotonic() + 60
    while not product.forms and time.monotonic() < deadline:
        time.sleep(0.02)
    ((path, given, fields),) = product.forms
    assert (path, fields["From"], fields["To"], fields["Body"]) == (
        "/v2.1/callbacks/sms/twilio",
        "+48500100200",
        client.account.sender,
        "STOP",
    )
    assert given == signature(client.account.auth_token, product.url + path, fields)


def test_another_apps_notification_says_why_it_has_no_receipt(demo: RunningSandbox) -> None:
    FcmClient(demo, "news").send(MESSAGE)
    number = listed(demo)["phones"][0]["messages"][0]["number"]
    demo.call("POST", "/_phones/tap", {"token": "ok-anna", "number": number, "type": "opened"})
    assert listed(demo)["phones"][0]["messages"][0]["receipts"][0]["result"] == "only shop has a key here"


@pytest.mark.parametrize(
    "tap", [{}, {"token": "t", "number": "x", "type": "opened"}, {"token": "t", "number": 1, "type": "opened"}]
)
def test_a_bad_tap_is_400(sandbox: RunningSandbox, tap: dict[str, Any]) -> None:
    assert sandbox.call("POST", "/_phones/tap", tap)[0] == 400


@pytest.mark.parametrize("name", ["", "/phones.css", "/devices.css", "/phones.js", "/devices.js", "/logo.svg"])
def test_the_pages_files_come_under_a_strict_policy(sandbox: RunningSandbox, name: str) -> None:
    answer = get(sandbox, f"/_phones{name}")
    policy = answer.headers["content-security-policy"]
    assert answer.status == 200
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["/../settings.py", "/nothing.js"])
def test_no_other_file_is_served(sandbox: RunningSandbox, name: str) -> None:
    assert get(sandbox, f"/_phones{name}").status == 404


def test_phones_report_by_themselves_where_told(tmp_path: Path, product: Product) -> None:
    (tmp_path / "demo-logins.json").write_text(json.dumps({"url": product.url, "api_keys": {"publishable": "k"}}))
    sandbox = start_sandbox(tmp_path, options=("--receipts",))
    try:
        FcmClient(sandbox).send(MESSAGE)
        assert [receipt["type"] for receipt in product.wait(2)] == ["received", "displayed"]
    finally:
        stop_sandbox(sandbox)
