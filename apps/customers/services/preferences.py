"""Preferences: what a person may choose on the page that their link opens, and what becomes of their choice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.customers.models import Customer, Topic
from apps.customers.preference_links import PreferenceKey
from apps.customers.services.consent import Answer, log_answers
from apps.customers.services.profile_fields import CHANNELS
from apps.customers.services.wordings import Shown, built_in, current_wordings, shown_wordings, topic_subject

SOURCE = "preference_page"


@dataclass(frozen=True, slots=True)
class Choice:
    """One switch. subject: "push", "sms" or "topic:<key>"; name: of a topic, "" for a channel."""

    subject: str
    name: str
    shown: Shown
    is_on: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """All that a person may choose."""

    channels: list[Choice]
    topics: list[Choice]
    stop_wording: str

    @property
    def is_silent(self) -> bool:
        """Nothing reaches this person any more."""
        return not any(choice.is_on for choice in self.channels)


def customer_of(key: PreferenceKey) -> Customer | None:
    """The person of a link, also where the row it was made for became part of another; None where they are erased."""
    found = Customer.objects.select_related("app", "merged_into__app").filter(pk=key.customer_id, app=key.app_id)
    row = found.first()
    person = row and (row.merged_into or row)
    return None if person is None or person.erased_at else person


def preferences_of(customer: Customer) -> Preferences:
    """What stands on the page. SMS only where a number or an earlier answer is known. Cost: two queries."""
    wordings = current_wordings(customer.app_id)
    channels = [Choice(name, "", wordings[name], is_on) for name, is_on in _channels(customer).items()]
    known = Topic.objects.filter(app=customer.app_id)
    topics = [_topic(one, wordings, customer) for one in known if one.is_shown or one.key in customer.topics]
    listed = {choice.subject for choice in topics}
    # What the app put a person into without ever describing it: they may leave it all the same.
    own = [key for key in customer.topics if topic_subject(key) not in listed]
    topics += [Choice(subject, key, built_in(subject), True) for key in own if (subject := topic_subject(key))]
    return Preferences(channels, topics, stop_wording(customer.app.name))


def save_preferences(*, customer: Customer, shown: Mapping[str, int], chosen: Collection[str], now: datetime) -> int:
    """Write down what changed; returns how many answers that were.

    shown: {subject: version of its wording} as the page showed them: what it did not show is not answered.
    """
    with transaction.atomic():
        locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        before = _standing(locked)
        texts = shown_wordings(customer.app_id, shown)
        differing = [
            (subject, text, subject in chosen)
            for subject, text in texts.items()
            if before.get(subject, False) != (subject in chosen) and _is_answerable(subject, locked, before)
        ]
        answers = [_answer(customer, subject, granted, text) for subject, text, granted in differing]
        return log_answers(answers=answers, source=SOURCE, now=now)


def stop_everything(*, customer: Customer, now: datetime) -> int:
    """No channel and no topic any more; returns how many answers that were."""
    with transaction.atomic():
        locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        said = {"push": locked.push_consent, "sms": locked.sms_consent}
        subjects = [channel for channel in CHANNELS if said[channel] is not False]
        subjects += [topic_subject(key) for key in locked.topics]
        stopped = Shown(stop_wording(customer.app.name), 0)
        answers = [_answer(customer, subject, False, stopped) for subject in subjects]
        return log_answers(answers=answers, source=SOURCE, now=now)


def stop_wording(app_name: str) -> str:
    """What stands beside the button that stops all, and so goes into the ledger."""
    text = _("You get no more notifications and no more text messages from %(app)s, not even about an order of yours.")
    return text % {"app": app_name}


def _channels(customer: Customer) -> dict[str, bool]:
    """{channel: is it on}. Push is on until they say no: the phone's own permission decided."""
    push = {"push": customer.push_consent is not False}
    has_sms = bool(customer.phone) or customer.sms_consent is not None
    return {**push, "sms": customer.sms_consent is True} if has_sms else push


def _standing(customer: Customer) -> dict[str, bool]:
    return {**_channels(customer), **{topic_subject(key): True for key in customer.topics}}


def _is_answerable(subject: str, customer: Customer, before: Mapping[str, bool]) -> bool:
    """A form sent by hand may not invent channels and topics."""
    if subject in before:
        return True
    key = subject.removeprefix("topic:")
    return subject.startswith("topic:") and Topic.objects.filter(app=customer.app_id, key=key).exists()


def _topic(topic: Topic, wordings: Mapping[str, Shown], customer: Customer) -> Choice:
    subject = topic_subject(topic.key)
    version = wordings[subject].version if subject in wordings else 0
    return Choice(subject, topic.name, Shown(topic.description, version), topic.key in customer.topics)


def _answer(customer: Customer, subject: str, granted: bool, shown: Shown) -> Answer:
    is_topic = subject.startswith("topic:")
    return Answer(
        customer_id=customer.pk,
        channel="push" if is_topic else subject,
        granted=granted,
        topic=subject.removeprefix("topic:") if is_topic else "",
        wording=shown.text,
        wording_version=shown.version or None,
    )
