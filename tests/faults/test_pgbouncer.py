"""Behind PgBouncer in transaction mode, where a session is whose turn it is, everything adds up as without."""

import os
from collections.abc import Iterator

import pytest
from django.utils import timezone

from apps.customers.models import Consent, Customer, ImportLine, ImportRun
from apps.customers.services.import_files import store_upload
from apps.customers.services.imports import choose, columns_of, start
from tests.factories import make_user
from tests.faults.cluster import Cluster, as_default
from tests.faults.conftest import reachable_folder
from tests.faults.house import House
from tests.faults.pgbouncer import PROGRAM, PgBouncer
from tests.fixtures_sandbox import RunningSandbox

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not PROGRAM, reason="pgbouncer is not installed"),
]
SESSIONS = 3
PEOPLE, ROWS, BAD_EVERY = 3_000, 20_000, 100


@pytest.fixture
def pgbouncer(cluster: Cluster) -> Iterator[PgBouncer]:
    """The test's own connection goes through it, too."""
    with reachable_folder() as folder:
        pgbouncer = PgBouncer(cluster, folder, sessions=SESSIONS)
        try:
            with as_default(pgbouncer.url):
                yield pgbouncer
        finally:
            pgbouncer.end()


@pytest.fixture
def pooled_house(sandbox: RunningSandbox, pgbouncer: PgBouncer) -> Iterator[House]:
    house = House(sandbox, {**os.environ, "DATABASE_URL": pgbouncer.url})
    yield house
    house.stop()


def an_import(house: House) -> ImportRun:
    answers = ["perhaps" if number % BAD_EVERY == 0 else "yes" for number in range(ROWS)]
    lines = "".join(f"p-{number},Ann {number},{answer}\n" for number, answer in enumerate(answers))
    raw, now = b"id,first_name,push\n" + lines.encode(), timezone.now()
    run = store_upload(app=house.app, pieces=[raw], file_name="people.csv", created_by="ada", now=now)
    assert choose(run=run, columns=columns_of(run), wording="", empties_clear=False, destination="") == []
    start(run=run, actor=make_user(house.app), now=now)
    return run


def test_a_campaign_and_an_import_add_up_behind_it(pooled_house: House, pgbouncer: PgBouncer) -> None:
    pooled_house.people(PEOPLE)
    dispatch, run = pooled_house.launch(), an_import(pooled_house)
    for _ in range(2):
        pooled_house.start_worker("urgent", "bulk", "upkeep")
    pooled_house.until_done(dispatch, seconds=60)
    pooled_house.until(lambda: ImportRun.objects.get(pk=run.pk).state == "done", seconds=60, what="imported")
    pooled_house.until(lambda: pgbouncer.clients() > SESSIONS, seconds=10, what="sharing sessions")
    assert pooled_house.check() == 0
    assert pooled_house.outcomes() == {"accepted": PEOPLE}
    bad = ROWS // BAD_EVERY
    assert (Customer.objects.count(), Consent.objects.count()) == (PEOPLE + ROWS - bad, ROWS - bad)
    assert ImportLine.objects.count() == bad
