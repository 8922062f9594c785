"""`GET /v2.1/customers/{external_id}/explain?dispatch=`: why they did or did not get it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.customers.services.consent import record_consent
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.states import OUTCOMES
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch
from tests.factories.webhooks import make_endpoint, make_outcomes

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(app):
    person = make_customer(app, external_id="anna")
    make_device(person)
    return person


def explain(api, dispatch: Dispatch, name: str = "anna"):
    answer = api.get(f"/v2.1/customers/{name}/explain?dispatch={dispatch.pk}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def accept(dispatch: Dispatch, customer, outcome: str = "accepted", code: str = "") -> None:
    device = customer.devices.get()
    row = LedgerRow(
        NOW.date(),
        dispatch.pk,
        customer.pk,
        device.pk,
        dispatch.app_id,
        OUTCOMES[outcome],
        1,
        1,
        0,
        1,
        "",
        code,
        "v-1",
    )
    append_outcomes(outcomes=[row], now=NOW, may_repeat=True)


def test_a_push_on_its_way_is_queued(app, anna, api):
    told = explain(api, make_dispatch(app))
    assert (told["was_planned"], told["was_reached"], told["reason"]) == (True, False, "They have not got it yet.")
    assert [one["status"] for one in told["deliveries"]] == ["queued"]


def test_what_the_gateway_took_is_said_with_its_own_id(app, anna, api):
    dispatch = make_dispatch(app)
    accept(dispatch, anna)
    told = explain(api, dispatch)
    assert (told["was_reached"], told["deliveries"][0]["facts"]["vendor_message_id"]) == (True, "v-1")


@pytest.mark.parametrize(
    ("code", "said", "answer"),
    [
        ("UNREGISTERED", "Then the address was no good any more", "UNREGISTERED"),
        ("retired_before", "Then the address was no good any more", None),
        ("crashed", "cut off again and again", None),
        ("timeout", "It may have arrived: no answer came back.", "timeout"),
    ],
)
def test_what_is_unclear_is_told_by_what_came_after(app, anna, api, code, said, answer):
    dispatch = make_dispatch(app)
    accept(dispatch, anna, "unknown_outcome", code)
    (one,) = explain(api, dispatch)["deliveries"]
    assert said in one["reason"]
    assert one["facts"].get("gateway_answer") == answer


def test_a_no_is_told_with_its_answer(app, anna, api):
    record_consent(customer_ids=[anna.pk], channel="push", granted=False, source="api", now=NOW, wording="No thanks")
    told = explain(api, make_dispatch(app, now=NOW + timedelta(minutes=1)))
    (one,) = told["deliveries"]
    assert one["status"] == "excluded:no_consent"
    assert (one["facts"]["answer"]["source"], one["facts"]["answer"]["wording"]) == ("api", "No thanks")


def test_a_topic_that_was_left_is_told_with_its_answer(app, anna, api):
    anna.topics = ["offers"]
    anna.save()
    record_consent(customer_ids=[anna.pk], channel="push", topic="offers", granted=False, source="api", now=NOW)
    told = explain(api, make_dispatch(app, policy=Policy(topic="offers")))
    assert told["deliveries"][0]["facts"]["topic"] == "offers"
    assert told["deliveries"][0]["facts"]["answer"]["source"] == "api"


def test_a_used_up_cap_names_the_campaign_that_used_it(app, anna, api):
    first = make_dispatch(app, name="Spring sale")
    accept(first, anna)
    second = make_dispatch(app, policy=Policy(salt="x", cap_count=1, cap_days=7), now=NOW + timedelta(hours=1))
    (one,) = explain(api, second)["deliveries"]
    assert one["status"] == "excluded:capped"
    assert one["facts"]["cap"] == {"count": 1, "days": 7, "topic": ""}
    assert [spent["dispatch_id"] for spent in one["facts"]["used_by"]] == [first.pk]
    assert "Spring sale" in one["reason"]


def test_the_hold_out_shows_its_draw(app, anna, api):
    (one,) = explain(api, make_dispatch(app, policy=Policy(salt="x", holdout_percent=100)))["deliveries"]
    assert one["status"] == "excluded:holdout"
    assert 0 <= one["facts"]["drawn"] < one["facts"]["holdout_percent"]


def test_the_night_is_told_with_its_zone(app, anna, api):
    policy = Policy(salt="x", quiet_from="08:00", quiet_until="20:00", expire_after_seconds=3600)
    (one,) = explain(api, make_dispatch(app, policy=policy))["deliveries"]
    assert (one["status"], one["facts"]["quiet_hours"]["time_zone"]) == ("excluded:quiet_hours_past_expiry", "UTC")


def test_who_has_no_device_is_told_what_became_of_them(app, anna, api):
    anna.devices.update(state="dead", retired_reason="UNREGISTERED", retired_at=NOW)
    (one,) = explain(api, make_dispatch(app))["deliveries"]
    assert (one["device_id"], one["facts"]["devices"][0]["why"]) == (0, "UNREGISTERED")


def test_who_was_not_meant_is_told_so(app, anna, api):
    dispatch = make_dispatch(app)
    make_customer(app, external_id="late")
    told = explain(api, dispatch, "late")
    assert (told["was_planned"], told["deliveries"]) == (False, [])


@pytest.mark.parametrize("case", ["accepted", "queued", "no_consent", "capped", "holdout"])
def test_more_devices_cost_no_more_queries(app, anna, api, case):
    make_endpoint(app, "http://127.0.0.1:9/")
    ada = make_customer(app, external_id="ada")
    theirs = [make_device(ada, gateway=gateway) for gateway in ("fcm", "fcm", "apns", "webpush")]
    if case == "no_consent":
        record_consent(customer_ids=[anna.pk, ada.pk], channel="push", granted=False, source="api", now=NOW)
    if case in ("accepted", "capped"):
        dispatch = make_outcomes(app, [anna.devices.get(), *theirs], kind="campaign")
    if case != "accepted":
        caps = {"cap_count": 1, "cap_days": 7} if case == "capped" else {}
        policy = Policy(salt="x", holdout_percent=100 if case == "holdout" else 0, **caps)
        dispatch = make_dispatch(app, policy=policy, now=NOW + timedelta(minutes=1))
    explain(api, dispatch)  # the key is known from here on
    with CaptureQueriesContext(connection) as one:
        explain(api, dispatch)
    with CaptureQueriesContext(connection) as four:
        told = explain(api, dispatch, "ada")
    assert {each["status"].removeprefix("excluded:") for each in told["deliveries"]} == {case}
    assert len(told["deliveries"]) == 4
    assert len(four) == len(one)


def test_the_dispatch_is_needed_and_must_be_the_apps(app, anna, api):
    assert api.get("/v2.1/customers/anna/explain").json()["errors"][0]["code"] == "required"
    foreign = make_dispatch(make_app())
    assert api.get(f"/v2.1/customers/anna/explain?dispatch={foreign.pk}").status_code == 404
    assert api.get(f"/v2.1/customers/nobody/explain?dispatch={foreign.pk}").status_code == 404
