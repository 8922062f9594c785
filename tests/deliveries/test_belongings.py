"""What the engine keeps about a person is told to them, and their own messages' texts are forgotten with them."""

import pytest

from apps.customers.services.disclosure import export_customer
from apps.customers.services.erasure import erase_customer
from apps.customers.services.merging import merge_customers
from apps.deliveries.models import Content, Delivery, Dispatch, OpeningHour, PersonalFacts
from tests.factories import NOW, make_app, make_customer, make_device
from tests.factories.deliveries import make_dispatch

pytestmark = pytest.mark.django_db


def test_what_was_sent_is_disclosed() -> None:
    app = make_app()
    anna = make_customer(app, external_id="anna", push_consent=False)
    make_device(anna)
    make_dispatch(app, name="Spring sale")
    told = export_customer(app=app, external_id="anna", actor="owner", now=NOW)["deliveries"]
    assert [(one["message"], one["outcome"]) for one in told] == [("Spring sale", "excluded:no_consent")]


@pytest.mark.parametrize(("kind", "texts"), [("transactional", 0), ("campaign", 1)])
def test_texts_made_for_one_person_go_with_them(kind: str, texts: int) -> None:
    app = make_app()
    make_device(make_customer(app, external_id="anna", push_consent=False))
    dispatch = make_dispatch(app, kind=kind)
    Dispatch.objects.filter(pk=dispatch.pk).update(state="done")
    assert Delivery.objects.filter(dispatch_id=dispatch.pk).exists()
    erase_customer(app=app, external_id="anna", actor="owner", now=NOW)
    assert Content.objects.count() == texts
    assert Delivery.objects.filter(dispatch_id=dispatch.pk).exists()


def test_the_usual_opening_hour_is_disclosed_and_erased() -> None:
    app = make_app()
    anna = make_customer(app, external_id="anna")
    OpeningHour.objects.create(customer_id=anna.pk, app_id=app.pk, hour=19, opens=5, computed_at=NOW)
    told = export_customer(app=app, external_id="anna", actor="owner", now=NOW)["usual_opening_hour"]
    assert told == [{"hour": 19, "opens": 5, "computed_at": NOW.isoformat()}]
    erase_customer(app=app, external_id="anna", actor="owner", now=NOW)
    assert not OpeningHour.objects.exists()


def test_what_texts_said_to_one_person_is_disclosed_and_erased_under_every_id() -> None:
    app = make_app()
    whole, half = make_customer(app, external_id="anna"), make_customer(app, external_id="a.old")
    dispatch = make_dispatch(app, name="Cart")
    PersonalFacts.objects.create(dispatch=dispatch, customer_id=half.pk, facts={"event": {"product": "Lamp"}})
    merge_customers(customer=half, into=whole, actor="owner", now=NOW)
    told = export_customer(app=app, external_id="anna", actor="owner", now=NOW)["facts_in_messages"]
    assert told == [{"message": "Cart", "facts": {"event": {"product": "Lamp"}}}]
    erase_customer(app=app, external_id="anna", actor="owner", now=NOW)
    assert not PersonalFacts.objects.exists()


def test_the_habit_of_a_row_that_was_merged_goes() -> None:
    app = make_app()
    whole, half = make_customer(app, external_id="anna"), make_customer(app, external_id="a.old")
    OpeningHour.objects.create(customer_id=half.pk, app_id=app.pk, hour=19, opens=5, computed_at=NOW)
    merge_customers(customer=half, into=whole, actor="owner", now=NOW)
    assert not OpeningHour.objects.exists()
