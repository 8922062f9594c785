"""The builder of automations and the page of one that runs, through their doors."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.lifecycle import StepDraft, pause, resume
from apps.campaigns.services.automations.moving import move_due
from apps.campaigns.services.automations.readiness import automation_problems
from apps.campaigns.services.automations.starters import starters
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch
from apps.segments.queries import users_of
from tests.factories import NOW, make_app, make_campaign, make_channel, make_people, make_segment, make_user
from tests.factories.automations import PUSH, did, make_active, make_automation, wait

pytestmark = pytest.mark.django_db
FIELDS = {
    "name": "Cart",
    "trigger": "event",
    "trigger_event": "cart_updated",
    "reentry": "never",
    "reentry_days": "30",
    "goal_days": "7",
    "holdout_percent": "0",
    "expire_value": "1",
    "expire_unit": "days",
    "respects_cap": "on",
    "respects_quiet_hours": "on",
    "version": "1",
}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(app: App, client: Client) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


def save(client: Client, automation: Automation, *, htmx: bool = False, **sent: Any) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(f"/admin/campaigns/automation/{automation.pk}/save/", {**FIELDS, **sent}, headers=headers)


def kinds(automation: Automation) -> list[str]:
    return list(automation.steps.values_list("kind", flat=True))


@pytest.mark.parametrize("slug", [one.slug for one in starters()])
def test_each_starter_opens_as_a_draft(slug: str, app: App, marketer: Client) -> None:
    sent = {"name": "A new one", "app": app.pk, "starter": slug}
    answer = marketer.post("/admin/campaigns/automation/add/", sent, follow=True)
    assert "A new one" in answer.content.decode()
    steps = Automation.objects.get().steps.count()
    assert steps == next(len(one.steps) for one in starters() if one.slug == slug)


def test_a_started_cart_needs_nothing_but_the_start(app: App, marketer: Client) -> None:
    make_channel(app)
    sent = {"name": "Cart", "app": app.pk, "starter": "cart"}
    marketer.post("/admin/campaigns/automation/add/", sent)
    automation = Automation.objects.get()
    assert automation_problems(automation) == []
    marketer.post(f"/admin/campaigns/automation/{automation.pk}/activate/", {"version": "1"})
    automation.refresh_from_db()
    assert automation.state == "active"


def test_what_is_typed_is_stored(app: App, marketer: Client) -> None:
    automation = make_automation(app, wait(60), PUSH)
    sent = {"s0-amount": "3", "s0-unit": "hours", "s0-until": "18:30", "v1-text-en-title": "Hi", "exit_other": "bought"}
    answer = save(marketer, automation, htmx=True, **sent)
    assert answer.status_code == 200
    automation.refresh_from_db()
    assert automation.exit_events == ["bought"]
    settings = list(automation.steps.values_list("settings", flat=True))
    assert settings[0] == {"minutes": 180, "until": "18:30"}
    assert settings[1]["texts"]["en"]["title"] == "Hi"


def test_what_was_put_right_is_no_longer_called_wrong(app: App, marketer: Client) -> None:
    make_channel(app)
    automation = make_automation(app, wait(60), PUSH)
    for amount, is_wrong in (("0", True), ("3", False), ("lots", True), ("4", False)):
        automation.refresh_from_db()
        texts = {"v1-text-en-title": "Hi", "v1-text-en-body": "You"}
        sent = {"s0-amount": amount, "s0-unit": "hours", "version": str(automation.version), **texts}
        said = save(marketer, automation, htmx=True, **sent).content.decode()
        slot = said.split('id="problems-s0-amount"')[1].split("</div>")[0]
        assert ("hg-problem" in slot) is is_wrong
        assert ("Everything is there." in said) is not is_wrong


def test_steps_are_added_moved_and_removed(app: App, marketer: Client) -> None:
    automation = make_automation(app, wait(60), PUSH)
    typed = {"s0-amount": "60", "s0-unit": "minutes", "v1-text-en-title": "Hi", "v1-text-en-body": "There"}
    save(marketer, automation, edit="add:2:condition", **typed)
    assert kinds(automation) == ["wait", "push", "condition"]
    asked = {**typed, "s2-ask": "rule", "s2-otherwise": "skip", **rule_rows(2, "language", "is", "pl")}
    save(marketer, automation, edit="up:2", **{**asked, "version": "2"})
    assert kinds(automation) == ["wait", "condition", "push"]
    assert automation.steps.get(position=1).settings == {"ask": "rule", "otherwise": "skip", "rule": POLISH}
    save(marketer, automation, edit="remove:0", **{**typed, "s1-ask": "rule", "s1-otherwise": "skip", "version": "3"})
    assert kinds(automation) == ["condition", "push"]


def test_an_edit_that_would_lose_what_was_typed_is_not_done_and_says_so(app: App, marketer: Client) -> None:
    automation = make_automation(app, wait(60), PUSH)
    typed = {"s0-amount": "-5", "s0-unit": "hours", "v1-text-en-title": "Just typed"}
    page = save(marketer, automation, edit="add:1:condition", **typed).content.decode()
    assert ("The step was not added." in page, 'value="-5"' in page, 'value="Just typed"' in page) == (True, True, True)
    assert '<a href="#s0-amount">Wait</a>: Ensure this value is greater than or equal to 0' in page
    assert [step.settings.get("minutes") for step in automation.steps.all()] == [60, None]
    assert automation.steps.get(position=1).settings["texts"]["en"]["title"] == "Just typed"
    save(marketer, automation, edit="remove:0", **typed, version="2")
    assert kinds(automation) == ["push"]


def rule_rows(position: int, field: str, op: str, value: str) -> dict[str, Any]:
    """What the page sends of a condition's rule of one row."""
    root, row = f"root{position}", f"row{position}"
    typed = {
        f"{row}-field": field,
        f"{row}-drawn": field,
        f"{row}-kind": "text",
        f"{row}-op": op,
        f"{row}-value": value,
    }
    return {f"s{position}-root": root, "node": [f"{root}:", f"{row}:{root}"], f"{root}-match": "all", **typed}


POLISH = {"match": "all", "rules": [{"field": "language", "op": "is", "value": "pl"}]}


def test_two_conditions_of_a_page_keep_their_own_rules(app: App, marketer: Client) -> None:
    condition = StepDraft("condition", {"ask": "rule", "otherwise": "leave"})
    automation = make_automation(app, condition, condition, PUSH)
    first, second = rule_rows(0, "language", "is", "pl"), rule_rows(1, "country", "is", "FR")
    sent = {**first, **second, "node": [*first["node"], *second["node"]], "s0-ask": "rule", "s1-ask": "rule"}
    save(marketer, automation, **sent)
    rules = [step.settings["rule"]["rules"][0]["field"] for step in automation.steps.all()[:2]]
    assert rules == ["language", "country"]


def test_a_rule_is_kept_while_something_else_is_asked(app: App, marketer: Client) -> None:
    automation = make_automation(app, PUSH, StepDraft("condition", {"ask": "rule", "rule": POLISH}), PUSH)
    save(marketer, automation, **{"s1-ask": "opened"})
    assert automation.steps.get(position=1).settings == {"ask": "opened", "otherwise": "leave", "rule": POLISH}


def test_half_a_rule_is_stored_and_keeps_it_from_starting(app: App, marketer: Client) -> None:
    automation = make_automation(app, StepDraft("condition", {"ask": "rule"}), PUSH)
    save(marketer, automation, **{"s0-ask": "rule", **rule_rows(0, "trait.gone", "is", "pl")})
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "Rule 1: " in page
    assert any(problem.pointer.startswith("/steps/0/rule/rules/0") for problem in automation_problems(automation))


@pytest.mark.parametrize(("tongue", "said"), [("pl", '<b class="hg-strong">1</b> of the 2'), ("", "Finish the rule")])
def test_a_condition_says_how_many_would_go_on(app: App, marketer: Client, tongue: str, said: str) -> None:
    automation = make_automation(app, StepDraft("condition", {"ask": "rule"}), PUSH)
    one, two, stranger = make_people(app, 3)
    Customer.objects.filter(pk__in=[one.customer_id, stranger.customer_id]).update(language="pl")
    did(app, [str(device.customer.external_id) for device in (one, two)], now=timezone.now() - timedelta(days=2))
    sent = {"step": "0", **rule_rows(0, "language", "is", tongue)}
    page = marketer.post(f"/admin/campaigns/automation/{automation.pk}/count/", sent).content.decode()
    assert said in page


def test_where_nobody_came_lately_everybody_is_counted(app: App, marketer: Client) -> None:
    automation = make_automation(app, StepDraft("condition", {"ask": "rule"}), PUSH)
    make_people(app, 2)
    Customer.objects.update(language="pl")
    sent = {"step": "0", **rule_rows(0, "language", "is", "pl")}
    page = marketer.post(f"/admin/campaigns/automation/{automation.pk}/count/", sent).content.decode()
    assert "people of all fit now" in page


def test_who_takes_too_long_to_find_is_not_taken_for_nobody(app: App, marketer: Client) -> None:
    automation = make_automation(app, StepDraft("condition", {"ask": "rule"}), PUSH)
    sent = {"step": "0", **rule_rows(0, "language", "is", "pl")}
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other, other.transaction():
        other.execute("lock table customers_event in access exclusive mode")
        page = marketer.post(f"/admin/campaigns/automation/{automation.pk}/count/", sent).content.decode()
    assert "Too slow to count" in page


@pytest.mark.parametrize(
    "edit",
    ["add:9:wait", "add:0:gone", "remove:x", "remove:²", "up:0", "speak:0:fr", "mute:1:en", "mute:²:en", "nonsense"],
    ids=ascii,
)
def test_an_edit_that_makes_no_sense_changes_nothing(edit: str, app: App, marketer: Client) -> None:
    automation = make_automation(app, wait(60), PUSH)
    assert save(marketer, automation, edit=edit, **{"s0-amount": "1", "s0-unit": "hours"}).status_code == 302
    assert kinds(automation) == ["wait", "push"]


def test_two_editors_never_overwrite_each_other(app: App, marketer: Client) -> None:
    automation = make_automation(app)
    save(marketer, automation, name="First")
    answer = save(marketer, automation, htmx=True, name="Second")
    automation.refresh_from_db()
    assert (answer.status_code, automation.name) == (409, "First")
    assert "Somebody else changed" in answer.content.decode()


def test_what_is_missing_stands_beside_its_field_and_keeps_it_from_starting(app: App, marketer: Client) -> None:
    automation = make_automation(app, wait(0), trigger_event="")
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "Say what people do to enter" in page
    assert "Say how long, or until when" in page
    assert "Add at least one message" in page
    marketer.post(f"/admin/campaigns/automation/{automation.pk}/activate/", {"version": "1"})
    automation.refresh_from_db()
    assert automation.state == "draft"


def test_where_a_second_yes_is_asked_for_the_author_does_not_start_it(app: App, marketer: Client) -> None:
    App.objects.update(approve_above=0)
    automation = make_automation(app)
    typed = {"text-en-title": "Hi", "text-en-body": "There"}
    approver = make_user(app, role="approver", username="anna")
    make_user(app, role="analyst", username="only-reads")
    told = save(marketer, automation, htmx=True, name="Mine", **typed).content.decode()
    assert "You wrote it last, so a colleague has to start it." in told
    assert "These may: anna." in told
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert 'id="start-version"' not in page
    said = marketer.post(f"/admin/campaigns/automation/{automation.pk}/activate/", {"version": "2"}, follow=True)
    assert "A colleague who did not write it last has to start it" in said.content.decode()
    automation.refresh_from_db()
    assert automation.state == "draft"
    marketer.force_login(approver)
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "yours is the second pair of eyes" in page
    assert 'id="start-version" value="2"' in page
    marketer.post(f"/admin/campaigns/automation/{automation.pk}/activate/", {"version": "2"})
    automation.refresh_from_db()
    assert automation.state == "active"


def test_the_page_of_a_running_one_shows_its_funnel(app: App, marketer: Client) -> None:
    automation = make_active(app, PUSH, wait(60), PUSH, exit_events=["purchase"], goal_event="purchase")
    names = [str(device.customer.external_id) for device in make_people(app, 3)]
    did(app, names)
    take_arrivals(NOW)
    move_due(NOW)
    did(app, names[:1], "purchase")
    take_arrivals(NOW)
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "2 people wait here" in page
    assert "did “purchase”" in page
    listed = marketer.get("/admin/campaigns/automation/").content.decode()
    assert automation.name in listed
    assert "1 (33 %)" in listed


def test_a_persons_page_says_where_they_are_in_an_automation_and_why_they_left(app: App, marketer: Client) -> None:
    automation = make_active(app, PUSH, wait(60), PUSH, exit_events=["purchase"])
    stays, goes = [device.customer for device in make_people(app, 2)]
    did(app, [str(stays.external_id), str(goes.external_id)])
    take_arrivals(NOW)
    move_due(NOW)
    did(app, [str(goes.external_id)], "purchase")
    take_arrivals(NOW)
    inside, left = (
        marketer.get(f"/admin/customers/customer/{one.pk}/change/").content.decode() for one in (stays, goes)
    )
    step = f"/admin/campaigns/automation/{automation.pk}/change/#step-2"
    assert step in inside
    assert "At step 2, 1 hour" in inside
    assert step in left
    assert "before step 2, 1 hour: did “purchase”" in left
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert 'id="step-2"' in page
    assert f"/admin/customers/customer/{stays.pk}/change/" in page


def test_a_segment_that_starts_an_automation_cannot_be_of_another_app(app: App, marketer: Client) -> None:
    automation, foreign = make_automation(app), make_segment(make_app())
    save(marketer, automation, trigger="segment", trigger_segment=foreign.pk)
    automation.refresh_from_db()
    assert automation.trigger_segment is None


def test_a_campaigns_message_becomes_an_automation(app: App, marketer: Client) -> None:
    campaign = make_campaign(app, name="Spring", respects_cap=False)
    page = marketer.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()
    assert f"/admin/campaigns/campaign/{campaign.pk}/automate/" in page
    marketer.post(f"/admin/campaigns/campaign/{campaign.pk}/automate/")
    automation = Automation.objects.get()
    assert (automation.name, automation.respects_cap) == ("Spring", False)
    assert automation.steps.get().settings["texts"] == campaign.variants.get().texts


def test_the_start_says_how_many_would_have_entered_lately(app: App, marketer: Client) -> None:
    automation = make_automation(app)
    names = [str(device.customer.external_id) for device in make_people(app, 2)]
    did(app, names, now=timezone.now() - timedelta(days=2))
    did(app, names[:1], now=timezone.now() - timedelta(days=9))
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "2 people would have entered in the last 7 days" in page


def test_a_segment_that_starts_an_automation_stays(app: App) -> None:
    segment = make_segment(app)
    automation = make_automation(app, trigger="segment", trigger_segment=segment)
    assert [user.name for user in users_of(segment)] == [automation.name]


def test_a_message_that_stopped_by_itself_is_told(app: App, marketer: Client) -> None:
    automation = make_active(app)
    did(app, [str(device.customer.external_id) for device in make_people(app, 1)])
    take_arrivals(NOW)
    move_due(NOW)
    Dispatch.objects.update(state="paused", reason="errors: 40 % of 20 answers")
    page = marketer.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "errors: 40 % of 20 answers" in page
    resumed = pause(automation=automation, actor="mary", now=NOW)
    resume(automation=resumed, actor="mary", now=NOW)
    assert Dispatch.objects.get().state == "sending"


def test_a_pause_says_how_many_go_on_at_once(app: App, marketer: Client) -> None:
    automation = make_active(app, wait(60), PUSH)
    did(app, [str(device.customer.external_id) for device in make_people(app, 2)])
    take_arrivals(NOW)
    move_due(NOW)
    address = f"/admin/campaigns/automation/{automation.pk}/change/"
    assert "go on at once" not in marketer.get(address).content.decode()
    automation.runs.update(due_at=timezone.now() - timedelta(days=3))
    pause(automation=automation, actor="mary", now=NOW)
    assert "2 people are due and go on at once when it is resumed" in marketer.get(address).content.decode()
