"""The pages of opt-in and hygiene: one's own apps, charts with their numbers, CSV, and the way out of a mass loss."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.customers.services.consent_days import count_consent_days
from apps.devices.models import Device
from apps.devices.services.device_days import count_device_days
from tests.factories import make_app, make_channel, make_customer, make_device, make_user

pytestmark = pytest.mark.django_db
OPT_IN, HYGIENE = "/admin/people/opt-in/", "/admin/people/hygiene/"


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def owner(app: App) -> Client:
    client = Client()
    client.force_login(make_user(app, role="owner"))
    return client


def fill(app: App) -> None:
    then = timezone.now() - timedelta(days=3)
    seen: dict[str, Any] = {"created_at": then, "last_seen_at": timezone.now()}
    for answer in (None, None, None, False):
        make_device(make_customer(app, push_consent=answer, created_at=then), **seen)
    make_device(make_customer(app), state="dead", retired_reason="UNREGISTERED", retired_at=timezone.now(), **seen)
    count_device_days(now=timezone.now())
    count_consent_days(now=timezone.now())


def test_opt_in_is_shown_and_taken_away_as_csv(app: App, owner: Client) -> None:
    fill(app)
    fill(make_app(slug="foreign", name="Foreign"))
    html = owner.get(OPT_IN).content.decode()
    assert "3 of 4 devices" in html
    assert "4 days, " in html
    assert "nothing is known of the days before" in html
    assert "Foreign" not in html
    lines = list(csv.DictReader(StringIO(owner.get(f"{OPT_IN}?csv=devices").getvalue().decode())))
    assert {line["app"] for line in lines} == {"shop"}
    assert len(lines) == 4
    assert (lines[-1]["opted_in"], lines[-1]["opt_in_percent"], lines[-1]["dead"]) == ("3", "75.0", "1")
    people = list(csv.DictReader(StringIO(owner.get(f"{OPT_IN}?csv=people").getvalue().decode())))
    assert {line["channel"] for line in people} == {"push", "sms"}


def test_hygiene_names_the_reasons_and_restores_a_mass_loss(app: App, owner: Client) -> None:
    fill(app)
    channel = make_channel(app)
    Device.objects.filter(state="active").update(state="quarantined", retired_at=timezone.now())
    html = owner.get(HYGIENE).content.decode()
    assert "Gone, says the vendor" in html
    assert "4 devices of" in html
    action = f"/admin/devices/channel/{channel.pk}/restore/"
    assert f'action="{action}"' in html
    owner.post(action)
    assert Device.objects.filter(state="active").count() == 4
    assert action not in owner.get(HYGIENE).content.decode()


@pytest.mark.parametrize("path", [OPT_IN, HYGIENE])
@pytest.mark.parametrize(
    "query", ["", "?days=365&app=shop", "?days=x&app=nobody&csv=x"], ids=["plain", "chosen", "odd"]
)
def test_an_empty_house_has_its_pages_too(owner: Client, path: str, query: str) -> None:
    answer = owner.get(f"{path}{query}")
    assert answer.status_code == 200
    assert "Nothing counted yet" in answer.content.decode()


def test_who_may_restore_nothing_gets_no_button(app: App) -> None:
    fill(app)
    make_channel(app)
    Device.objects.filter(state="active").update(state="quarantined")
    analyst = Client()
    analyst.force_login(make_user(app, role="analyst"))
    html = analyst.get(HYGIENE).content.decode()
    assert "4 devices of" in html
    assert "Restore them" not in html
