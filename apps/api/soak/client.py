"""A caller of the API as ours should be: whoever gets no answer, or "later", asks the same again."""

import http.client
import json
import time
from dataclasses import dataclass
from random import Random
from threading import Event
from typing import Any

from apps.api.soak.journal import Journal
from config.up.ports import LOOPBACK

PATIENCE_SECONDS = 90.0
_TIMEOUT_SECONDS = 10.0
_LONGEST_PAUSE = 3.0
# Of 5xx only these are kept for a house whose database or broker is away.
_LATER = (429, 503)
_TWIN = "idempotency_in_progress"


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, from the first asking to its coming (Unix seconds). tries > 1: an earlier try may have worked."""

    status: int
    body: Any
    asked_at: float
    answered_at: float
    tries: int


class Client:
    """One caller, with a connection of its own. Use it in one thread."""

    def __init__(self, port: int, key: str, journal: Journal, chance: Random, over: Event) -> None:
        self._port, self._key, self._journal, self._chance, self._over = port, key, journal, chance, over
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, *, idempotency_key: str = "") -> Answered | None:
        """The final answer; None where patience, or the run, came to its end without one."""
        asked_at = time.time()
        tries = 0
        while time.time() - asked_at < PATIENCE_SECONDS and not self._over.is_set():
            tries += 1
            status, told = self._try(method, path, body, idempotency_key)
            if status and status not in _LATER and not _is_twin(status, told):
                if status >= 500:
                    self._journal.accuse(f"{method} {path} was answered {status}: {str(told)[:300]}")
                return Answered(status, told, asked_at, time.time(), tries)
            self._journal.count("repeated requests")
            time.sleep(self._chance.uniform(0.1, min(_LONGEST_PAUSE, 0.2 * 2**tries)))
        self._journal.count("requests given up")
        return None

    def _try(self, method: str, path: str, body: Any, idempotency_key: str) -> tuple[int, Any]:
        """(0, None) where no answer came."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=_TIMEOUT_SECONDS)
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, None
        try:
            return response.status, json.loads(content or b"null")
        except ValueError:
            return response.status, content[:300]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_twin(status: int, told: Any) -> bool:
    """The same request is being worked on: an earlier try of ours that we gave up waiting for."""
    return status == 409 and _TWIN in json.dumps(told)
