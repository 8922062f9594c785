"""The pace story: one sentence for whatever slows or stops a dispatch."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.deliveries.models import Batch, Dispatch, PaceBucket, Retry
from apps.deliveries.pace_story import pace_stories, pace_story
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import pause
from apps.devices.models import Channel
from tests.deliveries.test_on_their_way import Move, MovesBehind, back_into_a_batch, into_retry
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def app() -> App:
    app = make_app(time_zone="Europe/Warsaw")
    make_channel(app, project="shop-1")
    make_people(app, 40)
    return app


def story_of(dispatch: Dispatch, at: Any = NOW) -> tuple[str, str, str]:
    dispatch.refresh_from_db()
    story = pace_story(dispatch, now=at)
    return (story.kind, story.text, story.advice) if story else ("", "", "")


def test_a_dispatch_that_goes_as_it_can_has_none(app: App) -> None:
    assert story_of(make_dispatch(app)) == ("", "", "")


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"closed_by": "vendor", "probe_after": LATER, "paused_reason": "429"}, "retry_after", "until 14:05:00 (429)"),
        ({"closed_by": "breaker", "closed_at": NOW, "paused_reason": "503"}, "breaker_open", "since 14:00:00 (503)"),
        ({"closed_by": "credentials", "closed_at": NOW}, "credentials_refused", "refuses our credentials"),
        ({"closed_by": "person", "paused_reason": "holiday"}, "channel_stopped", "was stopped: holiday"),
    ],
)
def test_a_closed_channel_is_named_with_its_reason(app: App, changes: dict[str, Any], kind: str, said: str) -> None:
    dispatch = make_dispatch(app)
    Channel.objects.update(state="paused", **changes)
    found, text, advice = story_of(dispatch)
    assert (found, said in text, bool(advice)) == (kind, True, True)


def test_a_channel_that_it_does_not_need_is_not_its_story(app: App) -> None:
    make_channel(app, "apns", state="paused", closed_by="person")
    assert story_of(make_dispatch(app))[0] == ""


@pytest.mark.parametrize(
    ("before", "move"), [(None, into_retry), (into_retry, back_into_a_batch)], ids=["retry", "batch"]
)
def test_a_closed_channel_is_told_of_while_its_last_device_moves(before: Move | None, move: Move) -> None:
    app = make_app()
    make_channel(app, state="paused", closed_by="person", paused_reason="holiday")
    make_people(app, 1)
    for behind in (1, 2, 3):
        dispatch = make_dispatch(app)
        if before:
            before(dispatch)
        with connection.execute_wrapper(MovesBehind(behind, lambda: move(dispatch))):  # noqa: B023
            story = pace_story(dispatch, now=NOW)
        assert story is not None
        assert story.kind == "channel_stopped"


def slowed(_dispatch: Dispatch) -> None:
    Channel.objects.update(slowed_to_per_second=50, slowed_from_per_second=400)


def doubted(_dispatch: Dispatch) -> None:
    Channel.objects.update(deaths_doubted_until=LATER, trouble="55 of 60")


def server_is_slow(_dispatch: Dispatch) -> None:
    Dispatch.objects.update(slowed_to_per_second=20, slowed_reason="answers after 2.4 s")


def waits_for_morning(_dispatch: Dispatch) -> None:
    Batch.objects.update(release_at=LATER)


def at_its_quota(_dispatch: Dispatch) -> None:
    PaceBucket.objects.create(owner="project:shop-1", tokens=0, refilled_at=NOW)


def at_its_pace(_dispatch: Dispatch) -> None:
    Channel.objects.update(pace_per_second=30)
    PaceBucket.objects.create(owner=f"channel:{Channel.objects.get().pk}", tokens=0, refilled_at=NOW)


def fails_for_the_moment(dispatch: Dispatch) -> None:
    batch = Batch.objects.filter(dispatch=dispatch).first()
    Retry.objects.create(
        dispatch=dispatch, batch=batch, device_id=1, customer_id=1, app_id=1, gateway=1, variant=0, tries=1,
        reason="503", due_at=LATER, expires_at=LATER,
    )  # fmt: skip


def untouched(_dispatch: Dispatch) -> None:
    Batch.objects.update(release_at=NOW - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("happens", "kind", "said"),
    [
        (slowed, "throttled", "50 a second now, 400 before"),
        (doubted, "mass_death", "55 of 60"),
        (server_is_slow, "health", "answers after 2.4 s), so it goes out at 20 a second"),
        (waits_for_morning, "quiet_hours", "All 40 that are left wait for their hour; the next go out at 1 Jun, 14:05"),
        (at_its_quota, "project_quota", "project shop-1 is at its quota of 600,000 a minute"),
        (at_its_pace, "channel_pace", "held to 30 a second"),
        (fails_for_the_moment, "retrying", "1 could not be reached"),
        (untouched, "no_worker", "no worker takes them up"),
    ],
)
def test_whatever_slows_it_has_its_sentence(
    app: App, happens: Callable[[Dispatch], None], kind: str, said: str
) -> None:
    dispatch = make_dispatch(app)
    happens(dispatch)
    found, text, advice = story_of(dispatch)
    assert (found, said in text, bool(advice)) == (kind, True, True)


def test_a_part_of_the_quota_taken_ahead_does_not_hold_a_slow_campaign(app: App) -> None:
    dispatch = make_dispatch(app)
    at_its_quota(dispatch)
    assert story_of(dispatch, at=NOW + timedelta(seconds=2))[0] == ""


def test_its_own_throttle(app: App) -> None:
    assert "7.5 a second" in story_of(make_dispatch(app, throttle_per_second=7.5))[1]


def test_canaries(app: App) -> None:
    kind, text, _advice = story_of(make_dispatch(app, policy=Policy(canary_devices=5)))
    assert (kind, text) == ("canary", "About 5 go out before the rest, to see whether all is well.")


def test_a_person_paused_it(app: App) -> None:
    dispatch = make_dispatch(app)
    pause(dispatch_id=dispatch.pk, reason="the price is wrong", now=NOW)
    assert story_of(dispatch)[:2] == ("paused", "the price is wrong")


def test_it_stopped_itself(app: App) -> None:
    dispatch = make_dispatch(app)
    Dispatch.objects.update(state="paused", guard="stopped", reason="90% were errors")
    assert story_of(dispatch)[:2] == ("stopped_for_errors", "90% were errors")


def test_the_heaviest_reason_comes_first(app: App) -> None:
    dispatch = make_dispatch(app, throttle_per_second=10)
    fails_for_the_moment(dispatch)
    Channel.objects.update(state="paused", closed_by="credentials")
    kinds = [story.kind for story in pace_stories(dispatch, now=NOW)]
    assert kinds == ["credentials_refused", "throttle", "retrying"]


@pytest.mark.parametrize("state", ["done", "cancelled", "failed"])
def test_what_is_over_has_none(app: App, state: str) -> None:
    dispatch = make_dispatch(app)
    Dispatch.objects.update(state=state)
    assert story_of(dispatch)[0] == ""
