"""Scripts: how a gateway is told to misbehave, for whom, how often and for how long."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from apps.sandbox.fates import SLOW_SECONDS, Behaviour

GATEWAYS = ("fcm", "apns", "webpush", "sms", "oauth")
# Here `seconds` is how long one answer is held back; elsewhere it is how long the script lives.
_HELD = (Behaviour.SLOW, Behaviour.NEVER)


class BadScript(Exception):
    """A script that cannot be run; the text says which field and why."""


@dataclass(slots=True)
class Script:
    """One instruction. times None = until deleted; lives_until None = for ever (monotonic seconds)."""

    id: int
    gateway: str
    behaviour: Behaviour
    token: str | None = None
    times: int | None = None
    seconds: float | None = None
    retry_after: str = ""
    lives_until: float | None = None
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    timestamp: int | None = None
    hits: int = 0

    @property
    def delay_seconds(self) -> float:
        """How long the answer is held back."""
        if self.behaviour is not Behaviour.SLOW:
            return 0.0
        return SLOW_SECONDS if self.seconds is None else self.seconds

    def is_over(self, now: float) -> bool:
        """Used up or expired."""
        return (self.times is not None and self.hits >= self.times) or (
            self.lives_until is not None and now >= self.lives_until
        )

    def as_document(self, now: float) -> dict[str, Any]:
        """What GET /_script shows."""
        return {
            "id": self.id,
            "gateway": self.gateway,
            "behaviour": self.behaviour.value,
            "match": {} if self.token is None else {"token": self.token},
            "times": self.times,
            "seconds": self.seconds,
            "retry_after": self.retry_after or None,
            "hits": self.hits,
            "is_over": self.is_over(now),
        }


class ScriptBook:
    """All scripts. One for a token goes before one for all; among equals the newest that is not over decides."""

    def __init__(self) -> None:
        self._scripts: list[Script] = []
        self._by_target: dict[tuple[str, str | None], list[Script]] = {}
        self._next_id = 1

    def add(self, document: object, now: float) -> Script:
        """Take a script as JSON. Raises: BadScript."""
        script = _parse(document, self._next_id, now)
        self._next_id += 1
        self._scripts.append(script)
        self._by_target.setdefault((script.gateway, script.token), []).append(script)
        return script

    def clear(self) -> int:
        """Forget all scripts; how many there were."""
        count = len(self._scripts)
        self._scripts.clear()
        self._by_target.clear()
        return count

    def take(self, gateway: str, token: str, now: float) -> Script | None:
        """The script for this call, its hit counted."""
        if not self._scripts:
            return None
        for target in ((gateway, token), (gateway, None)):
            for script in reversed(self._by_target.get(target, ())):
                if not script.is_over(now):
                    script.hits += 1
                    return script
        return None

    def documents(self, now: float) -> list[dict[str, Any]]:
        """All scripts with their hits, oldest first; those that are over stay until deleted."""
        return [script.as_document(now) for script in self._scripts]


def _parse(document: object, script_id: int, now: float) -> Script:
    if not isinstance(document, Mapping):
        raise BadScript("a script is a JSON object")
    unknown = set(document) - _FIELDS
    if unknown:
        raise BadScript(f"unknown field {sorted(unknown)[0]}; known are {', '.join(sorted(_FIELDS))}")
    gateway = document.get("gateway")
    if gateway not in GATEWAYS:
        raise BadScript(f"gateway is one of {', '.join(GATEWAYS)}, not {gateway!r}")
    behaviour = _behaviour(document.get("behaviour"))
    seconds = _number(document, "seconds")
    lifetime = _number(document, "for_seconds") if behaviour in _HELD else seconds
    body = document.get("body", "")
    return Script(
        id=script_id,
        gateway=gateway,
        behaviour=behaviour,
        token=_matched_token(document.get("match")),
        times=_count(document, "times"),
        seconds=seconds,
        retry_after=_header_value("" if document.get("retry_after") is None else document["retry_after"]),
        lives_until=None if lifetime is None else now + lifetime,
        status=_count(document, "status"),
        body=body.encode() if isinstance(body, str) else json.dumps(body).encode(),
        headers=_headers(document.get("headers")),
        timestamp=_count(document, "timestamp"),
    )


_FIELDS = {
    "gateway",
    "match",
    "behaviour",
    "times",
    "seconds",
    "for_seconds",
    "retry_after",
    "status",
    "body",
    "headers",
    "timestamp",
}


def _behaviour(word: object) -> Behaviour:
    try:
        return Behaviour(str(word))
    except ValueError:
        raise BadScript(f"behaviour is one of {', '.join(Behaviour)}, not {word!r}") from None


def _matched_token(match: object) -> str | None:
    """The token of `match`; a push endpoint stands for its subscription id."""
    if match is None or match == {}:
        return None
    if not isinstance(match, Mapping) or set(match) != {"token"} or not isinstance(match["token"], str):
        raise BadScript('match is {"token": "..."} or absent')
    return token_of(match["token"])


def token_of(text: str) -> str:
    """The token a test means: push endpoints are named by their subscription id."""
    if text.startswith(("http://", "https://")) and "/wp/" in text:
        return text.rpartition("/wp/")[2]
    return text


def _headers(given: object) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise BadScript(f"headers is an object, not {given!r}")
    return {_header_value(name).lower(): _header_value(value) for name, value in (given or {}).items()}


def _header_value(value: object) -> str:
    """As text, word for word, but one line."""
    text = str(value)
    if not text.isprintable():
        raise BadScript(f"a header value is one line of printable text, not {text!r}")
    return text


def _number(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise BadScript(f"{name} is a number of 0 or more, not {value!r}")
    return float(value)


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise BadScript(f"{name} is a whole number of 0 or more, not {value!r}")
    return value
