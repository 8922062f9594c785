"""Transactional pushes: recipients named one by one, accepted in the caller's transaction, sent in the urgent lane."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from apps.core.encryption import encrypt
from apps.core.sql import prepared_rows
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
class Push:
    """What is to be sent, to whom, and until when.

    body: PushContent's fields, texts as Liquid. facts win over the profile. occurrence: unique per app, the caller's
    key. Without targets it is done at once.
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


def accept_pushes(pushes: Sequence[Push]) -> list[int]:
    """Dispatches open for sending, committed with the caller's transaction; its commit wakes the urgent lane.

    Returns their ids, in the order of `pushes`. No cap, no quiet hours, no hold-out; consent is checked as each opens.
    Raises IntegrityError where an occurrence exists. Touches dispatch, content, batches. Cost: one round trip.
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
    ids: dict[int, int] = dict(prepared_rows("deliveries", "accept_pushes", parameters))
    if any(push.targets and push.release_at <= push.created_at for push in pushes):
        wake_on_commit("urgent")
    return [ids[place] for place in range(len(pushes))]


def _row(place: int, push: Push) -> dict[str, Any]:
    """The push as sql/accept_pushes.sql reads it."""
    expire_after_seconds = int((push.expires_at - push.created_at).total_seconds())
    return {
        "place": place,
        "app_id": push.app_id,
        "occurrence": push.occurrence,
        "external_id": push.external_id,
        "state": "sending" if push.targets else "done",
        "policy": _policy(is_test=push.is_test, expire_after_seconds=expire_after_seconds),
        "people": len({target.customer_id for target in push.targets}),
        "devices": len(push.targets),
        "body": encrypt(json.dumps(push.body, ensure_ascii=False)),
        "facts": encrypt(json.dumps(push.facts, ensure_ascii=False)) if push.facts else "",
        "release_at": push.release_at.isoformat(),
        "expires_at": push.expires_at.isoformat(),
        "finished_at": None if push.targets else push.created_at.isoformat(),
        "created_at": push.created_at.isoformat(),
    }


@lru_cache(maxsize=256)
def _policy(*, is_test: bool, expire_after_seconds: int) -> dict[str, Any]:
    return Policy(is_test=is_test, expire_after_seconds=expire_after_seconds).as_json()
