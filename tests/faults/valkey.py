"""A Valkey of one test's own, which may be stopped, flushed and looked into while others use the common one."""

import json
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import redis

from config.embedded.binaries import valkey_program
from tests.house import free_port


class Valkey:
    """On a TCP port of loopback, keeping nothing. Not started yet."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers; empty."""
        command = [str(valkey_program()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = monotonic() + 10
        while not self._answers():
            assert monotonic() < deadline, "Valkey does not answer"
            sleep(0.02)

    def stop(self) -> None:
        """Kill it: what was in it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def flush(self) -> None:
        with self._client() as client:
            client.flushall()

    def waiting(self, *queues: str) -> list[dict[str, Any]]:
        """The headers of the messages in these Celery queues that no worker has taken."""
        with self._client() as client:
            messages = [message for queue in queues for message in client.lrange(queue, 0, -1)]
        return [json.loads(message)["headers"] for message in messages]

    def has_heartbeats(self, *lanes: str) -> bool:
        """Whether in this cache every lane's heartbeat arrived: beat, broker and a worker of the lane do their work."""
        with self._client(database=1) as client:
            return all(list(client.scan_iter(f"*heartbeat:{lane}")) for lane in lanes)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _client(self, database: int = 0) -> redis.Redis:
        return redis.Redis(port=self.port, db=database)


def broker_and_cache(port: int) -> dict[str, str]:
    """The environment of a process whose broker and cache are at this port."""
    return {"CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0", "CACHE_URL": f"redis://127.0.0.1:{port}/1"}
