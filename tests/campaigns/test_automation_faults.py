"""A step that fails is tried again later and later, and stops its automation in the end; nobody is lost by it."""

from datetime import datetime, timedelta

import pytest
from django.db.utils import OperationalError
from django.test import Client
from psycopg.errors import DeadlockDetected, DiskFull, QueryCanceled

from apps.accounts.models import App
from apps.campaigns.models import Automation, AutomationFault
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.faults import MOST_TRIES, WAITS, note_fault
from apps.campaigns.services.automations.lifecycle import resume
from apps.campaigns.services.automations.moving import move_due
from tests.factories import NOW, make_app, make_people, make_user
from tests.factories.automations import PUSH, did, make_active

pytestmark = pytest.mark.django_db
SOUND = {"texts": {"en": {"title": "Hello", "body": "Come and see."}}}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def broken(app: App) -> Automation:
    """One person stands at its only step, whose settings no code of this version can read."""
    automation = make_active(app, PUSH)
    automation.steps.update(settings={"texts": "of another version"})
    did(app, [str(make_people(app, 1)[0].customer.external_id)])
    take_arrivals(NOW)
    move_due(NOW)
    return automation


def fail_until_stopped() -> datetime:
    """Try whenever a try is due; returns the moment of the last."""
    now = NOW
    for wait in WAITS:
        now += wait
        move_due(now)
    return now


def test_it_is_not_tried_again_before_its_time(broken: Automation) -> None:
    move_due(NOW + WAITS[0] - timedelta(seconds=1))
    fault = broken.faults.get()
    assert (fault.position, fault.tries, fault.retry_at) == (0, 1, NOW + WAITS[0])
    move_due(NOW + WAITS[0])
    fault.refresh_from_db()
    assert (fault.tries, fault.retry_at) == (2, NOW + WAITS[0] + WAITS[1])


def test_what_works_again_is_forgotten(broken: Automation) -> None:
    broken.steps.update(settings=SOUND)
    move_due(NOW + WAITS[0])
    assert not broken.faults.exists()
    assert broken.runs.get().state == "done"


def test_in_the_end_it_stops_and_nobody_is_lost(broken: Automation) -> None:
    stopped_at = fail_until_stopped()
    broken.refresh_from_db()
    assert (broken.state, broken.stopped_at) == ("paused", stopped_at)
    assert broken.paused_reason.startswith(f"step 1 failed {MOST_TRIES} times in a row: ")
    assert (broken.runs.get().state, broken.runs.get().position) == ("inside", 0)


def test_resumed_it_begins_to_count_anew(broken: Automation) -> None:
    now = fail_until_stopped()
    broken.steps.update(settings=SOUND)
    automation = resume(automation=broken, actor="mary", now=now)
    assert (automation.stopped_at, automation.faults.count()) == (None, 0)
    move_due(now)
    assert broken.runs.get().state == "done"


@pytest.mark.parametrize(("cause", "faults"), [(DeadlockDetected, 0), (DiskFull, 0), (QueryCanceled, 1)])
def test_what_passes_by_itself_is_no_fault(app: App, cause: type[Exception], faults: int) -> None:
    error = OperationalError("at the database")
    error.__cause__ = cause()
    note_fault(automation_id=make_active(app).pk, position=0, error=error, now=NOW)
    assert AutomationFault.objects.count() == faults


def test_a_database_that_quotes_rows_is_not_repeated(app: App) -> None:
    error = ValueError("duplicate key\nDETAIL: Key (email)=(ada@example.com)")
    note_fault(automation_id=make_active(app).pk, position=0, error=error, now=NOW)
    assert AutomationFault.objects.get().error == "ValueError: duplicate key"


def test_the_page_says_what_happens_and_what_to_do(app: App, broken: Automation, client: Client) -> None:
    client.force_login(make_user(app, role="marketer"))
    address = f"/admin/campaigns/automation/{broken.pk}/change/"
    assert "Step 1 cannot be done at the moment" in client.get(address).content.decode()
    fail_until_stopped()
    page = client.get(address).content.decode()
    assert "Stopped by an error" in page
    assert "Nobody is lost" in page
    assert "was stopped by an error" in client.get("/admin/").content.decode()
    broken.steps.update(settings=SOUND)
    client.post(f"/admin/campaigns/automation/{broken.pk}/resume/")
    assert "Stopped by an error" not in client.get(address).content.decode()
