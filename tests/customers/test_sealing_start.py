"""An upgrade: contacts stay as a release before can read them until nobody of it is connected any more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.core.sealing import is_sealed
from apps.customers.models import Customer, SealingStart
from apps.customers.queries import found_people
from apps.customers.sealed import forget_keys
from apps.customers.services.contact_sealing import seal_open_contacts
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from apps.customers.services.sealing_start import CLEAR_FOR, LONGEST_PAUSE, look, older_processes
from apps.customers.tasks import seal_contacts
from config.release import READS
from tests.factories import NOW, make_app, make_user
from tests.house import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER, ADDRESS = "+48500600700", "anna@example.com"


@pytest.fixture
def app() -> Iterator[App]:
    """Of an installation that was just upgraded."""
    wait_for(lambda: not older_processes(reads=READS), seconds=30)  # a connection that another test closed
    SealingStart.objects.update(begun_at=None, looked_at=None, clear_since=None)
    forget_keys()
    yield make_app()
    SealingStart.objects.update(begun_at=NOW)  # as all other tests have it


@contextmanager
def connected(name: str) -> Iterator[None]:
    """A process that calls itself so. Left only once PostgreSQL sees it no more."""
    with psycopg.connect(**{**connection.get_connection_params(), "application_name": name}):
        yield
    wait_for(lambda: not older_processes(reads=READS), seconds=30)


def kept() -> tuple[str, str]:
    """Phone and e-mail as they lie in the only row."""
    with connection.cursor() as cursor:
        cursor.execute("select phone, email from customers_customer")
        return cursor.fetchone()


def looks(since: datetime, seconds: float) -> datetime:
    """A look every few seconds for so long; returns the time of the last."""
    for second in range(0, int(seconds) + 1, 5):
        look(reads=READS, now=since + timedelta(seconds=second))
    return since + timedelta(seconds=seconds)


def anna_comes(app: App) -> Customer:
    upsert_customers(app=app, drafts=[CustomerDraft("anna", phone=NUMBER, email=ADDRESS)], now=NOW)
    return Customer.objects.get()


@pytest.mark.parametrize("name", ["", f"heliograph/{READS - 1} shop"])
def test_a_process_of_before_holds_the_sealing_back(app: App, name: str) -> None:
    with connected(name):
        anna_comes(app)
        until = looks(NOW, 2 * CLEAR_FOR.total_seconds())
        assert not look(reads=READS, now=until)
        assert kept() == (NUMBER, ADDRESS)
    assert not look(reads=READS, now=until)  # from this look on it is gone
    until = looks(until, CLEAR_FOR.total_seconds())
    assert look(reads=READS, now=until)
    seal_open_contacts(seconds=60)
    assert all(map(is_sealed, kept()))


def test_who_reads_what_is_sealed_or_sends_nothing_holds_nothing_back(app: App) -> None:
    with connected(f"heliograph/{READS + 1} shop"), connected("psql"), connected("pg_dump"):
        assert look(reads=READS, now=looks(NOW, CLEAR_FOR.total_seconds()) + timedelta(seconds=5))


def test_nobody_knows_who_was_there_while_nobody_looked(app: App) -> None:
    looks(NOW, 60)
    late = NOW + timedelta(seconds=60) + LONGEST_PAUSE + CLEAR_FOR
    assert [look(reads=READS, now=late + timedelta(seconds=second)) for second in (0, 5)] == [False, False]
    assert SealingStart.objects.get().clear_since == late


def test_meanwhile_people_are_kept_plain_and_found(app: App) -> None:
    anna = anna_comes(app)
    anna.first_name = "Anna"
    anna.save()
    assert kept() == (NUMBER, ADDRESS)
    assert [list(found_people(Customer.objects.all(), words, apps=[app])) for words in (NUMBER, ADDRESS)] == [
        [anna]
    ] * 2


def test_the_tick_does_both(app: App) -> None:
    anna_comes(app)
    seal_contacts()
    assert not is_sealed(kept()[0])
    an_hour = timedelta(hours=1)  # so long this test may take
    SealingStart.objects.update(clear_since=timezone.now() - an_hour, looked_at=timezone.now() + an_hour)
    seal_contacts()
    seal_contacts()
    assert all(map(is_sealed, kept()))


def test_who_runs_the_installation_is_told_for_whom_it_waits_and_nobody_else(app: App) -> None:
    runs_it, owner = Client(), Client()
    runs_it.force_login(make_user(is_superuser=True))
    owner.force_login(make_user(app, role="owner"))

    def is_told(person: Client) -> bool:
        return "not sealed yet" in person.get("/admin/").content.decode()

    with connected(""):
        assert is_told(runs_it)
        assert not is_told(owner)
    assert not is_told(runs_it)
