"""The house on RabbitMQ: quorum queues, and a broker that goes away and comes back."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.house import free_port, standing_house, wait_for

PROGRAM = shutil.which("rabbitmq-server") and Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
pytestmark = [pytest.mark.long, pytest.mark.skipif(not PROGRAM, reason="rabbitmq-server is not installed")]


class RabbitMq:
    """A broker of the tests' own, on loopback, with its name server beside it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",  # lets `epmd -kill` forget a node that was killed
        }
        (folder / "plugins").write_text("[].")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(PROGRAM)], env=self._environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(self._answers, 90)

    def kill(self) -> None:
        """All of it at once: the Erlang node is a child of a shell."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        subprocess.run(["epmd", "-kill"], env=self._environment, capture_output=True, check=False)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def queues(self) -> dict[str, str]:
        """Name to type."""
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "--quiet", "list_queues", "name", "type"]
        told = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True)
        return dict(line.split() for line in told.stdout.splitlines())


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitMq]:
    broker = RabbitMq(tmp_path)
    yield broker
    broker.stop()


def test_the_house_stands_on_quorum_queues_and_outlives_its_broker(rabbitmq: RabbitMq) -> None:
    with standing_house(CELERY_BROKER_URL=f"amqp://guest:guest@127.0.0.1:{rabbitmq.port}//") as house:
        queues = rabbitmq.queues()
        assert {queues[lane] for lane in ("urgent", "bulk", "upkeep")} == {"quorum"}
        rabbitmq.kill()
        assert house.readiness()[1]["broker"] != "ok"
        rabbitmq.start()
        wait_for(house.is_ready, 90)
        time.sleep(31)  # older heartbeats are stale by now, so readiness needs new ones
        assert house.is_ready()
