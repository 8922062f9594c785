"""The dry run tells beforehand exactly what the launch then does, and leaves nothing behind."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services import lifecycle
from apps.campaigns.services.readiness import NotReady
from apps.campaigns.services.simulate import simulate_campaign
from apps.customers.models import Customer
from apps.deliveries.models import Delivery, Dispatch
from apps.segments.models import Segment
from tests.factories import NOW, make_app, make_campaign, make_customer, make_ready_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    """To six people: one opted out, one has no device."""
    campaign = make_ready_campaign(app, people=5)
    people = campaign.include_segments.get().memberships
    Customer.objects.filter(pk=people.earliest("id").customer_id).update(push_consent=False)
    people.create(customer=make_customer(app), joined_at=NOW)
    return campaign


def test_simulated_is_executed(campaign: Campaign) -> None:
    simulated = simulate_campaign(campaign, NOW)
    launched = lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert simulated == launched_waterfall(launched)
    assert simulated.excluded == {"no_consent": (1, 1), "no_live_device": (1, 1)}
    assert (simulated.planned_people, simulated.sending_people) == (6, 4)


def test_a_dry_run_leaves_nothing(campaign: Campaign) -> None:
    simulate_campaign(campaign, NOW)
    assert (Dispatch.objects.count(), Delivery.objects.count()) == (0, 0)
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"


def test_a_dynamic_segment_is_computed_first(app: App) -> None:
    campaign = make_ready_campaign(app)
    make_customer(app, country="DE")
    rule = {"match": "all", "rules": [{"field": "country", "op": "is", "value": "DE"}]}
    germans = Segment.objects.create(app=app, name="Germans", kind="dynamic", rule=rule)
    campaign.include_segments.set([germans])
    assert simulate_campaign(campaign, NOW).planned_people == 1


def test_without_an_audience_there_is_nothing_to_simulate(app: App) -> None:
    with pytest.raises(NotReady):
        simulate_campaign(make_campaign(app), NOW)


def run(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def test_send_campaign_launches_a_draft_and_prints_the_waterfall(campaign: Campaign) -> None:
    printed = run("send_campaign", campaign.pk, "--now")
    assert Campaign.objects.get(pk=campaign.pk).state == "launched"
    assert printed.splitlines()[2].split() == ["audience", "6", "6"]
    assert printed.splitlines()[-1].split() == ["=", "will", "be", "sent", "4", "4"]


def test_simulate_campaign_prints_problems_and_waterfall(campaign: Campaign) -> None:
    Campaign.objects.update(throttle_per_second=-1)
    printed = run("simulate_campaign", campaign.pk)
    assert "/throttle_per_second range" in printed
    assert "- no_consent" in printed


def test_send_campaign_names_what_is_missing(app: App) -> None:
    with pytest.raises(CommandError, match="audience_missing"):
        run("send_campaign", make_campaign(app).pk, "--now")


def test_send_campaign_tells_that_it_was_sent_already(campaign: Campaign) -> None:
    run("send_campaign", campaign.pk, "--now")
    with pytest.raises(CommandError, match="is launched"):
        run("send_campaign", campaign.pk, "--now")


@pytest.mark.parametrize("command", [("send_campaign", "999", "--now"), ("simulate_campaign", "999")])
@pytest.mark.django_db
def test_an_unknown_campaign_is_said_so(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="no campaign 999"):
        run(*command)


def test_send_campaign_wants_a_clear_yes(campaign: Campaign) -> None:
    with pytest.raises(CommandError, match="--now"):
        run("send_campaign", campaign.pk)
