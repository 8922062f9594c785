"""Somebody who calls the API all the time, and remembers every answer."""

import json
import urllib.error
import urllib.request
from collections import Counter
from threading import Event, Thread
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 30


class Caller:
    """Inside the context it sends one push after the other. answers: (status, Retry-After, body) of each."""

    def __init__(self, url: str, key: str, body: dict[str, Any]) -> None:
        self.answers: list[tuple[int, str, Any]] = []
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._request = urllib.request.Request(f"{url}/v2.1/push", json.dumps(body).encode(), headers)
        self._enough = Event()
        self._thread = Thread(target=self._call_on)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._enough.set()
        self._thread.join()

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for status, _, _ in self.answers)

    @property
    def accepted(self) -> list[int]:
        """The pushes that were promised."""
        return [int(body["meta"]["uniqId"]) for status, _, body in self.answers if status == 202]

    def _call_on(self) -> None:
        while not self._enough.wait(0.02):
            try:
                with urllib.request.urlopen(self._request, timeout=PATIENCE_SECONDS) as answer:
                    self.answers.append((answer.status, "", json.load(answer)))
            except urllib.error.HTTPError as error:
                self.answers.append((error.code, error.headers.get("Retry-After", ""), error.read()))
