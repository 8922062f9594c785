"""Drafts: nobody overwrites anybody."""

import pytest

from apps.campaigns.models import Campaign
from apps.campaigns.services.drafts import DraftChanges, create_draft, save_draft
from apps.campaigns.services.lifecycle import StaleVersion
from apps.core.problems import Conflict
from tests.factories import NOW, make_app, make_campaign, make_segment, make_user

pytestmark = pytest.mark.django_db


def test_a_new_draft_speaks_the_default_language() -> None:
    app = make_app(default_language="pl")
    campaign = create_draft(app=app, name="Wiosna", author=make_user(app))
    assert campaign.variants.get().texts == {"pl": {}}


def test_a_save_raises_the_version() -> None:
    campaign = make_campaign(make_app())
    version = save_draft(campaign=campaign, version=1, changes=DraftChanges(fields={"name": "New"}), now=NOW)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.version) == ("New", version) == ("New", 2)


def test_stores_segments_and_texts() -> None:
    app = make_app()
    campaign, segment = make_campaign(app), make_segment(app)
    changes = DraftChanges(include_ids=[segment.pk], texts={"en": {"title": "Hi"}})
    save_draft(campaign=campaign, version=1, changes=changes, now=NOW)
    assert list(campaign.include_segments.all()) == [segment]
    assert campaign.variants.get().texts == {"en": {"title": "Hi"}}


def test_the_slower_of_two_editors_changes_nothing() -> None:
    campaign = make_campaign(make_app())
    save_draft(campaign=campaign, version=1, changes=DraftChanges(fields={"name": "Fast"}), now=NOW)
    late = DraftChanges(fields={"name": "Slow"}, texts={"en": {"title": "Slow"}})
    with pytest.raises(StaleVersion):
        save_draft(campaign=campaign, version=1, changes=late, now=NOW)
    assert Campaign.objects.get().name == "Fast"
    assert campaign.variants.get().texts["en"]["title"] == "Hello"


def test_what_is_scheduled_stands_still() -> None:
    campaign = make_campaign(make_app(), state="scheduled")
    with pytest.raises(Conflict) as refusal:
        save_draft(campaign=campaign, version=1, changes=DraftChanges(fields={"name": "Late"}), now=NOW)
    assert refusal.value.code == "not_a_draft"
