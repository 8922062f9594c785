"""`POST /v2.1/callbacks/sms/{provider}`. Numbers are of bad-input.md, part H."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from apps.sms_booster.models import SmsReply
from tests.factories import make_channel, make_customer
from tests.sms_booster.test_callbacks import ACCOUNT, sign

pytestmark = pytest.mark.django_db
PATH = "/v2.1/callbacks/sms/twilio"
STOP = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "From": "+48500600700", "Body": "STOP"}


@pytest.fixture
def customer(app):
    make_channel(app, "sms")
    return make_customer(app, phone="+48500600700", sms_consent=True)


def post(settings, form, signature=None, path=PATH):
    url = f"{settings.PUBLIC_URL}{path}"
    headers = {"X-Twilio-Signature": sign(form, url=url) if signature is None else signature}
    return Client(headers=headers).post(path, urlencode(form), content_type="application/x-www-form-urlencoded")


def test_a_signed_stop_is_obeyed_and_answered_with_empty_twiml(customer, settings):
    answer = post(settings, STOP)
    assert (answer.status_code, answer.content) == (200, b"<Response></Response>")
    customer.refresh_from_db()
    assert customer.sms_consent is False


@pytest.mark.parametrize("signature", ["", "nonsense", sign(STOP, token="another")])
def test_114_without_the_right_signature_nothing_changes(customer, settings, signature):
    answer = post(settings, STOP, signature)
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
    customer.refresh_from_db()
    assert customer.sms_consent is True
    assert not SmsReply.objects.exists()


@pytest.mark.parametrize("status", ["delivered", "foo"])
def test_115_116_a_report_about_nothing_we_know_is_taken(customer, settings, status):
    form = {"AccountSid": ACCOUNT, "MessageSid": "SM404", "MessageStatus": status}
    assert post(settings, form, path=f"{PATH}?sms=99").status_code == 200


def test_117_json_where_a_form_is_expected(customer):
    answer = Client().post(PATH, "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_an_unknown_provider_is_404(customer, settings):
    assert post(settings, STOP, path="/v2.1/callbacks/sms/nobody").status_code == 404


def test_another_method_is_405():
    answer = Client().get(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
