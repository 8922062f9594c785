"""`bench campaign` and `bench export`: the engine's whole road, and its CSV."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.core.bench import Measured, timed
from apps.core.sql import Compiled, execute
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.export import delivery_csv
from apps.deliveries.services.plan import ContentDraft, plan_dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Channel
from apps.sandbox.credentials import SandboxCredentials, load_or_create
from config import heartbeat
from config.processes import Child
from config.up import programs

LONGEST_SECONDS = 3600
_PLATFORMS = {"fcm": "android", "apns": "ios", "webpush": "web"}
_EVERYBODY = "select id as customer_id from customers_customer where app_id = %(bench_app)s"
_HELLO = {"title": "{{ first_name | default: 'Hello' }}, a word", "body": "News from {{ city | default: 'town' }}."}

Say = Callable[[str], None]


def campaign(options: dict[str, Any], say: Say) -> Measured:
    """One campaign from launch to done: plan, claim, render, real clients over TLS and HTTP/2, record.

    The sink is the sandbox, a Python program on the same machine. Fails if the ids it counted differ from the ledger.
    Extra fields: distinct_at_sink, accepted, plan_seconds, gateway, workers, sink.
    """
    now = timezone.now()
    with ExitStack() as running:
        sink = running.enter_context(_sink(options))
        say(f"making {options['devices']:,} devices")
        app = make_bench_world(
            devices=options["devices"], gateway=options["gateway"], now=now, sandbox=sink.credentials
        )
        workers = [Child(program) for program in programs.celery(sink.house)]
        for worker in workers:
            running.callback(worker.stop)
            worker.start()
        _wait_for_beat(say)
        say("launching")
        with timed() as watch:
            started = time.perf_counter()
            dispatch = _launch(app)
            planned = time.perf_counter()
            _wait_until_done(dispatch, say)
            ended = time.perf_counter()
            for worker in workers:
                worker.stop()
        watch.seconds = ended - started
        accepted = _accepted(dispatch)
        distinct = sink.distinct()
        _require_sums(dispatch, accepted, distinct)
    return watch.measured(
        "campaign",
        unit="deliveries",
        rows=dispatch.planned_devices,
        accepted=accepted,
        distinct_at_sink=distinct,
        plan_seconds=round(planned - started, 2),
        gateway=options["gateway"],
        workers=options["workers"],
        sink=f"python sandbox on the same machine, {options['sink_delay_ms']} ms",
        leaves_out="CPU of database, broker and sink; building the world",
    )


def export(options: dict[str, Any], say: Say) -> Measured:
    """The CSV of one dispatch, read to the end and thrown away."""
    now = timezone.now()
    say(f"making {options['devices']:,} ledger rows")
    app = make_bench_world(devices=options["devices"], gateway="fcm", now=now)
    dispatch = _launch(app)
    seconds = {"dispatch_id": dispatch.pk, "started_at": now, "seconds": 60}
    execute("deliveries", "demo_answers", seconds)
    with timed() as watch:
        size = sum(len(chunk) for chunk in delivery_csv(dispatch=dispatch, extras=None))
    return watch.measured(
        "export",
        unit="rows",
        rows=dispatch.planned_devices,
        megabytes=round(size / 1e6, 1),
        leaves_out="the network; CPU of the database",
    )


def make_bench_world(*, devices: int, gateway: str, now: datetime, sandbox: SandboxCredentials | None = None) -> App:
    """An app with one channel and so many people with one device each; one in 25 has refused push."""
    app, _ = App.objects.get_or_create(slug="bench", defaults={"name": "Bench", "cap_count": 5})
    sandbox = sandbox or load_or_create(settings.DATA_DIR, 9400)
    Channel.objects.update_or_create(app=app, gateway=gateway, defaults={"credentials": _fields(sandbox, gateway)})
    execute("deliveries", "bench_people", {"app_id": app.pk, "devices": devices, "now": now})
    execute(
        "deliveries",
        "bench_devices",
        {"app_id": app.pk, "gateway": gateway, "platform": _PLATFORMS[gateway], "now": now},
    )
    if gateway == "webpush":
        _give_subscriptions(app, sandbox)
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return app


def _fields(sandbox: SandboxCredentials, gateway: str) -> dict[str, Any]:
    account = sandbox.app("bench")
    if gateway == "fcm":
        return {"service_account": dict(account.fcm.service_account)}
    return asdict(account.apns if gateway == "apns" else account.vapid)


def _give_subscriptions(app: App, sandbox: SandboxCredentials) -> None:
    """Real browser keys: they must be on the curve. Cost: 60 µs each."""
    with connection.cursor() as cursor:
        cursor.execute("select id from devices_device where app_id = %s", [app.pk])
        made = [(row[0], sandbox.subscription_for(f"{row[0]}.bench")) for row in cursor.fetchall()]
        cursor.executemany(
            "update devices_device set address = %s, address_hash = sha256(convert_to(%s, 'UTF8')),"
            " webpush_p256dh = %s, webpush_auth = %s where id = %s",
            [(one.endpoint, one.endpoint, one.p256dh, one.auth, device_id) for device_id, one in made],
        )


class _Sink:
    """The sandbox as a sink: what it was given, and what it counted."""

    def __init__(self, house: programs.Options, credentials: SandboxCredentials) -> None:
        self.house, self.credentials = house, credentials

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.credentials.base_url}{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.loads(response.read() or b"{}")
            return answer

    def distinct(self) -> int:
        return int(self.ask("/_inbox?limit=0")["distinct"])


@contextmanager
def _sink(options: dict[str, Any]) -> Iterator[_Sink]:
    """A sandbox of the benchmark's own on three free ports."""
    port = _free_ports()
    house = programs.Options(
        data_dir=settings.DATA_DIR, port=port, sandbox_port=port, workers=options["workers"], demo=False
    )
    child = Child(programs.sandbox(house))
    credentials = load_or_create(settings.DATA_DIR, house.sandbox_ports[0])
    child.start()
    try:
        sink = _Sink(house, credentials)
        _wait_for_port(house.sandbox_ports[0])
        if options["sink_delay_ms"]:
            script = {"gateway": options["gateway"], "behaviour": "slow", "seconds": options["sink_delay_ms"] / 1000}
            sink.ask("/_script", script)
        yield sink
    finally:
        child.stop()


def _launch(app: App) -> Dispatch:
    return plan_dispatch(
        app=app,
        kind="campaign",
        origin=f"bench:{app.pk}:{Dispatch.objects.count()}",
        occurrence="1",
        name="bench",
        audience=Compiled(_EVERYBODY, {"bench_app": app.pk}),
        contents=[ContentDraft(variant, "", _HELLO) for variant in (0, 1)],
        policy=Policy(cap_count=5, shares=(50, 50), salt="bench"),
        now=timezone.now(),
    )


def _wait_until_done(dispatch: Dispatch, say: Say) -> None:
    """Raises RuntimeError when it takes longer than LONGEST_SECONDS, or ends otherwise than done."""
    deadline = time.monotonic() + LONGEST_SECONDS
    said = time.monotonic()
    while time.monotonic() < deadline:
        dispatch.refresh_from_db()
        if dispatch.state == "done":
            return
        if dispatch.state not in ("planning", "sending"):
            raise RuntimeError(f"the dispatch is {dispatch.state}: {dispatch.reason}")
        if time.monotonic() - said > 10:
            said = time.monotonic()
            say(f"{_recorded(dispatch):,} of {dispatch.planned_devices:,}")
        time.sleep(0.05)
    raise RuntimeError(f"not done after {LONGEST_SECONDS} s: {_recorded(dispatch):,} recorded")


def _recorded(dispatch: Dispatch) -> int:
    return _count("", dispatch)


def _accepted(dispatch: Dispatch) -> int:
    return _count(f"and outcome = {OUTCOMES['accepted']}", dispatch)


def _count(condition: str, dispatch: Dispatch) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select count(*) from deliveries_delivery where planned_on = %s and dispatch_id = %s {condition}",
            [dispatch.planned_on, dispatch.pk],
        )
        return int(cursor.fetchone()[0])


def _require_sums(dispatch: Dispatch, accepted: int, distinct: int) -> None:
    differences = check_ledger(dispatch.pk)
    if differences:
        raise RuntimeError(f"the ledger does not add up: {differences}")
    if accepted != distinct:
        raise RuntimeError(f"the ledger says {accepted:,} accepted, the sink counted {distinct:,} distinct ids")


def _wait_for_beat(say: Say) -> None:
    """The first heartbeat of every lane: from then on wake-ups flow."""
    for _ in range(600):
        if all(age is not None for age in heartbeat.ages(time.time()).values()):
            return
        time.sleep(0.1)
    say("beat gave no sign of life in 60 s; going on")


def _free_ports() -> int:
    """The first of three free neighbours."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first < 65_000 and not any(_answers(first + offset) for offset in range(3)):
            return first


def _wait_for_port(port: int) -> None:
    for _ in range(300):
        if _answers(port):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the sink did not open port {port}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
