"""Facts for one person alone: said to them, to nobody else, and forgotten in time."""

from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.core.sql import Compiled
from apps.customers.models import Customer
from apps.customers.services.erasure import erase_customer
from apps.deliveries.models import Dispatch, PersonalFacts
from apps.deliveries.policy import Policy
from apps.deliveries.services.personal import forget_facts, give_facts
from apps.deliveries.services.plan import ContentDraft
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_dispatch

pytestmark = pytest.mark.django_db(transaction=True)
TITLE = '{{ first_name }}: {{ event.product | default: "your choice" }}'


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


@pytest.fixture
def ada(app: App) -> Customer:
    ada = make_customer(app, first_name="Ada", external_id="ada")
    make_device(ada)
    make_device(make_customer(app, first_name="Ben"))
    return ada


def planned(app: App, ada: Customer, *, is_personal: bool) -> Dispatch:
    """To everybody; to Ada about a lamp."""
    contents = [ContentDraft(0, "", {"title": TITLE, "body": "x"})]
    dispatch = make_dispatch(app, contents=contents, policy=Policy(salt="s", has_personal_facts=is_personal))
    sql = """select %(ada)s::bigint as customer_id, '{"event": {"product": "Lamp"}}'::jsonb as facts"""
    assert give_facts(dispatch_id=dispatch.pk, people=Compiled(sql, {"ada": ada.pk})) == 1
    return dispatch


@pytest.mark.parametrize(("is_personal", "said"), [(True, "Ada: Lamp"), (False, "Ada: your choice")])
def test_they_are_said_to_their_person_alone(
    app: App, ada: Customer, phones: Phones, run_lane: Worker, is_personal: bool, said: str
) -> None:
    planned(app, ada, is_personal=is_personal)
    run_lane()
    assert sorted(message.content.title for message in phones.inbox) == [said, "Ben: your choice"]


def test_they_go_a_while_after_their_dispatch_and_with_their_person(app: App, ada: Customer) -> None:
    dispatch = planned(app, ada, is_personal=True)
    assert forget_facts(expired_before=dispatch.expires_at) == 0
    assert forget_facts(expired_before=dispatch.expires_at + timedelta(seconds=1)) == 1
    planned(app, ada, is_personal=True)
    erase_customer(app=app, external_id="ada", actor="owner", now=NOW)
    assert not PersonalFacts.objects.exists()
