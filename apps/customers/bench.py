"""`bench import`: how fast a file of people becomes people."""

from collections.abc import Callable, Iterator
from random import Random
from time import perf_counter
from typing import Any

from django.utils import timezone

from apps.accounts.models import App, User
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.customers.models import Consent, Customer, ImportRun
from apps.customers.services.import_columns import Column
from apps.customers.services.import_files import store_upload
from apps.customers.services.import_work import continue_imports
from apps.customers.services.imports import choose, start
from config.memory import spare_the_collector

Say = Callable[[str], None]
_COLUMNS = {
    "customer_id": Column("external_id"),
    "email": Column("email"),
    "phone": Column("phone"),
    "first_name": Column("first_name"),
    "last_name": Column("last_name"),
    "language": Column("language"),
    "country": Column("country"),
    "city": Column("trait", "city", "text"),
    "points": Column("trait", "points", "number"),
    "push": Column("push"),
}
_NAMES = ("Anna", "Bartek", "Celina", "Dawid", "Ewa", "Franek", "Grażyna", "Hubert", "Łucja", "Żaneta")
_CITIES = ("Warszawa", "Kraków", "Łódź", "Gdańsk", "Berlin", "Praha")
_LINES_A_PIECE = 1_000
# One line in so many has an impossible phone, one in so many says something about pushes.
_BAD_EVERY, _ANSWERS_EVERY = 1_000, 4


def import_people(options: dict[str, Any], say: Say) -> Measured:
    """`--customers` new people of ten columns through one worker, in slots as the task gives them.

    Phones are E.164 or as written at home, every fourth person answers to pushes, one line in 1,000 is bad. Fails
    unless every line was stored or refused. Extra fields: database_us_per_item and worker_us_per_item of
    cpu_us_per_item, upload_seconds (taking the file in), again_rate (the same file once more), megabytes.
    """
    count = options["customers"]
    app = App.objects.create(slug="bench", name="Bench", default_country="PL")
    user = User.objects.create(username="bench")
    began = perf_counter()
    run = _uploaded(app, count)
    upload_seconds = perf_counter() - began
    say(f"{run.size_bytes / 1e6:.0f} MB taken in within {upload_seconds:.1f} s")
    _start(run, user)
    spare_the_collector()  # as a worker does (config.celery)
    database = database_cpu_seconds()
    with timed() as watch:
        _work()
    database = database_cpu_seconds() - database
    _require(run, count)
    worker, watch.cpu_seconds = watch.cpu_seconds, watch.cpu_seconds + database
    again = _uploaded(app, count)
    _start(again, user)
    with timed() as watch_again:
        _work()
    return watch.measured(
        "import",
        unit="rows",
        rows=count,
        database_us_per_item=round(database * 1e6 / count, 1),
        worker_us_per_item=round(worker * 1e6 / count, 1),
        upload_seconds=round(upload_seconds, 1),
        again_rate=round(count / watch_again.seconds, 1),
        megabytes=round(run.size_bytes / 1e6),
        leaves_out="receiving the file over HTTP; taking it in stands in upload_seconds; one worker, in this process;"
        " peak_rss_mb is of that worker and of making the file",
    )


def _uploaded(app: App, count: int) -> ImportRun:
    run = store_upload(app=app, pieces=_file(count), file_name="bench.csv", created_by="bench", now=timezone.now())
    problems = choose(
        run=run, columns=list(_COLUMNS.values()), wording="I want pushes", empties_clear=False, destination=""
    )
    if problems:
        raise RuntimeError(str(problems))
    return run


def _start(run: ImportRun, user: User) -> None:
    start(run=run, actor=user, now=timezone.now())


def _work() -> None:
    while continue_imports(clock=timezone.now, slot_seconds=3):
        pass


def _file(count: int) -> Iterator[bytes]:
    """Deterministic."""
    chance = Random(7)  # noqa: S311
    yield (",".join(_COLUMNS) + "\n").encode()
    for first in range(0, count, _LINES_A_PIECE):
        yield "".join(_line(number, chance) for number in range(first, min(first + _LINES_A_PIECE, count))).encode()


def _line(number: int, chance: Random) -> str:
    phone = f"+4850{number % 10_000_000:07}" if number % 2 else f"60{number % 10} {number % 1000:03} 123"
    phone = "123" if number % _BAD_EVERY == 0 else phone
    name = chance.choice(_NAMES)
    answer = ("yes", "no")[number % 8 == 0] if number % _ANSWERS_EVERY == 0 else ""
    return (
        f"c-{number:09},{number}@example.com,{phone},{name},Nowak-{number % 5_000},pl,PL,"
        f"{chance.choice(_CITIES)},{number % 1_000},{answer}\n"
    )


def _require(run: ImportRun, count: int) -> None:
    run.refresh_from_db()
    bad = -(-count // _BAD_EVERY)
    asked = sum(number % _BAD_EVERY > 0 for number in range(0, count, _ANSWERS_EVERY))
    found = (run.state, run.stored_count, run.refused_count, Customer.objects.count(), Consent.objects.count())
    if found != ("done", count - bad, bad, count - bad, asked):
        raise RuntimeError(f"of {count} lines: {found}")
