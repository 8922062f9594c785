"""A segment that only a step of an automation asks about stays, and who asks is named."""

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import StepDraft
from apps.core.problems import Conflict
from apps.segments.models import Segment
from apps.segments.services.editing import delete_segment
from tests.factories import make_app, make_segment
from tests.factories.automations import PUSH, make_automation

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def asking(app: App, segment: Segment) -> Automation:
    """Its condition asks about the segment, two groups deep."""
    asked = {"field": "segment", "op": "in", "value": segment.pk}
    rule = {"all": True, "rules": [{"all": False, "rules": [asked]}]}
    condition = StepDraft("condition", {"ask": "rule", "rule": rule, "otherwise": "leave"})
    return make_automation(app, condition, PUSH, name="Welcome")


def test_a_segment_in_a_condition_stays(app: App) -> None:
    segment = make_segment(app)
    asking(app, segment)
    with pytest.raises(Conflict, match="Welcome"):
        delete_segment(segment=segment)


def test_an_ended_automation_and_another_segment_keep_nothing(app: App) -> None:
    segment, other = make_segment(app), make_segment(app)
    automation = asking(app, segment)
    delete_segment(segment=other)
    Automation.objects.filter(pk=automation.pk).update(state="ended")
    delete_segment(segment=segment)
    assert not Segment.objects.exists()
