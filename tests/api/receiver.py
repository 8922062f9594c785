"""Somebody's server that takes webhooks: a real one on loopback, as slow, rude or dead as a test wants it."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Receiver:
    """status, headers, body, delay: of the answers to come."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Meanwhile nothing is answered."""
        self.may_answer.clear()
        try:
            yield
        finally:
            self.may_answer.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that was told with an answer of ours, in the order of their sequence."""
        found = [event for call in self.calls for event in call.told["data"]]
        return sorted(found, key=lambda event: int(event["sequence"]))


@contextmanager
def receiving(**how: Any) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(**how)
    receiver.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = {name.lower(): value for name, value in self.headers.items()}
            receiver.calls.append(Call(told, body))
            time.sleep(receiver.delay_seconds)
            receiver.may_answer.wait()
            self.send_response(receiver.status)
            for name, value in {"Content-Length": str(len(receiver.body)), **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks?shop=1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
