"""Endpoints: made, changed, switched off and on, tried. Every verb leaves its entry in the audit log."""

from collections.abc import Collection
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import uuid_utils
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.api.states import WEBHOOK_ENDPOINT_STATES
from apps.api.webhooks.event_types import EVENT_TYPES, TEST
from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from apps.api.webhooks.services.bodies import test_body
from apps.api.webhooks.services.recording import count_results
from apps.api.webhooks.services.sending import Try, not_called, try_once
from apps.api.webhooks.services.signing import new_secret, rotated, signed_headers
from apps.core.guarded_http import Line, RefusedUrl, Resolve
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.suggestions import did_you_mean
from apps.deliveries.feed import end_of_feed

MOST_ENDPOINTS = 50
MOST_CHARACTERS = 2_000
TEST_SECONDS = 10.0

# What the guarded client says, as the API says it.
_CODES = {
    "url": "url_invalid",
    "scheme": "https_required",
    "userinfo": "url_userinfo",
    "port": "url_port",
    "unresolved": "url_unresolved",
    "private_address": "resolves_to_private_address",
}


@transaction.atomic
def create_endpoint(
    *,
    app: App,
    url: str,
    types: Collection[str],
    description: str,
    actor: User | str,
    allows_loopback: bool,
    now: datetime,
    resolve: Resolve | None = None,
) -> tuple[WebhookEndpoint, str]:
    """The endpoint and its secret, which is never shown again. It is told what is recorded from now on.

    Raises InvalidInput, Conflict (too_many_endpoints).
    """
    _require([*url_problems(url, allows_loopback=allows_loopback, resolve=resolve), *type_problems(types)])
    App.objects.select_for_update().get(pk=app.pk)
    if WebhookEndpoint.objects.filter(app=app).count() >= MOST_ENDPOINTS:
        raise Conflict("too_many_endpoints", _("an app has at most %d webhooks") % MOST_ENDPOINTS)
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        app=app,
        url=url,
        description=description,
        types=sorted(set(types), key=EVENT_TYPES.index),
        secrets=rotated([], secret=secret, now=now),
        feed_xid=end_of_feed().xid,
        read_at=now,
        created_at=now,
    )
    _audit(endpoint, actor, "added", {"url": url, "types": endpoint.types}, now)
    return endpoint, secret


@transaction.atomic
def change_endpoint(
    *,
    endpoint: WebhookEndpoint,
    changes: dict[str, Any],
    actor: User | str,
    allows_loopback: bool,
    now: datetime,
    resolve: Resolve | None = None,
) -> WebhookEndpoint:
    """Change url, types or description. What waits goes to the new address at once. Raises InvalidInput."""
    problems: list[FieldProblem] = []
    if "url" in changes:
        problems += url_problems(changes["url"], allows_loopback=allows_loopback, resolve=resolve)
    if "types" in changes:
        problems += type_problems(changes["types"])
        changes = {**changes, "types": sorted(set(changes["types"]), key=_place)}
    _require(problems)
    before = {name: getattr(endpoint, name) for name in changes}
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**changes)
    if "url" in changes and changes["url"] != before["url"]:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(probe_at=now)
    _audit(endpoint, actor, "changed", {"before": before, "after": changes}, now)
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


@transaction.atomic
def rotate_secret(*, endpoint: WebhookEndpoint, actor: User | str, now: datetime) -> str:
    """A new secret. For signing.OVERLAP messages carry a signature of each, so that nothing is refused meanwhile."""
    ours = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = new_secret()
    ours.secrets = rotated(ours.secrets, secret=secret, now=now)
    ours.save(update_fields=["secrets"])
    _audit(endpoint, actor, "secret_rotated", {}, now)
    return secret


@transaction.atomic
def disable_endpoint(*, endpoint: WebhookEndpoint, actor: User | str, now: datetime) -> None:
    """Send nothing more until it is switched on. Raises InvalidTransition."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    WEBHOOK_ENDPOINT_STATES.require(rows, "disabled", disabled_reason="by_hand", disabled_at=now)
    _audit(endpoint, actor, "disabled", {"reason": "by_hand"}, now)


@transaction.atomic
def enable_endpoint(*, endpoint: WebhookEndpoint, actor: User | str, now: datetime) -> None:
    """Go on where it stopped: what waits, then what was recorded meanwhile (of 30 days). Raises InvalidTransition."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    WEBHOOK_ENDPOINT_STATES.require(
        rows, "active", disabled_reason="", disabled_at=None, failures=0, failing_since=None, probe_at=None, flight=1
    )
    WebhookMessage.objects.filter(endpoint=endpoint, state="waiting").update(due_at=now, first_tried_at=None)
    _audit(endpoint, actor, "enabled", {}, now)


@transaction.atomic
def delete_endpoint(*, endpoint: WebhookEndpoint, actor: User | str, now: datetime) -> None:
    """With its log and what still waits for it. Held first, as whoever records tries holds it before its messages."""
    WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    _audit(endpoint, actor, "deleted", {"url": endpoint.url}, now)
    endpoint.delete()


def send_test(
    *, endpoint: WebhookEndpoint, allows_loopback: bool, now: datetime, resolve: Resolve | None = None
) -> Try:
    """One signed request of type webhook.test, now, whatever the endpoint's state; its health is not judged by it."""
    body, message_id = test_body(at=now), f"msg_{uuid_utils.uuid7().hex}"
    headers = signed_headers(message_id=message_id, body=body, kept=endpoint.secrets, now=now)
    try:
        line = Line(endpoint.url, allows_loopback=allows_loopback, resolve=resolve)
    except RefusedUrl as refusal:
        outcome = not_called(refusal)
    else:
        outcome = try_once(line, headers=headers, body=body, now=now, seconds=TEST_SECONDS)
        line.close()
    WebhookAttempt.objects.create(
        endpoint=endpoint,
        message_id=message_id,
        type=TEST,
        events=0,
        number=0,
        at=now,
        seconds=outcome.seconds,
        status=outcome.status,
        result=outcome.result,
        detail=outcome.detail,
    )
    count_results([outcome])
    return outcome


def url_problems(url: str, *, allows_loopback: bool, resolve: Resolve | None = None) -> list[FieldProblem]:
    """Why webhooks may not go to this address. Resolves its name; which address a name leads to is not told."""
    if len(url) > MOST_CHARACTERS:
        told = _("may have at most %(most)d characters, not %(came)d") % {"most": MOST_CHARACTERS, "came": len(url)}
        return [FieldProblem("/url", "too_long", told)]
    if "#" in url:
        return [FieldProblem("/url", "url_fragment", _("may have no part after #, which no server sees"))]
    try:
        Line(url, allows_loopback=allows_loopback, resolve=resolve)
    except RefusedUrl as refusal:
        return [_of_refusal(refusal, url)]
    host = urlsplit(url).hostname or ""
    if _is_address(host) and not (allows_loopback and ip_address(host).is_loopback):
        return [FieldProblem("/url", "url_ip_address", _("must name a host, not an IP address"), host)]
    return []


def type_problems(types: Collection[str]) -> list[FieldProblem]:
    """Types that do not exist, with what is meant perhaps; at least one is needed."""
    unknown = [
        FieldProblem(
            f"/types/{place}",
            "choice",
            _("must be one of %s.") % ", ".join(EVENT_TYPES) + did_you_mean(one, EVENT_TYPES),
            one[:100],
        )
        for place, one in enumerate(types)
        if one not in EVENT_TYPES
    ]
    return unknown if types else [FieldProblem("/types", "required", _("must name at least one type of event"))]


def _of_refusal(refusal: RefusedUrl, url: str) -> FieldProblem:
    told = {
        "url": _("must be an address such as https://shop.example.com/webhooks"),
        "scheme": _("must begin with https://"),
        "userinfo": _("may hold no user and password"),
        "port": _("may use port 443 or 8443 alone"),
        "unresolved": _("names a host that cannot be found"),
        "private_address": _("leads to an address that is not on the internet"),
    }[refusal.code]
    return FieldProblem("/url", _CODES[refusal.code], told, url[:100] if refusal.code != "userinfo" else "")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _place(type_: str) -> int:
    return EVENT_TYPES.index(type_) if type_ in EVENT_TYPES else len(EVENT_TYPES)


def _require(problems: list[FieldProblem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _audit(endpoint: WebhookEndpoint, actor: User | str, verb: str, details: dict[str, Any], now: datetime) -> None:
    write_audit(
        app=endpoint.app,
        actor=actor,
        action=f"webhookendpoint.{verb}",
        subject=f"webhookendpoint:{endpoint.pk}",
        details=details,
        now=now,
    )
