"""Transactional pushes: recipients named one by one, accepted in the caller's transaction, sent in the urgent lane."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from apps.core.encryption import encrypt
from apps.core.sql import prepared_rows
from apps.deliveries.models import Content, CriticalAlert
from apps.deliveries.policy import Policy
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import GATEWAY_NUMBERS


@dataclass(frozen=True, slots=True)
class Target:
    """One device to be sent to, once. gateway: its word."""

    device_id: int
    customer_id: int
    gateway: str


@dataclass(frozen=True, slots=True)
class Insistence:
    """Send again every so many seconds, at most so often, as long as somebody has not answered (services.alerts)."""

    resend_after_seconds: int
    times: int


@dataclass(frozen=True, slots=True)
class Push:
    """What is to be sent, to whom, and until when.

    body: PushContent's fields, texts as Liquid; in `language`, "" = for everybody. translations: the same in others;
    who reads none of them gets `language`. facts win over the profile. occurrence: unique per app, the caller's key.
    Without targets it is done at once. named_after: see Policy.
    """

    app_id: int
    targets: Sequence[Target]
    body: Mapping[str, Any]
    facts: Mapping[str, Any]
    external_id: str
    occurrence: str
    release_at: datetime
    expires_at: datetime
    created_at: datetime
    is_test: bool
    language: str = ""
    translations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    insistence: Insistence | None = None
    named_after: str = ""
    origin: str = "push"


class Opened(NamedTuple):
    """is_stopped: it waits, for the emergency stop holds transactional pushes."""

    dispatch_id: int
    is_stopped: bool


def accept_pushes(pushes: Sequence[Push]) -> list[Opened]:
    """Dispatches open for sending, committed with the caller's transaction; its commit wakes the urgent lane.

    Returns one a push, in their order. No cap, no quiet hours, no hold-out; consent is checked as each opens.
    Raises IntegrityError where an occurrence exists. Touches dispatch, content, batches. Cost: one round
    trip, one more each for all translations and all critical alerts.
    """
    targets = [
        {
            "place": place,
            "device_id": target.device_id,
            "customer_id": target.customer_id,
            "gateway": GATEWAY_NUMBERS[target.gateway],
        }
        for place, push in enumerate(pushes)
        for target in push.targets
    ]
    written = [_row(place, push) for place, push in enumerate(pushes)]
    parameters = {"pushes": json.dumps(written), "targets": json.dumps(targets)}
    opened = {place: Opened(*row) for place, *row in prepared_rows("deliveries", "accept_pushes", parameters)}
    _add_translations([(opened[place].dispatch_id, push) for place, push in enumerate(pushes) if push.translations])
    _add_alerts([(opened[place].dispatch_id, push) for place, push in enumerate(pushes) if push.insistence])
    if any(push.targets and push.release_at <= push.created_at for push in pushes):
        wake_on_commit("urgent")
    return [opened[place] for place in range(len(pushes))]


def _add_translations(translated: Sequence[tuple[int, Push]]) -> None:
    contents = [
        Content(dispatch_id=dispatch_id, variant=0, language=language, body=body, facts=push.facts or None)
        for dispatch_id, push in translated
        for language, body in push.translations.items()
    ]
    if contents:
        Content.objects.bulk_create(contents)


def _add_alerts(pushes: Sequence[tuple[int, Push]]) -> None:
    alerts = [
        CriticalAlert(
            dispatch_id=dispatch_id,
            resend_after_seconds=push.insistence.resend_after_seconds,
            times=push.insistence.times,
            next_at=push.release_at + timedelta(seconds=push.insistence.resend_after_seconds),
        )
        for dispatch_id, push in pushes
        if push.insistence and push.targets
    ]
    if alerts:
        CriticalAlert.objects.bulk_create(alerts)


def _row(place: int, push: Push) -> dict[str, Any]:
    """The push as sql/accept_pushes.sql reads it."""
    expire_after_seconds = int((push.expires_at - push.created_at).total_seconds())
    return {
        "place": place,
        "app_id": push.app_id,
        "occurrence": push.occurrence,
        "external_id": push.external_id,
        "state": "sending" if push.targets else "done",
        "policy": _policy(push.is_test, expire_after_seconds, push.language, push.named_after),
        "origin": push.origin,
        "people": len({target.customer_id for target in push.targets}),
        "devices": len(push.targets),
        "language": push.language,
        "body": encrypt(json.dumps(push.body, ensure_ascii=False)),
        "facts": encrypt(json.dumps(push.facts, ensure_ascii=False)) if push.facts else "",
        "release_at": push.release_at.isoformat(),
        "expires_at": push.expires_at.isoformat(),
        "finished_at": None if push.targets else push.created_at.isoformat(),
        "created_at": push.created_at.isoformat(),
    }


@lru_cache(maxsize=256)
def _policy(is_test: bool, expire_after_seconds: int, language: str, named_after: str) -> dict[str, Any]:
    policy = Policy(
        is_test=is_test,
        expire_after_seconds=expire_after_seconds,
        default_language=language,
        named_after=named_after,
    )
    return policy.as_json()
