"""A forgotten person's SMS: emptied, counted, never sent."""

import pytest

from apps.customers.services.erasure import erase
from apps.sms_booster.belongings import SmsBelongings
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.services.choose import choose_due
from tests.factories import NOW, make_app
from tests.factories.boosters import make_boost, make_unopened
from tests.sms_booster.test_choose import LATER

pytestmark = pytest.mark.django_db


@pytest.fixture
def message() -> SmsMessage:
    app = make_app()
    (ada,) = make_unopened(app)
    make_boost(app)
    choose_due(LATER)
    SmsReply.objects.create(app=app, provider_id="SM9", phone=ada.phone, body="who is this?", received_at=LATER)
    return SmsMessage.objects.get()


def test_erasing_empties_and_spares(message: SmsMessage) -> None:
    erase(customer=message.customer, actor="key:x", now=NOW)
    message.refresh_from_db()
    assert (message.phone, message.body, message.state, message.code) == ("", "", "spared", "erased")
    assert SmsReply.objects.count() == 0


def test_erasing_keeps_what_was_sent_as_a_count(message: SmsMessage) -> None:
    SmsMessage.objects.update(state="delivered")
    erase(customer=message.customer, actor="key:x", now=NOW)
    assert SmsMessage.objects.get().state == "delivered"


def test_everything_is_disclosed(message: SmsMessage) -> None:
    sent, answered = SmsBelongings().disclose(customer_id=message.customer_id)
    assert (sent["to"], sent["text"], sent["state"]) == (message.phone, "Come back", "planned")
    assert answered["text"] == "who is this?"
