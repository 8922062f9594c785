"""`GET /v2.1/push` and `/v2.1/push/{id}`: what became of a push, and how to find it again."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.deliveries.models import Batch, Dispatch, Retry
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOMES, PLATFORM_NUMBERS
from tests.factories import make_app, make_customer, make_device, make_dispatch
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
PUSH = "/v2.1/push"


@pytest.fixture
def device(app):
    return make_device(make_customer(app, external_id="c1"))


@pytest.fixture
def pushed(api, device):
    """The id of a push to the device."""
    body = {"device_tokens": [device.address], "title": "t", "body": "b", "external_id": "order-7"}
    return api.post(PUSH, body).json()["meta"]["uniqId"]


def settle(push_id, outcome="accepted", *, to=None):
    """Write the push's outcome down, as the engine does: for this device, else for the first."""
    dispatch, batch = Dispatch.objects.get(pk=push_id), Batch.objects.get(dispatch=push_id)
    person, device = (to.customer_id, to.pk) if to else (batch.customer_ids[0], batch.device_ids[0])
    row = LedgerRow(
        dispatch.planned_on, dispatch.pk, person, device, dispatch.app_id,
        OUTCOMES[outcome], GATEWAY_NUMBERS["fcm"], PLATFORM_NUMBERS["android"], 0, 1, "", "", "",
    )  # fmt: skip
    append_outcomes(outcomes=[row], now=datetime.now(UTC), may_repeat=True)
    Batch.objects.filter(pk=batch.pk).update(state="done", opened=1, recorded=1)
    Dispatch.objects.filter(pk=push_id).update(state="done")


def found(api, **filters):
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return [one["id"] for one in api.get(f"{PUSH}?{query}").json()["data"]]


def test_a_fresh_push_is_queued(api, device, pushed):
    told = api.get(f"{PUSH}/{pushed}").json()
    assert (told["id"], told["state"], told["external_id"]) == (pushed, "queued", "order-7")
    (delivery,) = told["deliveries"]
    assert (delivery["device_token"], delivery["status"], delivery["receipts"]) == (device.address, "queued", [])


def test_a_settled_push_tells_outcome_and_receipts(api, pushed):
    settle(pushed)
    delivery_id = api.get(f"{PUSH}/{pushed}").json()["deliveries"][0]["delivery_id"]
    api.post("/v2.1/receipts", {"receipts": [{"delivery_id": delivery_id, "type": "opened"}]})
    told = api.get(f"{PUSH}/{pushed}").json()
    assert (told["state"], told["deliveries"][0]["status"]) == ("done", "accepted")
    assert told["deliveries"][0]["at"] is not None
    assert [receipt["type"] for receipt in told["deliveries"][0]["receipts"]] == ["opened"]


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_push_is_found_by_each_of_its_names(api, device, pushed, is_settled):
    if is_settled:
        settle(pushed)
    assert found(api, external_id="order-7") == [pushed]
    assert found(api, device_token=device.address) == [pushed]
    assert found(api, customer="c1") == [pushed]
    assert found(api, external_id="order-8") == found(api, device_token="x") == found(api, customer="c2") == []


def test_a_person_is_told_of_campaigns_too(api, app, device, pushed):
    make_device(make_customer(app))
    campaign = str(make_dispatch(app, now=datetime.now(UTC)).pk)
    assert found(api, customer="c1") == found(api, device_token=device.address) == [campaign, pushed]
    assert (found(api, customer="c1", kind="campaign"), found(api)) == ([campaign], [pushed])
    (told, _push) = api.get(f"{PUSH}?customer=c1").json()["data"]
    assert (told["kind"], told["state"]) == ("campaign", "queued")
    assert [one["device_token"] for one in told["deliveries"]] == [device.address]


def test_campaigns_as_a_whole_are_not_listed_here(api):
    answer = api.get(f"{PUSH}?kind=campaign")
    assert (answer.status_code, codes_of(answer)) == (400, {"required"})


def test_a_push_that_is_tried_again_is_found_by_its_token(api, app, device, pushed):
    batch = Batch.objects.get(dispatch=pushed)
    Batch.objects.update(state="done", opened=1, recorded=1)
    Retry.objects.create(
        dispatch_id=batch.dispatch_id, device_id=device.pk, customer_id=device.customer_id, app_id=app.pk, gateway=1,
        variant=0, tries=1, reason="503", due_at=batch.expires_at, expires_at=batch.expires_at, batch=batch,
    )  # fmt: skip
    assert found(api, device_token=device.address) == found(api, customer="c1") == [pushed]
    assert [one["status"] for one in api.get(f"{PUSH}/{pushed}").json()["deliveries"]] == ["queued"]


def test_filters_narrow_each_other(api, pushed):
    settle(pushed, "token_dead")
    assert found(api, customer="c1", status="token_dead", external_id="order-7") == [pushed]
    assert found(api, customer="c1", status="accepted") == found(api, status="token_dead", external_id="order-8") == []


def test_an_outcome_is_that_of_the_person_named(api, app, device):
    other = make_device(make_customer(app, external_id="c2"))
    body = {"customers": ["c1", "c2"], "title": "t", "body": "b"}
    pushed = api.post(PUSH, body).json()["meta"]["uniqId"]
    for one, outcome in ((device, "accepted"), (other, "token_dead")):
        settle(pushed, outcome, to=one)
    assert found(api, customer="c1", status="accepted") == found(api, status="token_dead") == [pushed]
    assert found(api, device_token=other.address, status="token_dead") == [pushed]
    assert found(api, customer="c1", status="token_dead") == []
    assert found(api, device_token=other.address, status="accepted") == []


def test_status_is_a_state_or_an_outcome(api, pushed):
    assert found(api, status="queued") == [pushed]
    Batch.objects.update(opened=1)
    assert found(api, status="sending") == [pushed]
    assert found(api, status="queued") == []
    settle(pushed, "token_dead")
    assert found(api, status="done") == found(api, status="token_dead") == [pushed]
    assert found(api, status="accepted") == found(api, status="cancelled") == []


def test_times_bound_the_list(api, pushed):
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(api, until=later) == [pushed]
    assert found(api, since=later) == []
    assert found(api, since="2026-01-01T00:00:00+01:00") == [pushed]


def test_pages_go_back_in_time(api, device):
    body = {"device_tokens": [device.address], "title": "t", "body": "b"}
    made = [api.post(PUSH, body).json()["meta"]["uniqId"] for _ in range(3)]
    first = api.get(f"{PUSH}?limit=2").json()
    second = api.get(f"{PUSH}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


def test_a_page_costs_the_same_queries_however_full(api, device, django_assert_max_num_queries):
    body = {"device_tokens": [device.address], "title": "t", "body": "b"}
    for _ in range(5):
        api.post(PUSH, body)
    with django_assert_max_num_queries(7):
        assert len(api.get(PUSH).json()["data"]) == 5


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=lost", "choice"),
        ("since=yesterday", "date_format"),
        ("since=2026-01-01T00:00:00", "time_zone_required"),
        ("extern_id=1", "unknown_parameter"),
        ("cursor=zzz", "bad_cursor"),
        ("limit=501", "range"),
        ("customer=", "required"),
        (f"customer={'x' * 4097}", "too_long"),
        ("since=2026-05-02T00:00:00Z&until=2026-05-01T00:00:00Z", "range"),
    ],
)
def test_22_nonsense_in_the_address_keeps_the_envelope(api, query, code):
    answer = api.get(f"{PUSH}?{query}")
    assert (answer.status_code, codes_of(answer)) == (400, {code})
    assert answer.json()["meta"]["status"] == 400


def test_5_another_apps_push_is_not_there(api, pushed):
    stranger = ApiCaller(make_key(make_app()))
    assert stranger.get(f"{PUSH}/{pushed}").status_code == 404
    assert stranger.get(PUSH).json()["data"] == []
