"""A house to be set on fire: real workers, the real sandbox, beat played by the test, the check after every fault."""

import os
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.claim import reclaim_batches
from apps.deliveries.services.fold import fold_counts
from apps.deliveries.services.lifecycle import finish_dispatches
from apps.deliveries.services.release import release_due
from apps.deliveries.services.work import IN_FLIGHT
from apps.deliveries.states import OUTCOME_WORDS
from apps.devices.models import Channel, Device
from config import commands
from config.env import BASE_DIR
from tests.factories import make_app, make_channel, make_dispatch
from tests.fixtures_sandbox import RunningSandbox, free_port
from tests.house import GENEROSITY

LEASE_SECONDS = 4
# What a person decides holds for every call that starts 2 s later; on a busy machine one is under way for a while.
HOLDS_WITHIN, ROAD = timedelta(seconds=2), timedelta(seconds=2)
GATEWAY_OF = {"android": "fcm", "ios": "apns", "web": "webpush"}

_PEOPLE = """
with person as (
    insert into customers_customer (
        app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,
        created_at, updated_at
    )
    select %(app_id)s, %(platform)s || n, '', '', 'Ada', '', 'en', '', 'PL', '{}', '{}', now(), now()
    from generate_series(1, %(number)s) n
    returning id
)
insert into devices_device (
    app_id, customer_id, platform, gateway, address, address_hash, address_kind, webpush_p256dh, webpush_auth,
    environment, state, retired_reason, secret_hash, locale, time_zone, app_version, os_version, model, permission,
    tags, created_at, registered_at, last_seen_at
)
select %(app_id)s, id, %(platform)s, %(gateway)s,
       case when %(gateway)s = 'fcm' then 'ok-' || id else lpad(to_hex(id), 64, '0') end,
       sha256(id::text::bytea), 'token', '', '',
       case when %(gateway)s = 'apns' then 'production' else '' end,
       'active', '', '\\x00', '', '', '', '', '', '', '{}', now(), now() - interval '1 day', now()
from person
"""


class House:
    """Workers come and go; time passes in `until`, which does what beat does unless has_beat is False."""

    def __init__(self, sandbox: RunningSandbox, environment: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.app: App = make_app()
        self.workers: list[Popen[bytes]] = []
        self.killed = 0
        self.has_beat = True
        self.sources = BASE_DIR
        self.log: int | None = None
        account = sandbox.credentials.app(self.app.slug)
        make_channel(self.app, "fcm", credentials={"service_account": dict(account.fcm.service_account)})
        make_channel(self.app, "apns", credentials=asdict(account.apns))
        make_channel(self.app, "webpush", credentials=asdict(account.vapid))
        self._environment = {
            **environment,
            "FCM_BASE_URL": sandbox.url_tls,
            "APNS_HOST": "127.0.0.1",
            "APNS_PORT": str(sandbox.port + 1),
            "WEBPUSH_ALLOWED_HOSTS": "127.0.0.1,localhost",
            "GATEWAY_CA_FILE": sandbox.ca_file,
            "HELIOGRAPH_LEASE_SECONDS": str(LEASE_SECONDS),
        }

    def use(self, **environment: str) -> None:
        """Workers started from now on see this."""
        self._environment |= environment

    def people(self, number: int, platform: str = "android") -> None:
        """So many people more with one device each: android, ios or web."""
        gateway = GATEWAY_OF[platform]
        with connection.cursor() as cursor:
            values = {"app_id": self.app.pk, "number": number, "platform": platform, "gateway": gateway}
            cursor.execute(_PEOPLE, values)
        for device in Device.objects.filter(platform="web", webpush_auth=""):
            self._subscribe(device)

    def _subscribe(self, device: Device) -> None:
        """Make a virtual browser of it."""
        made = self.sandbox.credentials.subscription_for(f"w{device.pk}.{self.app.slug}")
        device.address, device.webpush_p256dh, device.webpush_auth = made.endpoint, made.p256dh, made.auth
        device.save()

    def port_of(self, gateway: str) -> int:
        """Where the sandbox speaks TLS as this gateway."""
        return self.sandbox.port + {"fcm": 2, "apns": 1}[gateway]

    def trust(self, ca_file: str, both: Path) -> None:
        """Workers started from now on trust this authority beside the sandbox's; `both` is written."""
        both.write_text(Path(self.sandbox.ca_file).read_text() + Path(ca_file).read_text())
        self._environment |= {"GATEWAY_CA_FILE": str(both)}

    def lead_through(self, gateway: str, port: int) -> None:
        """Workers started from now on find this gateway at another port of this machine."""
        self.lead_to_host(gateway, "127.0.0.1", port)

    def lead_to_host(self, gateway: str, host: str, port: int = 443) -> None:
        """Workers started from now on find this gateway there."""
        self._environment |= {
            "fcm": {"FCM_BASE_URL": f"https://{host}:{port}"},
            "apns": {"APNS_HOST": host, "APNS_PORT": str(port)},
        }[gateway]

    def launch(self, **fields: Any) -> Dispatch:
        return make_dispatch(self.app, now=timezone.now(), **fields)

    def start_worker(self, *lanes: str) -> "Popen[bytes]":
        """One Celery worker of these lanes; without any, of bulk."""
        return self.start("-m", "celery", "--app", "config", "--quiet", *self.worker_arguments(*lanes))

    def worker_arguments(self, *lanes: str) -> list[str]:
        """Of `celery`."""
        arguments = ["worker", "--queues", ",".join(lanes or ["bulk"]), "--pool", "threads", "--concurrency", "1"]
        arguments += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        return [*arguments, "--hostname", f"worker-{os.getpid()}-{len(self.workers)}@test"]

    def start_beat(self) -> "Popen[bytes]":
        """A real beat, for a house with has_beat = False and a broker of its own."""
        return self.start("-m", "celery", "--app", "config", "--quiet", "beat", "--pidfile=", "--loglevel", "WARNING")

    def start_web(self) -> str:
        """The web server, answering; returns its address."""
        port = free_port()
        self.start(*commands.web("127.0.0.1", port)[1:])
        address = f"http://127.0.0.1:{port}"
        self.until(lambda: is_up(f"{address}/healthz"), seconds=60, what="serving")
        return address

    def start(self, *arguments: str) -> "Popen[bytes]":
        """A worker of any kind: `python` with these arguments, ended with whatever it starts."""
        worker = Popen(
            [sys.executable, *arguments],
            env=self._environment,
            cwd=self.sources,
            stderr=self.log,
            start_new_session=True,
        )
        self.workers.append(worker)
        return worker

    def ask_to_stop(self, worker: "Popen[bytes]") -> None:
        """SIGTERM; it must be gone within 20 s, given a core of its own."""
        worker.send_signal(signal.SIGTERM)
        worker.wait(20 * GENEROSITY)

    def kill(self, worker: "Popen[bytes]") -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait(10 * GENEROSITY)
        self.killed += 1

    def kill_in_flight(self, worker: "Popen[bytes]") -> None:
        """Kill it when the gateway has taken what is not yet recorded, so that a resend is certain.

        It is frozen first, and looked at: an open slice alone may still be waiting for its connection.
        """
        deadline = monotonic() + 60 * GENEROSITY
        while monotonic() < deadline:
            self.until(self._is_taken_and_open, seconds=60, what="taken by the gateway and not recorded")
            worker.send_signal(signal.SIGSTOP)
            sleep(0.1)  # what it had sent to the database is done
            if self._is_taken_and_open():
                self.kill(worker)
                return
            worker.send_signal(signal.SIGCONT)
        pytest.fail("the worker never had anything in flight")

    def _is_taken_and_open(self) -> bool:
        return flying().exists() and self.taken() > self.recorded()

    def stop(self) -> None:
        for worker in self.workers:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10 * GENEROSITY)

    def beat(self) -> None:
        """One tick of everything that beat drives."""
        now = timezone.now()
        reclaim_batches(now=now)
        release_due(now=now)
        fold_counts()
        finish_dispatches(now=now)

    def until(self, is_so: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Let time pass until something is so. seconds: as wait_for's."""
        deadline = monotonic() + GENEROSITY * seconds
        while not is_so():
            if monotonic() > deadline:
                pytest.fail(f"not {what} within {seconds} s: {self.standing()}")
            if self.has_beat:
                self.beat()
            sleep(0.2)

    def until_done(self, dispatch: Dispatch, *, seconds: float) -> None:
        rows = Dispatch.objects.filter(id=dispatch.id, finished_at=None)
        self.until(lambda: not rows.exists(), seconds=seconds, what="done")

    def hurry(self) -> None:
        """What waits for its next try, or for the next probe of its channel, waits no longer."""
        Retry.objects.update(due_at=timezone.now())
        Channel.objects.filter(state="paused").update(probe_after=timezone.now())

    def until_done_hurrying(self, dispatch: Dispatch, *, seconds: float) -> None:
        """Until done, with every back-off cut short."""
        rows = Dispatch.objects.filter(id=dispatch.id, finished_at=None)

        def is_done() -> bool:
            self.hurry()
            return not rows.exists()

        self.until(is_done, seconds=seconds, what="done")

    def recorded(self) -> int:
        return Delivery.objects.count()

    def arrived(self) -> int:
        """How many messages, copies counted."""
        return int(self.sandbox.inbox(limit="1", fields="token")["count"])

    def taken(self) -> int:
        """How many notifications, each counted once however often it came."""
        return int(self.sandbox.inbox(limit="1", fields="token")["distinct"])

    def standing(self) -> str:
        waiting = Counter(Retry.objects.values_list("reason", "tries"))
        dispatches = list(Dispatch.objects.values_list("state", "reason"))
        channels = list(Channel.objects.exclude(paused_reason="").values_list("gateway", "paused_reason"))
        return f"{dict(self.outcomes())}, {dispatches}, waiting {dict(waiting)}, channels {channels}"

    def outcomes(self) -> Counter[str]:
        return Counter(OUTCOME_WORDS[number] for number in Delivery.objects.values_list("outcome", flat=True))

    def latest_arrival(self, **wanted: str) -> datetime:
        messages = self.sandbox.inbox(limit="1000000", fields="received_at", **wanted)["messages"]
        return max(datetime.fromisoformat(message["received_at"]) for message in messages)

    def check(self, *, cut: int = 0) -> int:
        """What must hold after every fault. Returns the copies that arrived more than once.

        cut: connections that were cut after a message was taken.
        """
        assert check_ledger() == []
        by_outcome: dict[str, set[str]] = {}
        for row in Delivery.objects.all():
            nid = make_delivery_id(
                planned_on=row.planned_on, dispatch_id=row.dispatch_id, device_id=row.device_id, variant=row.variant
            )
            by_outcome.setdefault(OUTCOME_WORDS[row.outcome], set()).add(nid)
        messages = self.sandbox.inbox(limit="1000000", fields="notification_id,token")["messages"]
        copies = Counter(message["notification_id"] for message in messages)
        accepted = by_outcome.get("accepted", set())
        assert accepted <= copies.keys(), "accepted, but never arrived"
        assert copies.keys() <= accepted | by_outcome.get("unknown_outcome", set()), "arrived, but called otherwise"
        assert len({(one["notification_id"], one["token"]) for one in messages}) == len(copies), "one id, two phones"
        repeated = copies.total() - len(copies)
        assert repeated <= self.killed * IN_FLIGHT + cut, "more duplicates than were in flight"
        return repeated


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def flying() -> QuerySet[Batch]:
    """Batches whose worker has a slice open, or died with it."""
    return Batch.objects.filter(in_flight=True)
