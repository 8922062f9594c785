"""What the provider tells us: believed when signed, taken once, never backwards."""

import base64
import hmac
from typing import Any

import pytest

from apps.accounts.models import App
from apps.customers.models import Consent, Customer
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.services.callbacks import BadSignature, UnknownProvider, take_callback
from apps.sms_booster.services.choose import choose_due
from tests.factories import NOW, make_app
from tests.factories.boosters import make_boost, make_unopened
from tests.sms_booster.test_choose import LATER

pytestmark = pytest.mark.django_db
ACCOUNT, TOKEN = f"AC{'0' * 32}", "1" * 32
URL = "https://push.example.com/v2.1/callbacks/sms/twilio?sms=0"


def sign(form: dict[str, str], token: str = TOKEN, url: str = URL) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def report(status: str, **changes: Any) -> str:
    form = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "MessageStatus": status, **changes.pop("form", {})}
    given = {"provider": "twilio", "form": form, "url": URL, "signature": sign(form), "now": LATER}
    return take_callback(**{**given, **changes})


def report_at(message: SmsMessage, **changes: str) -> str:
    """A report to the address that we gave for this message."""
    url = URL.replace("sms=0", f"sms={message.pk}")
    form = {"AccountSid": ACCOUNT, "MessageSid": "SM1", "MessageStatus": "delivered", **changes}
    return take_callback(provider="twilio", form=form, url=url, signature=sign(form, url=url), now=LATER)


def reply(body: str, **changes: str) -> str:
    form = {"AccountSid": ACCOUNT, "MessageSid": "SM9", "From": Customer.objects.earliest("id").phone, "Body": body}
    form |= changes
    return take_callback(provider="twilio", form=form, url=URL, signature=sign(form), now=LATER)


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def message(app: App) -> SmsMessage:
    """Taken by the provider as SM1."""
    make_unopened(app)
    make_boost(app)
    choose_due(LATER)
    SmsMessage.objects.update(state="accepted", provider_id="SM1", sending_at=LATER)
    return SmsMessage.objects.get()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", "accepted"),
        ("sent", "accepted"),
        ("delivered", "delivered"),
        ("read", "delivered"),
        ("undelivered", "undelivered"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_a_status_moves_the_message(message: SmsMessage, status: str, state: str) -> None:
    assert report(status) == state


@pytest.mark.parametrize("last", ["delivered", "undelivered", "failed"])
def test_a_late_report_never_moves_it_back(message: SmsMessage, last: str) -> None:
    report(last)
    for late in ("queued", "sent", "delivered", "undelivered", "failed"):
        assert report(late) == last


def test_why_it_did_not_arrive_is_kept(message: SmsMessage) -> None:
    report("undelivered", form={"ErrorCode": "30003"})
    assert SmsMessage.objects.get().code == "30003"


def test_a_message_whose_answer_never_came_is_found_by_our_own_number(message: SmsMessage) -> None:
    SmsMessage.objects.update(state="unknown", provider_id="", code="crashed")
    assert report_at(message) == "delivered"
    assert SmsMessage.objects.get().provider_id == "SM1"


def test_a_report_may_overtake_the_answer(message: SmsMessage) -> None:
    SmsMessage.objects.update(state="sending", provider_id="")
    assert report_at(message) == "delivered"


def test_our_number_never_speaks_for_another_message(message: SmsMessage) -> None:
    assert report_at(message, MessageSid="SM2") == ""
    assert SmsMessage.objects.get().state == "accepted"


@pytest.mark.parametrize("form", [{"MessageSid": "SM404"}, {"MessageStatus": "foo"}, {"MessageSid": ""}])
def test_what_we_do_not_know_changes_nothing(message: SmsMessage, form: dict[str, str]) -> None:
    assert report("delivered", form=form) == ""
    assert SmsMessage.objects.get().state == "accepted"


@pytest.mark.parametrize("signature", ["", "nonsense", sign({"MessageSid": "SM1"}), "żółć"])
def test_a_forged_report_is_refused(message: SmsMessage, signature: str) -> None:
    with pytest.raises(BadSignature):
        report("delivered", signature=signature)
    assert SmsMessage.objects.get().state == "accepted"


@pytest.mark.parametrize("account", ["AC" + "9" * 32, ""])
def test_another_account_is_refused(message: SmsMessage, account: str) -> None:
    with pytest.raises(BadSignature):
        report("delivered", form={"AccountSid": account})


def test_a_report_signed_for_another_address_is_refused(message: SmsMessage) -> None:
    with pytest.raises(BadSignature):
        report("delivered", url=URL + "1")


def test_an_unknown_provider_is_said_so(message: SmsMessage) -> None:
    with pytest.raises(UnknownProvider):
        report("delivered", provider="pigeon")


@pytest.mark.parametrize("body", ["STOP", "stop.", " Stop ", "STOP ALL", "stopall!", "przestań", "Arrêt", "opt-out"])
def test_stop_is_an_opt_out_however_it_is_written(message: SmsMessage, body: str) -> None:
    assert reply(body) == "stop"
    assert Customer.objects.get().sms_consent is False
    consent = Consent.objects.latest("id")
    assert (consent.channel, consent.granted, consent.source) == ("sms", False, "sms_reply")


@pytest.mark.parametrize("body", ["don't stop", "stop it please, love", "", "🙂"])
def test_what_is_not_understood_is_kept_for_a_person(message: SmsMessage, body: str) -> None:
    assert reply(body) == ""
    assert Customer.objects.get().sms_consent is True
    kept = SmsReply.objects.get()
    assert (kept.body, kept.meaning) == (body, "")


def test_start_opts_in_again(message: SmsMessage) -> None:
    reply("STOP")
    assert reply("Start", MessageSid="SM10") == "start"
    assert Customer.objects.get().sms_consent is True


def test_help_changes_nothing(message: SmsMessage) -> None:
    assert reply("HELP") == "help"
    assert Customer.objects.get().sms_consent is True


def test_the_same_reply_twice_counts_once(message: SmsMessage) -> None:
    reply("STOP")
    reply("STOP")
    assert (SmsReply.objects.count(), Consent.objects.count()) == (1, 1)


def test_a_stop_covers_everybody_with_that_phone(app: App, message: SmsMessage) -> None:
    make_unopened(app, phone=message.phone)
    reply("STOP")
    assert set(Customer.objects.values_list("sms_consent", flat=True)) == {False}


def test_a_stop_in_one_app_is_not_one_in_another(message: SmsMessage) -> None:
    stranger = make_unopened(make_app(), phone=message.phone)[0]
    reply("STOP")
    stranger.refresh_from_db()
    assert stranger.sms_consent is True


def test_now_is_only_a_time(message: SmsMessage) -> None:
    report("delivered", now=NOW)
    assert SmsMessage.objects.get().settled_at == NOW
