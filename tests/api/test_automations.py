"""Automations by API: read, started, paused, and entered by name."""

from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Automation, AutomationRun
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.lifecycle import StepDraft, end, pause
from apps.campaigns.services.automations.moving import move_due
from apps.customers.models import EventType
from apps.deliveries.models import PersonalFacts
from tests.factories import make_app, make_people, make_segment
from tests.factories.api import ApiCaller, codes_of, make_key
from tests.factories.automations import PUSH, did, make_active, make_automation, wait

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(app: App) -> list[str]:
    """Three customers with a device each, by their external ids."""
    return [str(device.customer.external_id) for device in make_people(app, 3)]


def enter(api: ApiCaller, automation: Automation, customers: list[str], **body: Any) -> Any:
    headers = {"idempotency_key": body.pop("key")} if "key" in body else {}
    return api.post(f"/v2.1/automations/{automation.pk}/enter", {"customers": customers, **body}, **headers)


def verdicts(answer: Any) -> list[str]:
    assert answer.status_code == 202, answer.content
    return [one["status"] for one in answer.json()["data"]]


def test_they_are_listed_with_their_numbers(api: ApiCaller, app: App, people: list[str]) -> None:
    draft, active = make_automation(app), make_active(app, wait(60), PUSH)
    make_automation(make_app())
    enter(api, active, people[:2])
    listed = api.get("/v2.1/automations").json()["data"]
    assert [(one["id"], one["state"], one["inside"]) for one in listed] == [
        (active.pk, "active", 2),
        (draft.pk, "draft", 0),
    ]
    assert [one["id"] for one in api.get("/v2.1/automations?state=draft").json()["data"]] == [draft.pk]
    assert api.get(f"/v2.1/automations/{active.pk}").json()["event"] == "cart_updated"


def test_the_report_is_the_funnel(api: ApiCaller, app: App, people: list[str]) -> None:
    automation = make_active(app, PUSH, wait(60))
    enter(api, automation, people)
    move_due(timezone.now())
    report = api.get(f"/v2.1/automations/{automation.pk}/report").json()
    assert (report["entered"], report["inside"]) == (3, 3)
    assert [(step["kind"], step["reached"], step["waiting"]) for step in report["steps"]] == [
        ("push", 3, 0),
        ("wait", 3, 3),
    ]


@pytest.mark.parametrize("verb", ["report", "enter", "start", "pause", "resume", "end"])
def test_anothers_is_not_found(api: ApiCaller, verb: str) -> None:
    foreign = make_active(make_app())
    path = f"/v2.1/automations/{foreign.pk}/{verb}"
    answer = api.get(path) if verb == "report" else api.post(path, {"customers": ["a"]})
    assert answer.status_code == 404


def test_its_life_is_led_by_a_key_and_audited(api: ApiCaller, app: App) -> None:
    automation = make_automation(app)
    verbs = ("start", "pause", "pause", "resume", "resume", "end", "end")
    told = [api.post(f"/v2.1/automations/{automation.pk}/{verb}") for verb in verbs]
    states = ["active", "paused", "paused", "active", "active", "ended", "ended"]
    assert [(one.status_code, one.json()["state"]) for one in told] == [(200, state) for state in states]
    actions = AuditEntry.objects.filter(actor__startswith="key:").order_by("id").values_list("action", flat=True)
    assert list(actions) == [f"automation.{done}" for done in ("activated", "paused", "resumed", "ended")]
    again = api.post(f"/v2.1/automations/{automation.pk}/start")
    assert (again.status_code, codes_of(again)) == (409, {"invalid_transition"})


def test_what_is_missing_is_named(api: ApiCaller, app: App) -> None:
    answer = api.post(f"/v2.1/automations/{make_automation(app, wait(0), trigger_event='').pk}/start")
    assert answer.status_code == 400
    assert {"/trigger_event", "/steps"} <= {error["pointer"] for error in answer.json()["errors"]}


def test_a_key_is_nobodys_second_pair_of_eyes(api: ApiCaller, app: App) -> None:
    App.objects.filter(pk=app.pk).update(approve_above=0)
    answer = api.post(f"/v2.1/automations/{make_automation(app).pk}/start")
    assert (answer.status_code, codes_of(answer)) == (409, {"approval_required"})


def test_every_name_has_its_verdict(api: ApiCaller, app: App, people: list[str]) -> None:
    automation = make_active(app, wait(60), PUSH)
    inside, fresh, _other = people
    enter(api, automation, [inside])
    said = verdicts(enter(api, automation, [inside, "nobody", fresh, fresh]))
    assert said == ["already_inside", "unknown_customer", "entered", "duplicate"]


def test_who_went_through_does_not_enter_again(api: ApiCaller, app: App, people: list[str]) -> None:
    once, always = make_active(app, PUSH), make_active(app, PUSH, reentry="always")
    for automation in (once, always):
        enter(api, automation, people[:1])
    move_due(timezone.now())
    assert verdicts(enter(api, once, people[:1])) == ["not_again"]
    assert verdicts(enter(api, always, people[:1])) == ["entered"]


def test_the_same_request_twice_is_one_entry(api: ApiCaller, app: App, people: list[str]) -> None:
    automation = make_active(app, PUSH, reentry="always")
    first = enter(api, automation, people, key="k")
    move_due(timezone.now())
    again = enter(api, automation, people, key="k")
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert AutomationRun.objects.count() == 3
    assert enter(api, automation, people[:1], key="k").status_code == 422


def test_they_go_the_way_of_all_others(api: ApiCaller, app: App, people: list[str]) -> None:
    segment = make_segment(app)
    fields = {"trigger": "segment", "trigger_segment": segment, "trigger_event": ""}
    automation = make_active(app, wait(60), PUSH, exit_events=["purchase"], goal_event="purchase", **fields)
    did(app, people[:1], "purchase", now=timezone.now())
    enter(api, automation, people)
    did(app, people[1:2], "purchase", now=timezone.now())
    take_arrivals(timezone.now())
    reasons = dict(automation.runs.values_list("customer__external_id", "reason"))
    assert reasons == {people[0]: "", people[1]: "event:purchase", people[2]: ""}
    assert automation.runs.exclude(goal_at=None).count() == 1


def test_what_texts_say_of_the_event_comes_along(api: ApiCaller, app: App, people: list[str]) -> None:
    EventType.objects.create(app=app, name="cart_updated", properties={"product": "text"})
    text = {"title": 'Your {{ event.product | default: "choice" }}', "body": "x"}
    automation = make_active(app, StepDraft("push", {"texts": {"en": text}}))
    enter(api, automation, people[:1], properties={"product": "Lamp"})
    move_due(timezone.now())
    assert PersonalFacts.objects.get().facts == {"event": {"product": "Lamp"}}


def test_a_test_key_lets_nobody_in(app: App, people: list[str]) -> None:
    automation = make_active(app)
    tester = ApiCaller(make_key(app, "campaigns:trigger", kind="test"))
    assert verdicts(enter(tester, automation, [*people, "nobody"])) == [*["entered"] * 3, "unknown_customer"]
    assert not AutomationRun.objects.exists()


@pytest.mark.parametrize("state", ["draft", "paused", "ended"])
def test_only_an_active_one_is_entered(api: ApiCaller, app: App, people: list[str], state: str) -> None:
    automation = make_automation(app) if state == "draft" else make_active(app)
    if state != "draft":
        {"paused": pause, "ended": end}[state](automation=automation, actor="mary", now=timezone.now())
    answer = enter(api, automation, people)
    code = "automation_paused" if state == "paused" else "automation_inactive"
    assert (answer.status_code, codes_of(answer)) == (409, {code})
    to_do = {"draft": "start it", "paused": "resumes it", "ended": "copy it"}[state]
    assert to_do in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"customers": []}, 400, "required"),
        ({"customers": "ada"}, 400, "type"),
        ({"customers": ["a"] * 1001}, 413, "too_many_recipients"),
        ({"customers": ["a"], "people": 1}, 400, "unknown_field"),
        ({"customers": ["a"], "properties": {"x": {"y": 1}}}, 400, "too_deep"),
    ],
    ids=["nobody", "no list", "too many", "unknown field", "nested"],
)
def test_what_cannot_be_read_is_refused(api: ApiCaller, app: App, body: Any, status: int, code: str) -> None:
    answer = api.post(f"/v2.1/automations/{make_active(app).pk}/enter", body)
    assert (answer.status_code, codes_of(answer)) == (status, {code})


def test_the_scope_is_that_of_triggers(app: App) -> None:
    reader = ApiCaller(make_key(app, "campaigns:read", "campaigns:write"))
    assert enter(reader, make_active(app), ["a"]).status_code == 403
