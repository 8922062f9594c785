"""A real sandbox process for tests: `running_sandbox` is one a session, `sandbox` the same, emptied for each test."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.gateways.contract import Endpoints
from apps.sandbox.credentials import SandboxCredentials

REPOSITORY = Path(__file__).resolve().parent.parent
_START_SECONDS = 150


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that answers. credentials.app() is what a gateway logs in with; endpoints, where it goes."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url_tls(self) -> str:
        return f"https://127.0.0.1:{self.port + 2}"

    @property
    def ca_file(self) -> str:
        return str(self.data_dir / "sandbox-ca.pem")

    @property
    def credentials(self) -> SandboxCredentials:
        return SandboxCredentials(self.data_dir / "sandbox", self.port)

    @property
    def endpoints(self) -> Endpoints:
        """What a gateway is given instead of the vendors' own addresses."""
        return Endpoints(
            fcm_base_url=self.url_tls,
            apns_host="127.0.0.1",
            apns_port=self.port + 1,
            webpush_allowed_hosts=("127.0.0.1", "localhost"),
            sms_base_url=self.url_tls,
            ca_file=self.ca_file,
        )

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """(status, JSON) of a control call."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def inbox(self, **wanted: str) -> dict[str, Any]:
        """GET /_inbox with these filters."""
        status, document = self.call("GET", f"/_inbox?{urlencode(wanted)}")
        assert status == 200, document
        return document

    def script(self, gateway: str, behaviour: str, token: str | None = None, **rest: Any) -> dict[str, Any]:
        """POST /_script"""
        match = {} if token is None else {"match": {"token": token}}
        status, document = self.call("POST", "/_script", {"gateway": gateway, "behaviour": behaviour, **match, **rest})
        assert status == 201, document
        return document

    def reset(self) -> None:
        """No messages, no scripts, no limits."""
        for path in ("/_inbox", "/_script"):
            self.call("DELETE", path)
        self.call("POST", "/_limits", {"fcm_per_minute": 0, "bearer_seconds": 3599, "apns_token_updates": False})


def start_sandbox(
    data_dir: Path, port: int | None = None, options: tuple[str, ...] = (), **environment: str
) -> RunningSandbox:
    """Start a process of its own and wait until it answers. The caller ends `process`.

    Without a port, free ones are looked for, again where somebody else took them meanwhile.
    """
    for _ in range(1 if port else 3):
        sandbox = _start(data_dir, port or free_port(), options, environment)
        if sandbox is not None:
            return sandbox
    pytest.fail(f"the sandbox did not start:\n{(data_dir / 'sandbox.log').read_text()}")


def _start(data_dir: Path, port: int, options: tuple[str, ...], environment: dict[str, str]) -> RunningSandbox | None:
    command = [sys.executable, str(REPOSITORY / "manage.py"), "sandbox", "--port", str(port), *options]
    settings = {**os.environ, "HELIOGRAPH_DATA_DIR": str(data_dir), **environment}
    with (data_dir / "sandbox.log").open("ab") as log:
        process = subprocess.Popen(command, env=settings, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
    sandbox = RunningSandbox(process, data_dir, port)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            sandbox.call("GET", "/_health")
        except OSError:
            time.sleep(0.05)
        else:
            return sandbox
    process.kill()
    return None


def stop_sandbox(sandbox: RunningSandbox) -> int:
    """SIGTERM, and its exit code."""
    sandbox.process.send_signal(signal.SIGTERM)
    return sandbox.process.wait(timeout=60)


def free_port() -> int:
    """A port that is free together with the next two."""
    for port in range(20000 + os.getpid() * 7 % 10000, 32000, 3):
        if all(_is_free(port + offset) for offset in range(3)):
            return port
    pytest.fail("no three free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One process for the session, with credentials of its own."""
    sandbox = start_sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    stop_sandbox(sandbox)


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> RunningSandbox:
    """The running sandbox, emptied."""
    running_sandbox.reset()
    return running_sandbox
