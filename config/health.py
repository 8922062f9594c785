"""Is this process alive (/healthz), and does the whole house work (/readyz)?"""

import time
from collections.abc import Callable
from functools import partial, wraps

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from kombu.exceptions import KombuError
from redis import RedisError

from config import heartbeat
from config.celery import app as celery_app
from config.queues import LANES

OK = "ok"
BROKER_SECONDS = 2


def _only_read(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Machines ask here, so another method than GET and HEAD is refused in JSON."""

    @csrf_exempt
    @wraps(view)
    def read(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        said = {"title": "Method not allowed", "status": 405, "code": "method_not_allowed", "detail": "GET or HEAD"}
        return JsonResponse(said, status=405, content_type="application/problem+json", headers={"Allow": "GET, HEAD"})

    return read


@_only_read
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers; asks nobody else, so that a dead database restarts no web server."""
    return HttpResponse("ok\n", content_type="text/plain")


@_only_read
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, migrations, broker, beat and a worker of each lane work; else 503, and what does not."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    ready = all(outcome == OK for outcome in checks.values())
    answer = JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # a 503 here is an answer, not an error
    return answer


def _outcome(check: Callable[[], str]) -> str:
    """What a check says. An error's class is enough here: its text may hold addresses, and this page is public."""
    try:
        return check()
    except (DatabaseError, KombuError, RedisError, OSError) as error:
        return type(error).__name__


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return OK


class _Migrations:
    """Asked of the database until all are applied, then remembered: this process's code does not change."""

    applied = False

    def __call__(self) -> str:
        if not self.applied:
            executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
            self.applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        return OK if self.applied else "not applied"


def _broker() -> str:
    with celery_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    return OK


def _beats() -> str:
    """Beat itself: some lane's heartbeat is fresh."""
    return OK if any(_is_fresh(age) for age in heartbeat.ages(time.time()).values()) else "no heartbeat"


def _worker(lane: str) -> str:
    return OK if _is_fresh(heartbeat.ages(time.time())[lane]) else "no heartbeat"


def _is_fresh(age: float | None) -> bool:
    return age is not None and age < heartbeat.STALE_SECONDS


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _Migrations(),
    "broker": _broker,
    "beat": _beats,
    **{f"worker_{lane}": partial(_worker, lane) for lane in LANES},
}
