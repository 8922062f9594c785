"""The virtual phones: a page that shows the newest ones, the list behind it, and taps.

The page needs nothing from outside: its files are served from here under a strict content security policy.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from apps.sandbox.inbox import Arrival, contents
from apps.sandbox.messages import read_message
from apps.sandbox.receipts import Receipts
from apps.sandbox.scripts import token_of
from apps.sandbox.strict_json import parse_json
from apps.sandbox.wire.exchange import Answer, Request, json_answer
from apps.sandbox.world import World

MOST_PHONES = 24
MOST_MESSAGES = 4
_HOUSE = Path(__file__).resolve().parent.parent.parent
_FILES = {
    "/_phones": ("templates/sandbox/phones.html", "text/html; charset=utf-8"),
    "/_phones/phones.css": ("static/sandbox/phones.css", "text/css; charset=utf-8"),
    "/_phones/devices.css": ("static/sandbox/devices.css", "text/css; charset=utf-8"),
    "/_phones/phones.js": ("static/sandbox/phones.js", "text/javascript; charset=utf-8"),
    "/_phones/devices.js": ("static/sandbox/devices.js", "text/javascript; charset=utf-8"),
    "/_phones/logo.svg": ("static/theme/logo.svg", "image/svg+xml"),
}
_KINDS = {"apns": "ios", "fcm": "android", "webpush": "browser", "sms": "sms"}
_TAPS = ("opened", "clicked", "dismissed")
_LONGEST_REPLY = 160


class Phones:
    """Everything below `/_phones`."""

    def __init__(self, world: World, receipts: Receipts, public_url: str) -> None:
        self._world = world
        self._receipts = receipts
        self._page_headers = [
            ("content-security-policy", _policy(public_url)),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ]

    def respond(self, request: Request) -> Answer:
        """Page, list or tap."""
        if request.path == "/_phones/tap" and request.method == "POST":
            return self._tap(request)
        if request.method not in ("GET", "HEAD"):
            return json_answer({"error": f"no {request.method} here"}, 405)
        if request.path == "/_phones/list":
            return self._list(request)
        found = _FILES.get(request.path.rstrip("/"))
        if found is None:
            return json_answer({"error": f"nothing at {request.path}"}, 404)
        return Answer(200, [("content-type", found[1]), *self._page_headers], (_HOUSE / found[0]).read_bytes())

    def _list(self, request: Request) -> Answer:
        """The phones, or 204 where the caller's `version` is still the newest."""
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        inbox = self._world.inbox
        version = f"{inbox.last_number}.{inbox.count}.{self._receipts.version}"
        if query.get("version") == version:
            return Answer(204)
        token, app = token_of(query.get("token", "")), query.get("app", "")
        pool = inbox.tokens_like(token) if token else inbox.recent_tokens()
        chosen = ((name, arrivals) for name, arrivals in pool if not app or arrivals[-1].app == app)
        phones = [self._phone(name, arrivals) for name, arrivals in islice(chosen, MOST_PHONES)]
        apps = [known.slug for known in self._world.credentials.known_apps()]
        return json_answer(
            {"version": version, "count": inbox.count, "distinct": inbox.distinct, "apps": apps, "phones": phones}
        )

    def _phone(self, token: str, arrivals: list[Arrival]) -> dict[str, Any]:
        shown = [arrival for arrival in arrivals[-50:] if not arrival.replaced][-MOST_MESSAGES:]
        newest = arrivals[-1]
        return {
            "token": token,
            "gateway": newest.gateway,
            "kind": _KINDS[newest.gateway],
            "app": newest.app,
            "count": len(arrivals),
            "messages": list(self._messages(reversed(shown))),
        }

    def _messages(self, arrivals: Iterable[Arrival]) -> Iterable[dict[str, Any]]:
        for arrival, _headers, payload in contents(list(arrivals)):
            yield {
                "number": arrival.number,
                "at": datetime.fromtimestamp(arrival.received_at, UTC).isoformat(),
                "sender": payload.get("From", "") if arrival.gateway == "sms" else "",
                "receipts": [asdict(sent) for sent in self._receipts.of(arrival)],
                **asdict(read_message(arrival.gateway, payload)),
            }

    def _tap(self, request: Request) -> Answer:
        """Somebody opened, dismissed or clicked (`action`) a notification, or replied (`action`) to a text."""
        try:
            wish = parse_json(request.body)
            token, number, type = str(wish["token"]), int(wish["number"]), str(wish["type"])
        except (ValueError, KeyError, TypeError):
            return json_answer({"error": "a tap is {token, number, type, action?}"}, 400)
        arrivals = self._world.inbox.of_token(token)
        arrival = next((each for each in reversed(arrivals) if each.number == number), None)
        allowed = ("reply",) if arrival is not None and arrival.gateway == "sms" else _TAPS
        if arrival is None or type not in allowed:
            return json_answer({"error": f"type is one of {', '.join(allowed)}, and the message must exist"}, 400)
        self._receipts.tap(arrival, type, str(wish.get("action") or "")[:_LONGEST_REPLY])
        return json_answer({"taken": True}, 202)


def _policy(public_url: str) -> str:
    """Only our own files; pictures also from this machine and from the product."""
    pictures = f"'self' data: http://127.0.0.1:* http://localhost:* {public_url}"
    own = "script-src 'self'; style-src 'self'; connect-src 'self'"
    return f"default-src 'none'; {own}; img-src {pictures}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
