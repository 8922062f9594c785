"""Wordings: the texts people answer to, kept in every version, so that an old answer still has its question."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import clean_text
from apps.customers.models import Topic, Wording
from apps.customers.services.profile_fields import CHANNELS

TEXT_LIMIT = 450


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands beside a choice. version 0 = the house's own words, as no version was written."""

    text: str
    version: int


def topic_subject(key: str) -> str:
    """The subject under which a topic's wordings are kept."""
    return f"topic:{key}"


def write_wording(*, app: App, subject: str, text: str, author: str, now: datetime) -> int:
    """Make this the newest version, unless it is already; returns its number. Raises InvalidInput."""
    problems: list[FieldProblem] = []
    text = clean_text(text, pointer="/text", limit=TEXT_LIMIT, problems=problems, is_required=True) or ""
    if problems:
        raise InvalidInput(problems)
    with transaction.atomic():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)  # two writers would count the same version
        newest = Wording.objects.filter(app=app, subject=subject).order_by("-version").first()
        if newest is not None and newest.text == text:
            return newest.version
        version = newest.version + 1 if newest else 1
        Wording.objects.create(
            app=app, subject=subject, version=version, text=text, created_at=now, created_by=author[:150]
        )
    return version


def current_wordings(app_id: int) -> dict[str, Shown]:
    """The newest version of each subject; the channels always have one. Cost: one query."""
    newest = Wording.objects.filter(app_id=app_id).order_by("subject", "-version").distinct("subject")
    written = {one.subject: Shown(one.text, one.version) for one in newest}
    return {**{channel: built_in(channel) for channel in CHANNELS}, **written}


def versions_of(app_id: int, text: str) -> dict[str, int]:
    """{subject: the newest version that says exactly this}. Cost: one query."""
    same = Wording.objects.filter(app_id=app_id, text=text).order_by("subject", "-version").distinct("subject")
    return {one.subject: one.version for one in same}


def shown_wordings(app_id: int, versions: Mapping[str, int]) -> dict[str, Shown]:
    """The texts of these versions, as a form says it showed them; what was never written is left out."""
    subjects = [subject for subject, version in versions.items() if version]
    found = Wording.objects.filter(app_id=app_id, subject__in=subjects)
    written = {one.subject: Shown(one.text, one.version) for one in found if versions[one.subject] == one.version}
    return {**{subject: built_in(subject) for subject, version in versions.items() if not version}, **written}


def built_in(subject: str) -> Shown:
    """The house's own words for a channel; for a topic that nobody described, its key."""
    texts = {
        "push": _("Notifications on this phone or browser: news, offers and reminders."),
        "sms": _("Text messages to your mobile number: news, offers and reminders."),
    }
    return Shown(texts.get(subject) or subject.removeprefix("topic:"), 0)


def save_topic(*, topic: Topic, author: str, now: datetime) -> Topic:
    """Store a topic; what it says about itself becomes a version where it changed. Raises InvalidInput."""
    with transaction.atomic():
        topic.save()
        text = f"{topic.name}: {topic.description}" if topic.description else topic.name
        write_wording(app=topic.app, subject=topic_subject(topic.key), text=text, author=author, now=now)
    return topic
