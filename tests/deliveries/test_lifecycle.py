"""Pause, resume, cancel, expire, finish: the dispatch's own states, and that the sum always holds."""

from collections import Counter
from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.core.states import InvalidTransition
from apps.deliveries.models import Batch, Content, Delivery, Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import cancel, finish_dispatches, pause, purge_contents, resume
from apps.deliveries.states import OUTCOME_WORDS
from tests.factories import NOW, make_app, make_dispatch, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def outcomes(dispatch: Dispatch) -> dict[str, int]:
    return Counter(OUTCOME_WORDS[row.outcome] for row in Delivery.objects.filter(dispatch_id=dispatch.id))


def suspect(dispatch: Dispatch, opened: int) -> None:
    """As reclaim leaves a batch whose worker died with a slice in flight."""
    Batch.objects.filter(dispatch=dispatch).update(opened=opened, crashes=1, attempt=2)


def add_retry(dispatch: Dispatch, *, may_have_arrived: bool) -> None:
    batch = Batch.objects.get(dispatch=dispatch)
    Batch.objects.update(state="done", recorded=1, opened=1)
    Retry.objects.create(
        dispatch=dispatch, batch=batch, device_id=batch.device_ids[0], customer_id=batch.customer_ids[0],
        app_id=batch.app_id,
        gateway=1, variant=0, tries=1, reason="503", may_have_arrived=may_have_arrived, due_at=NOW, expires_at=NOW,
    )  # fmt: skip


def test_pause_and_resume_are_compare_and_set(app: App) -> None:
    dispatch = make_dispatch(app)
    pause(dispatch_id=dispatch.id, reason="error rate", now=NOW)
    with pytest.raises(InvalidTransition):
        pause(dispatch_id=dispatch.id, reason="again", now=NOW)
    resume(dispatch_id=dispatch.id, now=NOW)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.reason) == ("sending", "")


@pytest.mark.parametrize("state", ["planning", "sending", "done", "cancelled"])
def test_only_a_paused_dispatch_can_be_resumed(app: App, state: str) -> None:
    dispatch = make_dispatch(app)
    Dispatch.objects.update(state=state)
    with pytest.raises(InvalidTransition) as refusal:
        resume(dispatch_id=dispatch.id, now=NOW)
    assert refusal.value.current == state


def test_cancel_ends_everything_that_waits(app: App) -> None:
    make_people(app, 3)
    dispatch = make_dispatch(app, policy=Policy(shares=(50,), salt="s"))
    cancel(dispatch_id=dispatch.id, now=NOW)
    assert outcomes(dispatch) == {"cancelled": 3}
    assert set(Batch.objects.values_list("state", flat=True)) == {"cancelled"}


def test_what_may_have_arrived_is_not_called_cancelled(app: App) -> None:
    make_people(app, 3)
    dispatch = make_dispatch(app)
    suspect(dispatch, opened=2)
    cancel(dispatch_id=dispatch.id, now=NOW)
    assert outcomes(dispatch) == {"unknown_outcome": 2, "cancelled": 1}


@pytest.mark.parametrize(("may_have_arrived", "outcome"), [(False, "cancelled"), (True, "unknown_outcome")])
def test_cancel_ends_retries(app: App, may_have_arrived: bool, outcome: str) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    add_retry(dispatch, may_have_arrived=may_have_arrived)
    cancel(dispatch_id=dispatch.id, now=NOW)
    assert (outcomes(dispatch), Retry.objects.count()) == ({outcome: 1}, 0)


def test_a_leased_batch_of_a_cancelled_dispatch_is_left_to_its_worker(app: App) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    Batch.objects.update(state="leased", leased_until=NOW)
    cancel(dispatch_id=dispatch.id, now=NOW)
    assert outcomes(dispatch) == {}
    assert finish_dispatches(now=NOW) == 0
    Batch.objects.update(state="waiting")
    assert finish_dispatches(now=NOW) == 1
    assert outcomes(dispatch) == {"cancelled": 1}


def test_what_is_not_sent_by_its_expiry_expires(app: App) -> None:
    make_people(app, 2)
    dispatch = make_dispatch(app, policy=Policy(expire_after_seconds=60))
    assert finish_dispatches(now=NOW + timedelta(seconds=59)) == 0
    assert finish_dispatches(now=NOW + timedelta(seconds=60)) == 1
    dispatch.refresh_from_db()
    assert (outcomes(dispatch), dispatch.state) == ({"expired": 2}, "done")


def test_a_dispatch_to_nobody_is_done_at_once(app: App) -> None:
    dispatch = make_dispatch(app)
    finish_dispatches(now=NOW)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.finished_at) == ("done", NOW)


def test_a_dispatch_with_retries_is_not_done(app: App) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    add_retry(dispatch, may_have_arrived=False)
    assert finish_dispatches(now=NOW) == 0


def test_transactional_texts_are_forgotten_a_week_after_their_expiry(app: App) -> None:
    transactional, campaign = make_dispatch(app, kind="transactional"), make_dispatch(app)
    assert purge_contents(now=transactional.expires_at + timedelta(days=7)) == 0
    assert purge_contents(now=transactional.expires_at + timedelta(days=7, seconds=1)) == 1
    assert list(Content.objects.values_list("dispatch_id", flat=True)) == [campaign.id]
