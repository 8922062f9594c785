"""Two people become one while a dispatch is under way: the sums hold, and nobody is reached twice."""

from collections import Counter
from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.customers.services.consent import record_consent
from apps.customers.services.merging import merge_customers
from apps.deliveries.log_queries import delivery_log
from apps.deliveries.log_search import LogFilters
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.plan import ContentDraft
from apps.deliveries.states import OUTCOME_WORDS
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_dispatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def outcomes(dispatch: Dispatch) -> Counter[str]:
    return Counter(OUTCOME_WORDS[row.outcome] for row in Delivery.objects.filter(dispatch_id=dispatch.pk))


def merge(half: Customer, kept: Customer) -> None:
    merge_customers(customer=half, into=kept, actor="owner", now=NOW)


def test_a_push_on_its_way_to_an_anonymous_device_still_arrives(app: App, phones: Phones, run_lane: Worker) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app, first_name="Anna")
    make_device(half)
    dispatch = make_dispatch(app, contents=[ContentDraft(0, "", {"title": "Hi {{ first_name }}", "body": ""})])
    merge(half, kept)
    run_lane()
    assert [message.content.title for message in phones.inbox] == ["Hi Anna"]
    assert outcomes(dispatch) == {"accepted": 1, "excluded:no_live_device": 1}
    assert check_ledger(dispatch.pk) == []


def test_one_person_planned_as_two_is_reached_as_one(app: App, phones: Phones, run_lane: Worker) -> None:
    halves, kept = [make_customer(app, external_id=None) for _ in range(2)], make_customer(app)
    mine = make_device(kept)
    for half in halves:
        make_device(half)
    dispatch = make_dispatch(app)
    for half in halves:
        merge(half, kept)
    run_lane()
    assert [message.address for message in phones.inbox] == [mine.address]
    assert outcomes(dispatch) == {"accepted": 1, "excluded:duplicate_device": 2}
    assert check_ledger(dispatch.pk) == []


def test_of_two_anonymous_rows_one_is_reached(app: App, phones: Phones, run_lane: Worker) -> None:
    halves, kept = [make_customer(app, external_id=None) for _ in range(2)], make_customer(app)
    devices = [make_device(half) for half in halves]
    make_dispatch(app)
    for half in halves:
        merge(half, kept)
    run_lane()
    assert [message.address for message in phones.inbox] == [devices[0].address]


def test_a_no_of_the_known_person_stops_the_anonymous_device(app: App, phones: Phones, run_lane: Worker) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    make_device(half)
    dispatch = make_dispatch(app)
    merge(half, kept)
    record_consent(customer_ids=[half.pk], channel="push", granted=False, source="api", now=NOW)
    run_lane()
    assert not phones.inbox
    assert outcomes(dispatch)["excluded:no_consent"] == 1


def test_what_a_merged_row_got_counts_against_the_persons_cap(app: App, phones: Phones, run_lane: Worker) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    make_device(half)
    make_dispatch(app)
    run_lane()
    merge(half, kept)
    later = NOW + timedelta(hours=1)
    second = make_dispatch(app, policy=Policy(salt="x", cap_count=1, cap_days=1), now=later)
    assert outcomes(second) == {"excluded:capped": 1}
    assert len(phones.inbox) == 1


def test_the_log_of_a_person_has_what_their_merged_rows_got(app: App, run_lane: Worker) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app, external_id="anna")
    device = make_device(half)
    make_dispatch(app)
    run_lane()
    merge(half, kept)
    filters = LogFilters(customer_external_id="anna")
    page = delivery_log(app_ids=[app.pk], filters=filters, cursor=None, limit=10)
    assert {(row.device_id, row.customer_external_id) for row in page.rows} == {(device.pk, "anna"), (0, "anna")}
