"""Two apps, one admin: an owner of the one finds nothing of the other, on any page, by any method.

Pages are found in the registry, so that a new one is tried without being told; only a new model needs a row here.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, reverse

from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.services.audit import write_audit
from apps.api.models import ApiKey, IdentityCheck
from apps.campaigns.models import MessageTemplate
from apps.customers.models import Topic, Wording
from apps.customers.services.import_files import store_upload
from apps.customers.services.wordings import save_topic
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.services.choose import choose_due
from tests.factories import NOW, make_app, make_channel, make_segment, make_user
from tests.factories.api import make_key
from tests.factories.automations import make_automation
from tests.factories.boosters import make_boost, make_unopened
from tests.factories.webhooks import make_endpoint

LATER = NOW + timedelta(hours=2)
pytestmark = pytest.mark.django_db
MARK = "only-of-the-other-app"
PAGES = {
    model._meta.label_lower: page
    for model, page in admin.site._registry.items()
    if model.__module__.startswith("apps.")
}


def addresses(label: str) -> list[tuple[str, int]]:
    """(name, how many parameters it has) of each address of a model's page."""
    found = (one for one in PAGES[label].get_urls() if isinstance(one, URLPattern) and one.name)
    return [(str(one.name), one.pattern.regex.groups) for one in found]


@pytest.fixture
def foreign() -> dict[str, Model]:
    """One row of each model with a page, in another app."""
    other = make_app(name=MARK)
    person = make_unopened(other)[0]
    person.first_name = person.external_id = MARK
    person.save()
    rule = make_boost(other)
    rule.campaign.name = MARK
    rule.campaign.save()
    choose_due(LATER)
    make_key(other)
    reply = SmsReply.objects.create(app_id=other.pk, provider_id="SM1", phone="+48500", body=MARK, received_at=NOW)
    topic = save_topic(topic=Topic(app=other, key=MARK, name=MARK), author=MARK, now=NOW)
    rows = [
        other,
        topic,
        Wording.objects.get(app=other),
        make_user(other, username=MARK),
        write_audit(app=other, actor=MARK, action="x.done", subject="x:1", details={}, now=LATER),
        person,
        person.devices.get(),
        make_channel(other, "apns"),
        make_segment(other, [person], name=MARK),
        store_upload(app=other, pieces=[f"external_id\n{MARK}\n".encode()], file_name=MARK, created_by="", now=NOW),
        MessageTemplate.objects.create(app=other, name=MARK, texts={"en": {"title": MARK}}, created_at=NOW),
        rule.campaign,
        make_automation(other, name=MARK),
        SmsMessage.objects.get(),
        reply,
        ApiKey.objects.get(app=other),
        IdentityCheck.objects.create(app=other),
        make_endpoint(other, f"http://127.0.0.1:9/{MARK}"),
    ]
    return {row._meta.label_lower: row for row in rows}


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(make_user(make_app(), role="owner"))
    return client


def text_of(answer: Any) -> str:
    return b"".join(answer).decode()


def test_every_page_is_scoped(foreign: dict[str, Model]) -> None:
    assert sum(len(addresses(label)) for label in PAGES) > 60, "no pages found: the registry is read wrongly"
    assert all(isinstance(page, AppScopedAdmin) for page in PAGES.values())
    assert PAGES.keys() == foreign.keys(), "give each model with a page a row in `foreign`"


@pytest.mark.parametrize("label", PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_foreign_row_is_on_no_page(owner: Client, foreign: dict[str, Model], label: str, method: str) -> None:
    leaks = []
    for name, parameters in addresses(label):
        url = reverse(f"admin:{name}", args=[foreign[label].pk, *["0"] * (parameters - 1)] if parameters else [])
        answer = getattr(owner, method)(url)
        is_refused = answer.status_code in (403, 404, 405) or not parameters
        if MARK in text_of(answer) or not is_refused:
            leaks.append((name, answer.status_code))
    assert leaks == []


@pytest.mark.parametrize("label", ["customers.customer", "segments.segment", "campaigns.campaign", "accounts.user"])
def test_a_search_finds_nothing_foreign(owner: Client, foreign: dict[str, Model], label: str) -> None:
    name = label.replace(".", "_")
    assert MARK not in owner.get(reverse(f"admin:{name}_changelist"), {"q": MARK[:9]}).content.decode()


@pytest.mark.parametrize("label", PAGES)
def test_a_superuser_does_see_them(foreign: dict[str, Model], label: str) -> None:
    """So that the tests above could have failed."""
    client = Client()
    client.force_login(make_user(is_superuser=True))
    name = label.replace(".", "_")
    answer = client.get(reverse(f"admin:{name}_changelist"))
    assert answer.status_code == 200
    assert f"/{foreign[label].pk}/" in text_of(answer) or MARK in text_of(answer)
