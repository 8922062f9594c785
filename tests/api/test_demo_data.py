"""The demo world: whole, the same each time, and mended by a second run."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count

from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations.readiness import automation_problems
from apps.customers.models import Customer
from apps.deliveries.services.checks import check_ledger
from apps.devices.models import Channel, Device
from apps.segments.models import Segment

pytestmark = pytest.mark.django_db


@pytest.fixture
def load(settings: Any, tmp_path: Path) -> Any:
    settings.DATA_DIR = tmp_path

    def run(**options: Any) -> dict[str, Any]:
        call_command("demo_data", **{"customers": 300, "events": 2_000, **options})
        logins: dict[str, Any] = json.loads((tmp_path / "demo-logins.json").read_text())
        return logins

    return run


def test_the_world_has_people_segments_history_and_one_draft(load: Any) -> None:
    logins = load()
    assert set(logins["users"]) == {"owner", "marketer", "approver", "developer", "analyst"}
    assert Customer.objects.filter(app__slug="shop").count() == 300
    assert Segment.objects.filter(app__slug="shop").count() == 6
    states = dict(Campaign.objects.values_list("state").annotate(total=Count("id")))
    assert states == {"finished": 6, "draft": 1}
    assert check_ledger() == []
    cart = Automation.objects.get(app__slug="shop")
    assert cart.state == "draft"
    assert automation_problems(cart) == []


def test_a_second_run_keeps_the_world_and_says_how_to_make_it_anew(
    load: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, people = load(), Customer.objects.count()
    assert load() == first
    assert Customer.objects.count() == people
    assert "manage.py demo_data --reset" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_the_same_seed_makes_the_same_people(load: Any) -> None:
    load()
    first = list(Customer.objects.order_by("id").values_list("external_id", "first_name", "phone", "traits__city"))
    load(reset=True)
    assert first == list(
        Customer.objects.order_by("id").values_list("external_id", "first_name", "phone", "traits__city")
    )


def test_a_moved_sandbox_takes_its_browsers_along_but_nobody_erased(load: Any) -> None:
    load(sandbox_port=9400)
    browsers = Device.objects.filter(app__slug="shop", gateway="webpush")
    erased = browsers.order_by("id").first()
    assert erased is not None
    Device.objects.filter(pk=erased.pk).update(address="")
    load(sandbox_port=9500)
    moved = set(browsers.exclude(pk=erased.pk).values_list("address", flat=True))
    assert moved
    assert all(address.startswith("https://127.0.0.1:9502/wp/") for address in moved)
    account = Channel.objects.get(app__slug="shop", gateway="fcm").credentials["service_account"]
    assert ":9500/" in account["token_uri"]
