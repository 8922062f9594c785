"""The prepared campaign in a running house: web server, workers, beat and sandbox, each a process of its own."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_house import House, house
from tests.house import GENEROSITY

__all__ = ["house"]
pytestmark = pytest.mark.long


def wait_for(seconds: float, found: Callable[[], Any]) -> Any:
    """The first true value of `found`."""
    deadline = time.monotonic() + GENEROSITY * seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.5)
    pytest.fail(f"waited {seconds} s in vain")


def test_the_prepared_campaign_runs_to_its_last_sms(house: House) -> None:
    (draft,) = [one for one in house.read("/v2.1/campaigns")["data"] if one["state"] == "draft"]
    foreseen = house.manage("simulate_campaign", str(draft["id"])).splitlines()
    launched = house.manage("send_campaign", str(draft["id"]), "--now").splitlines()
    assert [line.split() for line in launched[-len(foreseen) :]] == [line.split() for line in foreseen]

    def report() -> dict[str, Any]:
        return dict(house.read(f"/v2.1/campaigns/{draft['id']}/report"))

    def texts() -> dict[str, Any]:
        return dict(report()["boost_rule"])

    ended = wait_for(120, lambda: report() if report()["state"] == "done" else None)
    assert "adds up" in house.manage("check_ledger", "--dispatch", str(ended["dispatch_id"]))
    accepted = ended["outcomes"]["accepted"]
    assert house.read(f"{house.sandbox_url}/_inbox")["distinct"] >= accepted > 0

    sent = wait_for(150, lambda: texts() if texts()["sent"] and not texts()["waiting"] else None)
    assert sent["sent"] == sent["chosen"] - sent["spared"] - sent["over_budget"] - sent["failed"]
    assert house.read(f"{house.sandbox_url}/_inbox")["distinct"] == accepted + sent["sent"]
    wait_for(60, lambda: texts()["delivered"])
    csv = house.manage("export_deliveries", "--dispatch", str(ended["dispatch_id"])).splitlines()
    assert len(csv) == 1 + ended["planned"]["devices"]
