"""Topics and wordings in the admin: a new wording is a new version, and an old one stands."""

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.customers.models import Topic, Wording
from tests.factories import make_app, make_user

pytestmark = pytest.mark.django_db
TOPICS, WORDINGS = "/admin/customers/topic/", "/admin/customers/wording/"
OFFERS = {
    "key": "offers",
    "cap_days": "7",
    "name": "Offers",
    "description": "Twice a week.",
    "position": 1,
    "is_shown": "on",
}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(app: App) -> Client:
    client = Client()
    client.force_login(make_user(app, role="marketer", username="mia"))
    return client


def test_a_topic_and_its_wording_are_written_together(app: App, marketer: Client) -> None:
    marketer.post(f"{TOPICS}add/", {**OFFERS, "app": app.pk})
    topic = Topic.objects.get()
    changed = {**OFFERS, "description": "Once a week.", "key": "renamed"}
    marketer.post(f"{TOPICS}{topic.pk}/change/", changed)
    topic.refresh_from_db()
    assert (topic.key, topic.description) == ("offers", "Once a week.")
    assert list(Wording.objects.order_by("version").values_list("subject", "text", "created_by")) == [
        ("topic:offers", "Offers: Twice a week.", "mia"),
        ("topic:offers", "Offers: Once a week.", "mia"),
    ]
    assert "Once a week." in marketer.get(TOPICS).content.decode()


def test_a_bad_or_known_key_is_refused_beside_its_field(app: App, marketer: Client) -> None:
    marketer.post(f"{TOPICS}add/", {**OFFERS, "app": app.pk})
    for key in ("offers", "a\u0007b", ""):
        assert marketer.post(f"{TOPICS}add/", {**OFFERS, "key": key, "app": app.pk}).status_code == 200
    assert Topic.objects.count() == 1


def test_a_channels_wording_gets_a_new_version_and_is_never_changed(app: App, marketer: Client) -> None:
    for text in ("Yes, text me.", "Yes, text me offers.", "Yes, text me offers."):
        marketer.post(f"{WORDINGS}add/", {"app": app.pk, "subject": "sms", "text": text})
    assert list(Wording.objects.order_by("version").values_list("version", "text")) == [
        (1, "Yes, text me."),
        (2, "Yes, text me offers."),
    ]
    first = Wording.objects.first()
    assert first is not None
    assert marketer.post(f"{WORDINGS}{first.pk}/change/", {"text": "Other"}).status_code == 403
    assert "Yes, text me offers." in marketer.get(WORDINGS).content.decode()


def test_an_analyst_only_reads(app: App) -> None:
    analyst = Client()
    analyst.force_login(make_user(app, role="analyst"))
    assert analyst.get(TOPICS).status_code == 200
    assert analyst.post(f"{TOPICS}add/", {**OFFERS, "app": app.pk}).status_code == 403
    assert analyst.post(f"{WORDINGS}add/", {"app": app.pk, "subject": "sms", "text": "x"}).status_code == 403


def test_a_preview_shows_the_page_and_saves_nothing(app: App, marketer: Client) -> None:
    marketer.post(f"{TOPICS}add/", {**OFFERS, "app": app.pk})
    html = marketer.get(f"{TOPICS}preview/?app={app.slug}").content.decode()
    assert "Twice a week." in html
    assert marketer.post(f"{TOPICS}preview/?app={app.slug}", {"stop": "everything"}).status_code in (200, 403)
    assert marketer.get(f"{TOPICS}preview/?app={make_app().slug}").status_code == 404
