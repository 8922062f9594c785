"""Test devices: marked by hand, or by whoever holds the device and has the code."""

from datetime import timedelta

import pytest

from apps.accounts.models import App, AuditEntry
from apps.core.problems import Conflict
from apps.devices.models import PairedDevice
from apps.devices.services import pairing
from tests.factories import make_app, make_customer, make_device, make_user
from tests.factories.people import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def test_a_code_names_its_app_for_a_quarter_of_an_hour(app: App) -> None:
    user = make_user(app, role="marketer")
    code = pairing.make_code(app=app, user=user, now=NOW)
    assert pairing.read_code(code, now=NOW + timedelta(minutes=14)) == pairing.PairingCode(app.pk, user.pk)
    assert pairing.read_code(code, now=NOW + timedelta(minutes=15)) is None
    assert pairing.read_code(code[:-1] + ("A" if code[-1] != "A" else "B"), now=NOW) is None


def test_a_device_is_paired_once_and_may_get_another_name(app: App) -> None:
    device = make_device(make_customer(app))
    for name in ("Ola's  phone", "Ola"):
        pairing.pair_device(device=device, name=name, user=None, now=NOW)
    assert PairedDevice.objects.get().name == "Ola"
    assert AuditEntry.objects.filter(action="device.paired").count() == 1


def test_a_dead_device_is_refused(app: App) -> None:
    with pytest.raises(Conflict, match="gone from this device"):
        pairing.pair_device(device=make_device(make_customer(app), state="dead"), name="", user=None, now=NOW)


def test_an_app_has_so_many_and_no_more(app: App) -> None:
    *most, last = (make_device(make_customer(app)) for _ in range(pairing.MOST + 1))
    for device in most:
        pairing.pair_device(device=device, name="", user=None, now=NOW)
    with pytest.raises(Conflict, match=f"{pairing.MOST} test devices already"):
        pairing.pair_device(device=last, name="", user=None, now=NOW)
    assert PairedDevice.objects.count() == pairing.MOST


def test_unpaired_it_is_a_device_like_any_other(app: App) -> None:
    user, device = make_user(app, role="marketer"), make_device(make_customer(app))
    paired = pairing.pair_device(device=device, name="one", user=user, now=NOW)
    pairing.unpair_device(paired=paired, user=user, now=NOW)
    assert not PairedDevice.objects.exists()
    assert AuditEntry.objects.filter(action="device.unpaired", actor=user.username).exists()
