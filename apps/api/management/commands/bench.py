"""`bench NAME`: measure one road of the product, in a database of its own, on this machine.

The command runs twice: outside, it holds the embedded servers, makes an empty database and starts itself again
inside, where Django sees only that database; then it drops it. So a benchmark can never touch real rows, and each of
several runs begins with an empty database and a fresh process.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

from apps.core.bench import Measured, medians
from config import embedded, env

# name -> module and function; each takes the parsed options and a `say` for progress.
BENCHMARKS = {
    "campaign": "apps.deliveries.bench.campaign",
    "plan": "apps.deliveries.bench_plan.plan",
    "automations": "apps.campaigns.bench.automations",
    "calendar": "apps.campaigns.bench_calendar.calendar",
    "habits": "apps.deliveries.bench_habits.habits",
    "record": "apps.deliveries.bench_record.record",
    "segment": "apps.segments.bench.segment",
    "export": "apps.deliveries.bench.export",
    "render": "apps.deliveries.rendering.bench.render",
    "accept": "apps.api.bench.accept",
    "events": "apps.api.bench_ingest.events",
    "register": "apps.api.bench_ingest.register",
    "webhooks": "apps.api.bench_webhooks.webhooks",
    "import": "apps.customers.bench.import_people",
    "accept_to_gateway": "apps.api.bench_latency.accept_to_gateway",
    "logsearch": "apps.api.bench_log.logsearch",
}

# What a DATABASE_URL may say that is for us alone (docs/sizing.md, behind PgBouncer).
_NOT_LIBPQS = {"DISABLE_SERVER_SIDE_CURSORS", "prepare_threshold"}
# Far from those of `up` and of the tests.
_VALKEY_DATABASE = 14

Benchmark = Callable[[dict[str, Any], Callable[[str], None]], Measured]


class Command(BaseCommand):
    help = "Measure one road of the product on this machine; --json prints one JSON object on the last line."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(BENCHMARKS))
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
        parser.add_argument("--runs", type=int, default=1, help="repeat so often and report medians")
        parser.add_argument("--devices", type=int, default=20_000, help="how many devices (or ledger rows)")
        parser.add_argument("--rows", type=int, default=10_000_000, help="logsearch: how many rows of the ledger")
        parser.add_argument("--gateway", choices=["fcm", "apns", "webpush"], default="fcm")
        parser.add_argument("--sink-delay-ms", type=int, default=0, help="how long the sink thinks before it answers")
        parser.add_argument("--baseline", action="store_true", help="campaign: compare with the vendors' libraries")
        parser.add_argument("--workers", type=int, default=1)
        parser.add_argument("--wire", choices=["curl", "lean"], help="instead of what HELIOGRAPH_WIRE says")
        parser.add_argument("--requests", type=int, default=10_000, help="accept, register: how many requests")
        parser.add_argument("--clients", type=int, default=16, help="accept, events, register: how many at once")
        parser.add_argument("--events", type=int, default=200_000, help="events, segment, --due-segments: how many")
        parser.add_argument(
            "--customers", type=int, default=20_000, help="import, segment, --due-segments: how many people"
        )
        parser.add_argument(
            "--due-segments", type=int, default=0, help="accept_to_gateway: how many segments fall due at once, too"
        )
        parser.add_argument("--people", type=int, default=100_000, help="automations, calendar: how many")
        parser.add_argument("--batch", type=int, default=100, help="events: how many in one request")
        parser.add_argument("--seconds", type=float, default=60, help="accept_to_gateway: how long to offer requests")
        parser.add_argument("--offered", type=float, default=50, help="accept_to_gateway: requests a second")
        parser.add_argument("--inside", action="store_true", help="(used by the command itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["inside"]:
            call_command("migrate", verbosity=0)
            self.stdout.write(_benchmark(options["name"])(options, self.stderr.write).as_json())
            return
        if options["runs"] < 1:
            raise CommandError("--runs counts from 1")
        runs = [self._run(number, options["runs"], options["wire"]) for number in range(1, options["runs"] + 1)]
        self._show(medians(runs) if len(runs) > 1 else runs[0], as_json=options["json"])

    def _run(self, number: int, count: int, wire: str | None) -> dict[str, Any]:
        result = _run_inside_own_database(sys.argv[1:], wire, self.stderr.write)
        if count > 1:
            self.stderr.write(f"run {number} of {count}: {result['rate']:,.0f} {result['unit']} a second")
        return result

    def _show(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result))
            return
        for key, value in result.items():
            self.stdout.write(f"{key:>20}  {value}")


def _benchmark(name: str) -> Benchmark:
    module, _, function = BENCHMARKS[name].rpartition(".")
    benchmark: Benchmark = getattr(import_module(module), function)
    return benchmark


def _run_inside_own_database(arguments: list[str], wire: str | None, say: Callable[[str], Any]) -> dict[str, Any]:
    """One run's JSON object. Raises SystemExit where the run failed; it has said why."""
    url = settings.DATABASE_URL
    held = embedded.hold(env.DATA_DIR, say, postgres=not url, valkey=env.needs_embedded_valkey())
    try:
        with _own_database(url or held.home.database_url()) as own_url:
            environment = {**os.environ, "DATABASE_URL": own_url, "HELIOGRAPH_DATA_DIR": str(env.DATA_DIR / "bench")}
            if not settings.BROKER_URL:
                environment |= {
                    "CELERY_BROKER_URL": held.home.broker_url(_VALKEY_DATABASE),
                    "CACHE_URL": held.home.cache_url(_VALKEY_DATABASE + 1),
                }
            if wire:
                environment["HELIOGRAPH_WIRE"] = wire
            command = [sys.executable, sys.argv[0], *arguments, "--inside"]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
            if done.returncode:
                raise SystemExit(done.returncode)
            result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return result
    finally:
        held.release()


@contextmanager
def _own_database(server: str) -> Any:
    """Create heliograph_bench_<pid> beside the given database, yield its URL, drop it."""
    name = f"heliograph_bench_{os.getpid()}"
    with psycopg.connect(_for_libpq(server), autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError("bench needs a database role that may create databases") from error
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _for_libpq(url: str) -> str:
    """Without those. A blank is %20 in it: a plus stays one for libpq."""
    parts = urlsplit(url)
    known = [(name, value) for name, value in parse_qsl(parts.query) if name not in _NOT_LIBPQS]
    return urlunsplit(parts._replace(query=urlencode(known, quote_via=quote)))
