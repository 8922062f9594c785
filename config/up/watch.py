"""Seeing that a program is alive and yet does nothing."""

import http.client
import json
import time
from collections.abc import Sequence

from config import pulse
from config.processes import Child
from config.up.ports import LOOPBACK
from config.up.programs import Options, pulse_file

# Every lane has a heartbeat each 3 s, so a minute and a half of silence is deafness, not leisure.
DEAF_SECONDS = 90
# Unless a task is at work, which may take longer.
STUCK_SECONDS = 900
# The web server answers /healthz without asking anybody.
SILENT_WEB_SECONDS = 30


class Watch:
    """Asks now and then; `deaf` names the children to start anew."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._web_answered_at = time.monotonic()

    def deaf(self, children: Sequence[Child]) -> list[Child]:
        """Cost: two requests to the own web server; call it every few seconds."""
        if not self._broker_works():
            return []  # then nobody can hear anything, and starting anew would not help
        return [child for child in children if self._is_deaf(child)]

    def _is_deaf(self, child: Child) -> bool:
        if child.age_seconds < DEAF_SECONDS:
            return False
        path = pulse_file(self._options, child.program.name)
        if not path.exists():
            return False
        seen = pulse.read(path, time.time())
        return seen.age_seconds > (STUCK_SECONDS if seen.tasks > 0 else DEAF_SECONDS)

    def web_is_silent(self, web: Child) -> bool:
        if web.age_seconds < SILENT_WEB_SECONDS or ask(self._options.port, "/healthz")[0] == 200:
            self._web_answered_at = time.monotonic()
        return time.monotonic() - self._web_answered_at > SILENT_WEB_SECONDS

    def _broker_works(self) -> bool:
        checks = ask(self._options.port, "/readyz")[1].get("checks", {})
        return checks.get("broker") == "ok" and checks.get("database") == "ok"


def ask(port: int, path: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Status and JSON of the own web server; (0, {}) where it does not answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
        return answer.status, json.loads(body) if is_json else {}
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()
