"""State tables: only a step that the table allows changes a row."""

import pytest
from django.utils import timezone

from apps.accounts.models import App
from apps.core.states import InvalidTransition, State, StateTable
from apps.customers.models import ImportRun
from apps.customers.states import IMPORT_STATES

pytestmark = pytest.mark.django_db


def make_run(state: str) -> ImportRun:
    app = App.objects.create(slug="shop", name="Shop")
    return ImportRun.objects.create(app=app, file_name="people.csv", state=state, created_by="owner")


def test_an_allowed_step_changes_the_row_and_its_columns() -> None:
    run = make_run("waiting")
    now = timezone.now()
    assert IMPORT_STATES.move(ImportRun.objects.filter(pk=run.pk), "running", started_at=now) == 1
    run.refresh_from_db()
    assert (run.state, run.started_at) == ("running", now)


def test_a_step_the_table_lacks_changes_nothing_and_says_what_may_follow() -> None:
    run = make_run("done")
    with pytest.raises(InvalidTransition, match="import is done, so it cannot become running"):
        IMPORT_STATES.require(ImportRun.objects.filter(pk=run.pk), "running")


def test_a_table_that_leads_nowhere_known_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match="unknown state gone"):
        StateTable("thing", State("here", "it is here", ("gone",)))
