"""kill -9 of real worker processes in the middle of a file: nothing lost, nothing doubled."""

import subprocess
import sys
from collections.abc import Callable
from time import monotonic, sleep

import pytest
from django.utils import timezone

from apps.customers.models import Consent, Customer, ImportLine, ImportRun
from apps.customers.services.import_files import store_upload
from apps.customers.services.imports import choose, columns_of, start
from tests.factories import make_app, make_user

ROWS, BAD_EVERY = 100_000, 50
WORKER = """
import django; django.setup()
from django.utils import timezone
from apps.customers.services.import_work import continue_imports
while continue_imports(clock=timezone.now, slot_seconds=1, block_bytes=20_000): pass
"""


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = monotonic() + 300
    while not holds():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.01)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_killed_workers_lose_and_double_nothing(process_environment: dict[str, str]) -> None:
    app = make_app()
    answers = ["perhaps" if number % BAD_EVERY == 0 else "yes" for number in range(ROWS)]
    lines = "".join(f"p-{number},Ann {number},{answer}\n" for number, answer in enumerate(answers))
    run = store_upload(
        app=app, pieces=[b"id,first_name,push\n", lines.encode()], file_name="x", created_by="x", now=timezone.now()
    )
    assert choose(run=run, columns=columns_of(run), wording="", empties_clear=False, destination="") == []
    start(run=run, actor=make_user(app), now=timezone.now())
    runs = ImportRun.objects.filter(pk=run.pk)
    for _kill in range(4):
        before = runs.get().position
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=process_environment)
        wait_until(lambda before=before: runs.get().position > before + 40_000)  # type: ignore[misc]
        worker.kill()
        worker.wait()
        assert runs.get().state == "running", "the file was too short to be killed in"
        runs.update(leased_until=None)  # instead of waiting until the dead worker's lease is over
    subprocess.run([sys.executable, "-c", WORKER], env=process_environment, check=True)
    bad = ROWS // BAD_EVERY
    done = runs.get()
    assert (done.state, done.stored_count, done.created_count) == ("done", ROWS - bad, ROWS - bad)
    assert Customer.objects.filter(app=app).count() == Consent.objects.count() == ROWS - bad
    assert ImportLine.objects.values("line").distinct().count() == ImportLine.objects.count() == bad
