"""The shop's own servers, which webhooks go to: real ones, that err now and then, and keep what they were told."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from apps.api.soak.journal import Journal
from apps.deliveries.delivery_ids import read_delivery_id
from config.up.ports import LOOPBACK

MOST_BYTES = 20_000
OK = 200
# Of the requests that come for the first time. No second try is refused, so that a run comes to its end: the third
# would come five minutes later.
_REFUSED = 0.04
_SLOW = 0.02
_REFUSALS = (500, 503, 429, 302, 0)  # 0: the connection is cut
_LONGEST_PAUSE = 2.0

type Told = tuple[int, int, str]
"""Dispatch, device and type: what an event is of. People without a device share number 0."""


@dataclass(slots=True)
class Endpoint:
    """What one address was told. taken: the sequences (first, behind the last) of what was answered with 2xx, by
    webhook-id; contents: of all that came, to see that a second copy says the same.
    """

    name: str
    types: frozenset[str]
    secret: str
    told: Counter[Told] = field(default_factory=Counter)
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    came_at: list[float] = field(default_factory=list)
    repeats: int = 0


class Listener:
    """Its endpoints by name. Each request is a thread of its own; one lock guards what they write."""

    def __init__(self, journal: Journal, chance: Random) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self._journal, self._chance = journal, chance
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, 0), self)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """On a port of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True, name="listener").start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()

    def url_of(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}/{name}"

    def take(self, name: str, headers: Mapping[str, str], body: bytes, at: float) -> tuple[int, float]:
        """A request came: the status to answer with, and after how many seconds. at: Unix seconds."""
        endpoint = self.endpoints[name]
        try:
            said = Webhook(endpoint.secret).verify(body, dict(headers))
        except WebhookVerificationError as error:
            self._journal.accuse(f"webhook {name} was told something under a wrong signature: {error}")
            return OK, 0.0
        if len(body) > MOST_BYTES or said["type"] not in endpoint.types:
            self._journal.accuse(f"webhook {name} was told {len(body)} bytes of {said['type']}")
        with self._lock:
            return self._keep(endpoint, headers["webhook-id"], said, at), self._pause()

    def _keep(self, endpoint: Endpoint, message_id: str, said: Any, at: float) -> int:
        events = [_told(said["type"], one) for one in said["data"]]
        first = int(said["data"][0]["sequence"])
        content, is_first = hash((first, *events)), message_id not in endpoint.contents
        if endpoint.contents.setdefault(message_id, content) != content:
            self._journal.accuse(f"webhook {endpoint.name}: {message_id} came once more, with other events")
        endpoint.came_at.append(at)
        if is_first and self._chance.random() < _REFUSED:
            return self._chance.choice(_REFUSALS)
        if message_id in endpoint.taken:
            endpoint.repeats += 1
        else:
            endpoint.taken[message_id] = (first, first + len(events))
            endpoint.told.update(events)
        return OK

    def _pause(self) -> float:
        return self._chance.uniform(0, _LONGEST_PAUSE) if self._chance.random() < _SLOW else 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], listener: Listener) -> None:
        super().__init__(address, _Handler)
        self.listener = listener

    def handle_error(self, *_: Any) -> None:
        """Whoever called was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, seconds = self.server.listener.take(self.path[1:], headers, body, at)
        time.sleep(seconds)
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the log is not its own."""


def _told(type_: str, item: Mapping[str, Any]) -> Told:
    key = read_delivery_id(item["delivery_id"])
    return (key.dispatch_id, key.device_id, type_) if key else (0, 0, type_)
