"""The application behind its real web server, on the test's database."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.house import free_port

START_SECONDS = 120


def environment_of_tests() -> dict[str, str]:
    """So that a process sees the session's database, which must have been set up."""
    from django.conf import settings
    from django.db import connection

    url = settings.EMBEDDED.database_url(connection.settings_dict["NAME"])
    return {**os.environ, "DATABASE_URL": url}


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """Its address, which is its PUBLIC_URL too; it answers when this begins."""
    url, process = _started(environment)
    with process:
        try:
            yield url
        finally:
            process.terminate()


def _started(environment: Mapping[str, str]) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Again on another port where somebody else took the first meanwhile."""
    for _try in range(3):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--port", str(port)]
        told = {**environment, "PUBLIC_URL": url, "API_REQUESTS_PER_MINUTE": "1000000"}
        process = subprocess.Popen([*command, "--log-level", "warning", "config.wsgi:application"], env=told)
        if _answers(f"{url}/healthz", process):
            return url, process
        process.kill()
        process.wait()
    pytest.fail("the web server did not start")


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    """Waits for it."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(url, timeout=10).close()
        except (URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return True
    return False
