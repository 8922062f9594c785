"""The sandbox's own doors: inbox, scripts, limits, credentials, virtual browsers. Loopback only.

A page in somebody's browser must not steer it: the Host must be a loopback name, and a browser's call must come from
a page of the sandbox itself.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from apps.sandbox.credentials import DEFAULT_APP, key_mark
from apps.sandbox.emulators.oauth import OauthEmulator
from apps.sandbox.fates import PREFIXES
from apps.sandbox.inbox import Arrival, Filter, contents
from apps.sandbox.messages import read_message
from apps.sandbox.scripts import GATEWAYS, BadScript, token_of
from apps.sandbox.strict_json import parse_json
from apps.sandbox.subscriptions import from_base64url
from apps.sandbox.wire.client import is_loopback
from apps.sandbox.wire.exchange import Answer, Request, json_answer
from apps.sandbox.world import Limits, World

_FIELDS = (
    "gateway",
    "token",
    "notification_id",
    "title",
    "body",
    "payload",
    "headers",
    "received_at",
    "replaced",
    "app",
)
_CHUNK = 50


class BadQuestion(Exception):
    """A query or body the door cannot take; the text says what and why."""


class Control:
    """Everything below `/_` but the phones page."""

    def __init__(self, world: World, oauth: OauthEmulator) -> None:
        self._world = world
        self._oauth = oauth
        self._doors: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "/_inbox"): self._read_inbox,
            ("DELETE", "/_inbox"): self._clear_inbox,
            ("GET", "/_script"): self._read_scripts,
            ("POST", "/_script"): self._add_script,
            ("DELETE", "/_script"): self._clear_scripts,
            ("GET", "/_limits"): lambda _request: json_answer(self._limits()),
            ("POST", "/_limits"): self._set_limits,
            ("DELETE", "/_bearers"): lambda _request: json_answer({"revoked": self._oauth.revoke_all()}),
            ("GET", "/_credentials"): self._read_credentials,
            ("POST", "/_subscriptions"): self._subscribe,
            ("GET", "/_health"): lambda _request: json_answer({"status": "ok"}),
        }

    def respond(self, request: Request) -> Answer:
        """Open the door that the path names."""
        door = self._doors.get((request.method, request.path))
        if door is None:
            known = sorted({f"{method} {path}" for method, path in self._doors})
            return json_answer({"error": f"no {request.method} {request.path} here", "known": known}, 404)
        try:
            return door(request)
        except (BadQuestion, BadScript) as reason:
            return json_answer({"error": str(reason)}, 400)

    def _read_inbox(self, request: Request) -> Answer:
        query = _query(request)
        wanted = _filter(query)
        fields = _fields(query.get("fields", ""))
        count, distinct = self._world.inbox.counts(replace(wanted, limit=None))
        found = self._world.inbox.find(wanted)
        head = f'{{"count":{count},"distinct":{distinct},"messages":['
        answer = json_answer(None)
        answer.stream = _inbox_chunks(head, found, fields)
        return answer

    def _clear_inbox(self, _request: Request) -> Answer:
        count = self._world.inbox.count
        self._world.inbox.clear()
        return json_answer({"deleted": count})

    def _read_scripts(self, _request: Request) -> Answer:
        return json_answer({"scripts": self._world.scripts.documents(self._world.monotonic())})

    def _add_script(self, request: Request) -> Answer:
        now = self._world.monotonic()
        return json_answer(self._world.scripts.add(_body(request), now).as_document(now), 201)

    def _clear_scripts(self, _request: Request) -> Answer:
        return json_answer({"deleted": self._world.scripts.clear()})

    def _limits(self) -> dict[str, int | bool]:
        limits = self._world.limits
        return {
            "fcm_per_minute": limits.fcm_per_minute,
            "bearer_seconds": limits.bearer_seconds,
            "apns_token_updates": limits.apns_token_updates,
        }

    def _set_limits(self, request: Request) -> Answer:
        """Change what the body names."""
        current = self._limits()
        for name, value in _body(request).items():
            if name not in current or type(value) is not type(current[name]) or value < 0:
                raise BadQuestion(f"limits are {current}; {name}={value!r} is none")
            current[name] = value
        self._world.limits = Limits(
            int(current["fcm_per_minute"]), int(current["bearer_seconds"]), bool(current["apns_token_updates"])
        )
        return json_answer(current)

    def _read_credentials(self, request: Request) -> Answer:
        slug = _query(request).get("app", DEFAULT_APP)
        if not slug.replace("-", "").isalnum() or not slug.isascii():
            raise BadQuestion(f"app is a slug, not {slug!r}")
        return json_answer(self._world.credentials.documents(slug))

    def _subscribe(self, request: Request) -> Answer:
        """A new virtual browser, bound to the VAPID key given, else to the app's."""
        wishes = _body(request) if request.body else {}
        fate = str(wishes.get("fate", ""))
        if fate and f"{fate}-" not in PREFIXES:
            raise BadQuestion(f"fate is one of {', '.join(word.rstrip('-') for word in PREFIXES)}, not {fate!r}")
        name = (f"{fate}-" if fate else "") + secrets.token_urlsafe(16)
        credentials = self._world.credentials
        subscription_id = f"{name}.{self._owner(wishes)}"
        made = credentials.subscription_for(subscription_id)
        return json_answer(
            {
                "endpoint": f"{credentials.base_url}/wp/{subscription_id}",
                "endpoint_tls": made.endpoint,
                "keys": {"p256dh": made.p256dh, "auth": made.auth},
            },
            201,
        )

    def _owner(self, wishes: Mapping[str, Any]) -> str:
        key = wishes.get("application_server_key")
        if key is None:
            app = self._world.directory.find("slug", str(wishes.get("app", DEFAULT_APP)))
            if app is None:
                raise BadQuestion(f"no app {wishes.get('app')!r} is known here")
            return app.slug
        try:
            if len(from_base64url(str(key))) != 65:
                raise ValueError
        except ValueError:
            raise BadQuestion("application_server_key is a 65-byte point in base64url") from None
        return key_mark(str(key))


def is_own_caller(request: Request) -> bool:
    """Not a foreign page in a browser, and not a name that was rebound to loopback."""
    host = request.authority.rpartition(":")[0] or request.authority
    return is_loopback(host) and request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _body(request: Request) -> dict[str, Any]:
    try:
        document = parse_json(request.body)
    except ValueError:
        raise BadQuestion("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadQuestion("the body is not a JSON object")
    return document


def _filter(query: dict[str, str]) -> Filter:
    gateway = query.get("gateway", "")
    if gateway and gateway not in GATEWAYS:
        raise BadQuestion(f"gateway is one of {', '.join(GATEWAYS)}, not {gateway!r}")
    limit = query.get("limit")
    if limit is not None and not (limit.isascii() and limit.isdigit()):
        raise BadQuestion(f"limit is a whole number, not {limit!r}")
    return Filter(
        token=token_of(query.get("token", "")),
        gateway=gateway,
        notification_id=query.get("notification_id", ""),
        since=_timestamp(query["since"]) if "since" in query else 0.0,
        limit=None if limit is None else int(limit),
    )


def _timestamp(text: str) -> float:
    """RFC 3339 with an offset; a blank stands for the plus sign that a query lost."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise BadQuestion(f"since is an RFC 3339 time, not {text!r}") from None
    if moment.tzinfo is None:
        raise BadQuestion(f"since needs an offset: {text!r}")
    return moment.timestamp()


def _fields(text: str) -> tuple[str, ...]:
    fields = tuple(text.split(",")) if text else _FIELDS
    unknown = set(fields) - set(_FIELDS)
    if unknown:
        raise BadQuestion(f"fields are {', '.join(_FIELDS)}; {sorted(unknown)[0]!r} is none")
    return fields


def _inbox_chunks(head: str, found: list[Arrival], fields: tuple[str, ...]) -> Iterator[bytes]:
    """The answer in pieces, so that a large inbox neither fills memory nor holds the loop."""
    text = head
    for start in range(0, len(found), _CHUNK):
        rows = _documents(found[start : start + _CHUNK], fields)
        text += ("," if start else "") + ",".join(json.dumps(row, ensure_ascii=False) for row in rows)
        yield text.encode()
        text = ""
    yield (text + "]}").encode()


def _documents(arrivals: list[Arrival], fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if not set(fields) & {"title", "body", "payload", "headers"}:
        for arrival in arrivals:
            known = _plain_fields(arrival)
            yield {field: known[field] for field in fields}
        return
    for arrival, headers, payload in contents(arrivals):
        message = read_message(arrival.gateway, payload)
        known = _plain_fields(arrival) | {
            "title": message.title,
            "body": message.body,
            "payload": payload,
            "headers": headers,
        }
        yield {field: known[field] for field in fields}


def _plain_fields(arrival: Arrival) -> dict[str, Any]:
    """What needs no unpacking."""
    return {
        "gateway": arrival.gateway,
        "token": arrival.token,
        "notification_id": arrival.notification_id,
        "received_at": datetime.fromtimestamp(arrival.received_at, UTC).isoformat(),
        "replaced": arrival.replaced,
        "app": arrival.app,
    }
