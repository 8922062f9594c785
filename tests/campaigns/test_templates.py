"""Messages kept as templates; campaigns put away."""

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.campaigns.models import Campaign, MessageTemplate
from apps.campaigns.services import lifecycle
from apps.campaigns.services.templates import save_template
from apps.core.problems import Conflict, InvalidInput
from tests.factories import make_app, make_campaign, make_user
from tests.factories.people import NOW

pytestmark = pytest.mark.django_db
TEXTS = {"en": {"title": "Sale", "body": "Today {{ first_name }}"}, "pl": {"title": "Promocja", "body": "Dziś"}}
LIST = "/admin/campaigns/campaign/"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


def kept(app: App, name: str = "Sale") -> MessageTemplate:
    actor = make_user(app, role="marketer")
    return save_template(campaign=make_campaign(app, texts=TEXTS), name=name, actor=actor, now=NOW)


def test_a_campaign_begins_with_a_template(marketer: Client, app: App) -> None:
    template = kept(app)
    assert "Sale" in marketer.get(f"{LIST}add/", {"template": template.pk}).content.decode()
    marketer.post(f"{LIST}add/", {"name": "June", "app": app.pk, "template": template.pk})
    assert Campaign.objects.get(name="June").variants.get().texts == TEXTS


def test_a_template_of_another_app_is_not_offered(marketer: Client, app: App) -> None:
    marketer.post(f"{LIST}add/", {"name": "June", "app": app.pk, "template": kept(make_app()).pk})
    assert not Campaign.objects.filter(name="June").exists()


def test_the_builder_keeps_what_is_stored_and_replaces_by_name(marketer: Client, app: App) -> None:
    campaign = make_campaign(app, texts=TEXTS)
    for _again in range(2):
        answer = marketer.post(f"{LIST}{campaign.pk}/keep/", {"template_name": " Spring  sale "})
    assert "Kept as “Spring sale”" in answer.content.decode()
    assert MessageTemplate.objects.get().texts == TEXTS


def test_nothing_written_is_not_kept(app: App) -> None:
    with pytest.raises(InvalidInput, match="no text to keep"):
        save_template(campaign=make_campaign(app, texts={"en": {}}), name="x", actor=make_user(app), now=NOW)


def test_the_list_shows_what_a_template_says(marketer: Client, app: App) -> None:
    kept(app)
    page = marketer.get("/admin/campaigns/messagetemplate/").content.decode()
    assert "Sale" in page
    assert "First name" in page


def test_an_archived_campaign_leaves_the_list_until_asked_for(marketer: Client, app: App) -> None:
    campaign = make_campaign(app, name="Old one", state="finished")
    marketer.post(f"{LIST}{campaign.pk}/archive/")
    assert "Old one" not in marketer.get(LIST).content.decode()
    assert "Old one" in marketer.get(LIST, {"archived": "yes"}).content.decode()
    marketer.post(f"{LIST}{campaign.pk}/restore/")
    assert "Old one" in marketer.get(LIST).content.decode()


def test_a_copy_of_an_archived_campaign_is_not_archived(app: App) -> None:
    campaign = make_campaign(app, state="finished", archived_at=NOW)
    assert lifecycle.duplicate(campaign=campaign, actor="t", now=NOW).archived_at is None


def test_what_is_on_its_way_is_not_put_away(app: App) -> None:
    with pytest.raises(Conflict, match="not at its end"):
        lifecycle.archive(campaign=make_campaign(app, state="scheduled", scheduled_at=NOW), actor="t", now=NOW)
