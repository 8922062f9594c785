"""The same code on several hosts: database and broker, web and beat, workers; and a worker whose cable is pulled."""

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apps.deliveries.services.work import IN_FLIGHT
from tests.fixtures_sandbox import RunningSandbox
from tests.house import wait_for

RABBITMQ = shutil.which("rabbitmq-server") and Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PEOPLE = 4_500
LEASE_SECONDS = 8
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip"),
        reason="hosts are network namespaces: they need Linux, root and `ip` (iproute2)",
    ),
]

if sys.platform == "linux":
    from tests.faults.hosts import Host, Network, ask, postgres_on, rabbitmq_on, relay, valkey_on


class Site:
    """Three hosts to begin with: where the data is, where the doors are, where the work is done."""

    def __init__(self, network: "Network", folder: Path, sandbox: RunningSandbox, things: ExitStack) -> None:
        self._network, self._folder, self._sandbox = network, folder, sandbox
        self.data = network.host("data", 1)
        database_url = things.enter_context(postgres_on(self.data, folder))
        cache = valkey_on(self.data, folder)
        broker = rabbitmq_on(self.data, folder, RABBITMQ) if RABBITMQ else f"{cache}/0"
        self._environment = {
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": broker,
            "CACHE_URL": f"{cache}/1",
            "SECRET_KEY": "hosts",
            "FIELD_ENCRYPTION_KEYS": "k1:" + "A" * 43 + "=",
            "FCM_BASE_URL": sandbox.url_tls,
            "GATEWAY_CA_FILE": sandbox.ca_file,
            "HELIOGRAPH_LEASE_SECONDS": str(LEASE_SECONDS),
        }
        for port in (sandbox.port, sandbox.port + 1, sandbox.port + 2):
            network.relay_here(port, folder / "relay.log")
        self.doors = network.host("doors", 2)
        self.manage("migrate", "--verbosity", "0")
        account = sandbox.credentials.app("hosts").fcm.service_account
        made = self.step("prepare", json.dumps(dict(account)), str(PEOPLE))
        self._key, self.campaigns = made["key"], made["campaigns"]
        self._run(self.doors, "web", "--host", self.doors.address)
        self._run(self.doors, "beat")
        self.workers = [self.add_worker()]

    def add_worker(self) -> "Host":
        """A host with a worker for each lane; the vendors are beyond its cable, like everything else."""
        number = 3 + len(getattr(self, "workers", []))
        host = self._network.host(f"worker{number}", number)
        for port in (self._sandbox.port, self._sandbox.port + 1, self._sandbox.port + 2):
            host.start(relay("127.0.0.1", port, self._network.address, port), self._folder / "relay.log")
        for lane in ("urgent", "bulk", "upkeep"):
            self._run(host, f"worker-{lane}")
        return host

    def manage(self, *arguments: str) -> str:
        return self.doors.run([sys.executable, "manage.py", *arguments], **self._own(self.doors))

    def step(self, *arguments: str) -> Any:
        return ask(self.doors, *arguments, **self._own(self.doors))

    def hold(self, host: "Host", dispatch: int) -> None:
        """A transaction on that host has begun with the dispatch, and does not end."""
        command = [sys.executable, "-m", "tests.faults.hosts_steps", "hold", str(dispatch)]
        host.start(command, self._folder / "hold.log", None, **self._own(host))
        wait_for(lambda: self.step("is_held", str(dispatch)) is True, 60)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"http://{self.doors.address}:8000{path}", method=method)
        request.add_header("Authorization", f"Bearer {self._key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def is_ready(self) -> bool:
        try:
            return bool(self.api("GET", "/readyz"))
        except (OSError, urllib.error.HTTPError):
            return False

    def launch(self) -> int:
        """The next campaign; its dispatch."""
        campaign = self.campaigns.pop(0)
        self.manage("send_campaign", str(campaign), "--now")
        return int(self.api("GET", f"/v2.1/campaigns/{campaign}")["dispatch_id"])

    def is_done(self, dispatch: int) -> bool:
        return bool(self.api("GET", f"/v2.1/dispatches/{dispatch}")["state"] == "done")

    def arrived(self) -> int:
        return int(self._sandbox.inbox(limit="0")["count"])

    def check(self, *, cuts: int) -> int:
        """The sums, and who got it how often. Returns the copies too many."""
        truth = self.step("truth")
        assert truth["differences"] == []
        outcomes = {word: set(ids) for word, ids in truth["outcomes"].items()}
        messages = self._sandbox.inbox(limit="1000000", fields="notification_id")["messages"]
        copies = Counter(message["notification_id"] for message in messages)
        accepted, unknown = outcomes.pop("accepted", set()), outcomes.pop("unknown_outcome", set())
        assert outcomes == {}
        assert accepted <= copies.keys() <= accepted | unknown
        repeated = copies.total() - len(copies)
        assert repeated <= cuts * IN_FLIGHT
        return repeated

    def _run(self, host: "Host", *program: str) -> None:
        name = f"{host.name}-{program[0]}"
        command = [sys.executable, "manage.py", "run", *program]
        host.start(command, self._folder / f"{name}.log", None, **self._own(host))

    def _own(self, host: "Host") -> dict[str, str]:
        """Hosts share no files."""
        folder = self._folder / host.name
        folder.mkdir(exist_ok=True)
        return {**self._environment, "HELIOGRAPH_DATA_DIR": str(folder)}


@pytest.fixture
def site(sandbox: RunningSandbox) -> Iterator[Site]:
    with ExitStack() as things:
        folder = Path(things.enter_context(tempfile.TemporaryDirectory(prefix="hosts-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        network = things.enter_context(Network())
        site = Site(network, folder, sandbox, things)
        wait_for(site.is_ready, 90)
        yield site


def test_hosts_share_the_work_and_one_may_lose_its_cable(site: Site) -> None:
    # One worker, which loses sight of the database: what it cannot write down, it does not send.
    first = site.launch()
    wait_for(lambda: site.arrived() > 500, 60)
    site.workers[0].lose(site.data)
    at_loss = site.arrived()
    time.sleep(6)
    at_rest = site.arrived()
    assert at_rest - at_loss <= IN_FLIGHT
    time.sleep(6)
    assert site.arrived() == at_rest
    site.workers[0].find(site.data)
    wait_for(lambda: site.is_done(first), 120)
    assert site.arrived() >= PEOPLE
    site.check(cuts=1)

    # Two workers, of which one loses its cable amid a transaction: the other goes on once the database misses that
    # one's session, and takes over.
    site.workers.append(site.add_worker())
    second = site.launch()
    wait_for(lambda: site.arrived() > PEOPLE + 500, 60)
    site.hold(site.workers[0], second)
    site.workers[0].cut()
    at_cut = site.arrived()
    wait_for(lambda: site.arrived() > at_cut + IN_FLIGHT, 120)
    site.workers[0].heal()
    wait_for(lambda: site.is_done(second), 120)
    pushed = site.api("POST", "/v2.1/push", {"customers": ["p1"], "title": "One", "body": "more"})
    wait_for(lambda: site.api("GET", f"/v2.1/push/{pushed['meta']['uniqId']}")["state"] == "done", 30)
    site.check(cuts=2)
