"""What the SMS provider tells us: reports move a message forward only, replies change consent.

Nothing is believed without the provider's signature, made with the auth token of the very account it names.
"""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import QuerySet

from apps.customers.models import Customer
from apps.customers.sealed import PHONE, forms_of
from apps.customers.services.consent import record_consent
from apps.devices.models import Channel
from apps.gateways.twilio_callbacks import is_signed, read_reply, read_report
from apps.sms_booster.models import SmsMessage, SmsReply, SmsTrial
from apps.sms_booster.reply_words import meaning_of, plain
from apps.sms_booster.states import SMS_STATES

_log = logging.getLogger(__name__)


class UnknownProvider(Exception):
    """We have no account there (404)."""


class BadSignature(Exception):
    """Unsigned, wrongly signed, or about an account that is not ours (403); nothing was changed."""


def take_callback(*, provider: str, form: Mapping[str, str], url: str, signature: str, now: datetime) -> str:
    """A form from the provider: a delivery report or an answer; returns what `store_report` or `store_reply` do.

    url: exactly as the provider called it, query included, for it is signed. Raises UnknownProvider, BadSignature.
    """
    store = store_report if "MessageStatus" in form else store_reply
    return store(provider=provider, form=form, url=url, signature=signature, now=now)


def store_report(*, provider: str, form: Mapping[str, str], url: str, signature: str, now: datetime) -> str:
    """Take a delivery report; returns the message's state, or "" where it is about nothing we know.

    The address we gave the provider carries our own number of the message, which finds one whose answer never came.
    Late, doubled and out-of-order reports change nothing. Raises UnknownProvider, BadSignature.
    """
    channels = _proven_channels(provider, form, url, signature)
    report = read_report(form)
    row = _message_of(channels, report.message_sid, url)
    if row is None or not report.word:
        _log.info("SMS report about nothing we know: sid %s, status %s", report.message_sid, form.get("MessageStatus"))
        return ""
    rows: QuerySet[Any] = type(row)._default_manager.filter(pk=row.pk)
    rows.filter(provider_id="").update(provider_id=report.message_sid)
    SMS_STATES.move(rows, report.word, code=report.error_code[:60], settled_at=now)
    return str(rows.values_list("state", flat=True).get())


def store_reply(*, provider: str, form: Mapping[str, str], url: str, signature: str, now: datetime) -> str:
    """Keep somebody's answer; STOP and START change the SMS consent of everybody with that phone in the app.

    Returns its meaning: stop, start, help or "" (kept for a person to read). Doubled ones change nothing.
    Raises UnknownProvider, BadSignature.
    """
    channels = _proven_channels(provider, form, url, signature)
    reply = read_reply(form)
    meaning = meaning_of(reply.body)
    for channel in channels:
        _kept, is_new = SmsReply.objects.get_or_create(
            app_id=channel.app_id,
            provider_id=reply.message_sid,
            defaults={
                "phone": reply.sender[:32],
                "body": reply.body.replace("\x00", "")[:1600],
                "meaning": meaning,
                "received_at": now,
            },
        )
        if is_new and meaning in ("stop", "start"):
            _record_answer(channel, reply.sender, reply.body, meaning == "start", now)
    return meaning


def _record_answer(channel: Channel, phone: str, body: str, granted: bool, now: datetime) -> None:
    people = Customer.objects.filter(
        app=channel.app_id, phone__in=forms_of(channel.app_id, PHONE, phone), erased_at=None
    )
    record_consent(
        customer_ids=list(people.values_list("pk", flat=True)),
        channel="sms",
        granted=granted,
        source="sms_reply",
        wording=plain(body),
        now=now,
    )


def _proven_channels(provider: str, form: Mapping[str, str], url: str, signature: str) -> list[Channel]:
    """The channels of the account that signed this; several apps may share one account."""
    if provider != "twilio":
        raise UnknownProvider(f"no SMS provider is called {provider!r}")
    account = form.get("AccountSid", "")
    found = [
        channel
        for channel in Channel.objects.filter(gateway="sms")
        if account
        and channel.credentials.get("account_sid") == account
        and is_signed(auth_token=channel.credentials["auth_token"], url=url, form=form, signature=signature)
    ]
    if not found:
        raise BadSignature("the signature does not belong to one of our accounts")
    return found


def _own_number(url: str, name: str) -> int | None:
    number = parse_qs(urlsplit(url).query).get(name, [""])[0]
    return int(number) if re.fullmatch(r"[0-9]{1,18}", number) else None


def _message_of(channels: list[Channel], message_sid: str, url: str) -> SmsMessage | SmsTrial | None:
    """?sms= names one of our messages, ?trial= a test; no number speaks for another message of the provider's."""
    apps = [channel.app_id for channel in channels]
    if trial_id := _own_number(url, "trial"):
        return SmsTrial.objects.filter(app__in=apps, pk=trial_id, provider_id__in=["", message_sid]).first()
    mine = SmsMessage.objects.filter(app_id__in=apps)
    by_sid = mine.filter(provider_id=message_sid).first() if message_sid else None
    sms_id = _own_number(url, "sms")
    return by_sid or (mine.filter(pk=sms_id, provider_id="").first() if sms_id else None)
