"""The benchmark's sink answers the real clients and counts what it was given."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.deliveries.bench_sink import OpenSink, open_sink
from apps.gateways.contract import Endpoints, PushContent, PushMessage, Verdict, WireKind
from apps.gateways.factory import make_gateway
from apps.gateways.loop import run
from apps.sandbox import sink
from tests.house import wait_for

pytestmark = pytest.mark.skipif(not sink.is_available(), reason="install nginx-light and libnginx-mod-http-echo")


@pytest.fixture(params=["curl", "lean"])
def wire(request: pytest.FixtureRequest) -> WireKind:
    return request.param


@pytest.fixture(params=["fcm", "apns", "webpush"])
def opened(request: pytest.FixtureRequest, settings, tmp_path: Path) -> Iterator[tuple[str, OpenSink]]:
    settings.DATA_DIR = tmp_path
    with open_sink({"gateway": request.param, "sink_delay_ms": 10, "workers": 1}) as running:
        yield request.param, running


def test_every_gateway_is_answered_counted_and_timed(opened: tuple[str, OpenSink], wire: WireKind) -> None:
    gateway, running = opened
    begun = time.time()
    verdicts = run(_send(gateway, running, wire, copies=2))
    ended = time.time()
    assert verdicts == [Verdict.ACCEPTED] * 10
    wait_for(lambda: len(running.arrivals()) == 5, 30)
    assert all(begun - 1 < at < ended + 1 for at in running.arrivals().values())
    assert running.distinct() == 5


async def _send(gateway: str, running: OpenSink, wire: WireKind, *, copies: int) -> list[Verdict]:
    account, port = running.credentials.app("bench"), running.house.sandbox_ports[2]
    endpoints = Endpoints(
        fcm_base_url=running.credentials.base_url_tls,
        apns_host="127.0.0.1",
        apns_port=port,
        webpush_allowed_hosts=("127.0.0.1",),
        ca_file=str(running.house.data_dir / "sandbox-ca.pem"),
        wire=wire,
    )
    credentials = {"fcm": account.fcm, "apns": account.apns, "webpush": account.vapid}[gateway]
    opened = make_gateway(gateway, credentials, endpoints)
    await opened.open()
    try:
        messages = [_message(running, gateway, number) for number in range(5)] * copies
        return [result.verdict for result in await opened.send(messages)]
    finally:
        await opened.close()


def _message(running: OpenSink, gateway: str, number: int) -> PushMessage:
    subscription = running.credentials.subscription_for(f"{number}.bench")
    return PushMessage(
        notification_id=f"{number:040}",
        address=subscription.endpoint if gateway == "webpush" else f"{number:064}",
        content=PushContent(title="Hello", body="World"),
        expires_at=4e9,
        environment="production",
        webpush_p256dh=subscription.p256dh,
        webpush_auth=subscription.auth,
    )
