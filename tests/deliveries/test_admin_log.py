"""The delivery log on screen: search, pages, the story of one message, and nothing of other apps."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Dispatch, Receipt
from apps.deliveries.policy import Policy
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.devices.models import Device
from tests.factories import NOW, make_app, make_counted_dispatch, make_customer, make_device, make_dispatch, make_user

pytestmark = pytest.mark.django_db
LOG = "/admin/deliveries/log/"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def analyst(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="analyst"))
    return client


def deliver(dispatch: Dispatch, device: Device, outcome: int = 1, code: str = "") -> str:
    """A row of the ledger; returns its delivery id."""
    key = (dispatch.planned_on, dispatch.pk, device.customer_id, device.pk, dispatch.app_id)
    row = LedgerRow(*key, outcome, 1, 1, 0, 1, "en", code, "")
    append_outcomes(outcomes=[row], now=NOW, may_repeat=True)
    return make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk)


def make_message(app: App, **customer: Any) -> tuple[Dispatch, Device, str]:
    dispatch = make_counted_dispatch(app, name="Spring", external_id="order-7")
    device = make_device(make_customer(app, **customer))
    return dispatch, device, deliver(dispatch, device)


@pytest.mark.parametrize("by", ["customer", "token", "external", "push"])
def test_finds_a_message_by_each_of_its_names(analyst: Client, app: App, by: str) -> None:
    make_message(app)
    dispatch, device, _id = make_message(app, external_id="ada")
    Dispatch.objects.filter(pk=dispatch.pk).update(external_id="order-8")
    names = {"customer": "ada", "token": device.address, "external": "order-8", "push": str(dispatch.pk)}
    for asked in ({"by": by, "q": names[by]}, {"q": names[by]}):
        rows = analyst.get(LOG, asked).context["rows"]
        assert [row.log.device_id for row in rows] == [device.pk]


def test_a_delivery_id_opens_its_story(analyst: Client, app: App) -> None:
    _dispatch, _device, delivery_id = make_message(app)
    for asked in ({"by": "delivery", "q": delivery_id}, {"q": delivery_id}):
        assert analyst.get(LOG, asked).headers["Location"] == f"{LOG}{delivery_id}/"


@pytest.mark.parametrize(("by", "q"), [("push", "abc"), ("push", "9" * 30), ("delivery", "x" * 40)])
def test_what_cannot_be_an_id_is_refused_beside_the_field(analyst: Client, by: str, q: str) -> None:
    answer = analyst.get(LOG, {"by": by, "q": q})
    assert answer.status_code == 200
    assert answer.context["form"].errors["q"]


def test_narrows_by_outcome_and_time(analyst: Client, app: App) -> None:
    dispatch, _device, _id = make_message(app)
    dead = make_device(make_customer(app))
    deliver(dispatch, dead, outcome=2, code="UNREGISTERED")
    asked = {"outcome": "token_dead", "since": "2026-06-01T11:00", "until": "2026-06-01T13:00"}
    rows = analyst.get(LOG, asked).context["rows"]
    assert [row.log.device_id for row in rows] == [dead.pk]


def test_older_pages_follow_without_gap_or_repeat(analyst: Client, app: App) -> None:
    dispatch = make_counted_dispatch(app)
    devices = {make_device(make_customer(app)) for _ in range(60)}
    for device in devices:
        deliver(dispatch, device)
    first = analyst.get(LOG).context
    second = analyst.get(f"{LOG}?{first['older']}").context
    seen = [row.log.device_id for row in [*first["rows"], *second["rows"]]]
    assert sorted(seen) == sorted(device.pk for device in devices)
    assert second["older"] == ""


def test_a_story_tells_what_came_back(analyst: Client, app: App) -> None:
    dispatch, device, delivery_id = make_message(app)
    place = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk, "device_id": device.pk}
    Receipt.objects.create(**place, type=3, at=NOW, received_at=NOW, action="")
    titles = [str(moment.title) for moment in analyst.get(f"{LOG}{delivery_id}/").context["moments"]]
    assert titles == ["Planned", "Sent", "Opened"]


def test_a_story_without_a_device_is_told_of_its_person(analyst: Client, app: App) -> None:
    nobody, other = make_customer(app), make_customer(app)
    dispatch = make_dispatch(app)
    page = analyst.get(LOG, {"campaign": dispatch.pk}).content.decode()
    key = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk, "device_id": 0}
    delivery_id, older = make_delivery_id(**key, customer_id=nobody.pk), make_delivery_id(**key)
    assert f"{LOG}{delivery_id}/?customer={nobody.pk}" in page
    told = analyst.get(f"{LOG}{delivery_id}/").context
    assert (told["customer"], told["reason"].text) == (nobody, "They had no device with the app.")
    assert analyst.get(f"{LOG}{older}/", {"customer": other.pk}).context["customer"] == other
    assert analyst.get(f"{LOG}{older}/").status_code == 404


def test_a_story_names_what_used_the_cap_up(analyst: Client, app: App) -> None:
    device = make_device(make_customer(app))
    deliver(make_counted_dispatch(app, name="Winter"), device)
    capped = make_dispatch(app, policy=Policy(cap_count=1), now=NOW + timedelta(hours=1))
    delivery_id = make_delivery_id(planned_on=capped.planned_on, dispatch_id=capped.pk, device_id=device.pk)
    told = analyst.get(f"{LOG}{delivery_id}/").context
    assert [(fact.text, fact.at) for fact in told["facts"]] == [("Winter", NOW)]


def test_messages_of_other_apps_do_not_exist(analyst: Client) -> None:
    _dispatch, _device, delivery_id = make_message(make_app())
    assert analyst.get(LOG).context["rows"] == []
    assert analyst.get(f"{LOG}{delivery_id}/").status_code == 404


def test_it_needs_the_permission(client: Client) -> None:
    client.force_login(make_user(make_app()))
    assert client.get(LOG).status_code == 403
    assert client.get(f"{LOG}{'x' * 40}/").status_code == 403
