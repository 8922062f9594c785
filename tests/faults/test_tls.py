"""Gateways whose certificate cannot be trusted, or with whom no handshake succeeds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.deliveries.models import Retry
from apps.devices.models import Channel
from tests.faults.doors import ResettingDoor
from tests.faults.house import House
from tests.faults.proxy import Proxy
from tests.gateways.certificates import make_authority
from tests.gateways.vendor import Reply, Vendor

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = 30


@pytest.fixture(params=["fcm", "apns"])
def gateway(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def road(house: House, gateway: str) -> Iterator[Proxy]:
    """What stands between the workers and the gateway; where it leads is up to the test."""
    house.people(NUMBER, {"fcm": "android", "apns": "ios"}[gateway])
    with Proxy(house.port_of(gateway)) as proxy:
        house.lead_through(gateway, proxy.port)
        yield proxy


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        ({"days": -1}, "expired"),
        ({"host": "elsewhere.test"}, "certificate is not valid for"),
        ({"is_self_signed": True}, "self-signed"),
    ],
    ids=["expired", "wrong host", "self-signed"],
)
def test_a_certificate_that_cannot_be_trusted_stops_the_channel(
    house: House, gateway: str, road: Proxy, certificate: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """Nothing is said to a stranger, nobody fails, the reason stands at the channel; with a good one all goes on."""
    shown = make_authority(tmp_path, **certificate)
    house.trust(shown.ca_file, tmp_path / "both.pem")
    with Vendor(lambda seen: Reply(), shown.server_context) as stranger:
        road.lead_to(stranger.port)
        house.start_worker()
        dispatch = house.launch()
        stopped = Channel.objects.filter(state="paused", gateway=gateway)
        house.until(stopped.exists, seconds=30, what="stopped")
        reason = stopped.get().paused_reason
        assert reason.startswith("tls_untrusted The server's TLS certificate is not trusted")
        assert told in reason
        assert stranger.seen == []
        assert house.outcomes() == {}
    road.lead_to(house.port_of(gateway))
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": NUMBER}


def test_a_handshake_that_is_reset_is_tried_again(house: House, gateway: str, road: Proxy) -> None:
    with ResettingDoor() as door:
        road.lead_to(door.port)
        house.start_worker()
        dispatch = house.launch()
        house.until(lambda: Retry.objects.count() == NUMBER, seconds=30, what="tried in vain")
        assert door.resets > 0
        assert set(Retry.objects.values_list("reason", "may_have_arrived")) == {("tls_handshake", False)}
    road.lead_to(house.port_of(gateway))
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": NUMBER}
