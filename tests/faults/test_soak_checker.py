"""The soak's checker sees what is wrong: after a true campaign it is told other truths, and must object to each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apps.api.soak.checker import Checker
from apps.api.soak.house import House as HouseFromOutside
from apps.api.soak.journal import Journal, Owner, Promised, begin_ban
from apps.api.soak.world import World
from apps.customers.models import Customer
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Delivery
from apps.devices.models import Device
from tests.faults.house import House

pytestmark = pytest.mark.django_db(transaction=True)

Lie = Callable[[Journal], None]


def test_the_checker_objects_to_everything_that_is_not_so(house: House, tmp_path: Path) -> None:
    house.people(5)
    house.start_worker()
    dispatch = house.launch()
    house.until_done(dispatch, seconds=60)
    customer, device = Customer.objects.earliest("id"), Device.objects.earliest("id")
    key = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk, "variant": 0}

    def broken(lie: Lie) -> str:
        journal = Journal(tmp_path / "log")
        lie(journal)
        outside = HouseFromOutside(up_pid=0, data_dir=tmp_path, sandbox_port=house.sandbox.port)
        zones = dict.fromkeys(Customer.objects.values_list("id", flat=True), "UTC")
        world = World(house.app.pk, "", {}, zones, [], [], [])
        return "\n".join(Checker(outside, world, journal, {}, crashes=0).verdict().broken)

    assert broken(lambda journal: None) == ""
    assert "s after: opted out" in broken(lambda journal: begin_ban(journal.opted_out[customer.pk], 0.0, "opted out"))
    assert "s after: erased" in broken(lambda journal: begin_ban(journal.erased[customer.pk], 0.0, "erased"))
    assert "whose device it was no more" in broken(
        lambda journal: journal.owners[device.pk].append(Owner(customer.pk, 0.0, 1.0))
    )
    nobody = make_delivery_id(device_id=device.pk + 1_000_000, **key)
    assert "has no outcome" in broken(lambda journal: journal.promised.append(Promised("1", [nobody])))
    Delivery.objects.filter(device_id=device.pk).update(outcome=5)
    assert "arrived, but is called cancelled" in broken(lambda journal: None)
    Delivery.objects.filter(device_id=device.pk).delete()
    assert {"is not in the ledger", "planned = plan + retry + ledger"} <= _words(broken(lambda journal: None))


def _words(told: str) -> set[str]:
    return {word for word in ("is not in the ledger", "planned = plan + retry + ledger") if word in told}
