"""What the engine keeps about a person is told to them, and their own messages' texts are forgotten with them."""

import pytest

from apps.customers.services.disclosure import export_customer
from apps.customers.services.erasure import erase_customer
from apps.deliveries.models import Content, Delivery, Dispatch
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
