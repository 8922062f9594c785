"""The demo world's browsers follow the sandbox, wherever it is started."""

import pytest

from apps.devices.demo import move_browsers
from apps.devices.services.device_fields import hash_address
from tests.factories import make_app, make_customer, make_device

pytestmark = pytest.mark.django_db
HERE = "https://127.0.0.1:9402"


def test_a_browser_known_under_two_addresses_moves_once() -> None:
    customer = make_customer(make_app())
    there = [make_device(customer, gateway="webpush", address=f"http://127.0.0.1:{port}/wp/one") for port in (1, 2)]
    other = make_device(customer, gateway="webpush", address="http://127.0.0.1:1/wp/two")
    make_device(customer, gateway="webpush", address=f"{HERE}/wp/two")
    assert move_browsers(app=customer.app, base_url=HERE) == 1
    assert move_browsers(app=customer.app, base_url=HERE) == 0
    for device in (*there, other):
        device.refresh_from_db()
    assert there[0].address == f"{HERE}/wp/one"
    assert bytes(there[0].address_hash) == hash_address(there[0].address)
    assert [there[1].address, other.address] == ["http://127.0.0.1:2/wp/one", "http://127.0.0.1:1/wp/two"]
