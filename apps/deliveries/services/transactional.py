"""Transactional pushes: recipients named one by one, accepted in the caller's transaction, sent in the urgent lane."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.core.encryption import encrypt
from apps.core.sql import rows
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import GATEWAY_NUMBERS


@dataclass(frozen=True, slots=True)
class Target:
    """One device to be sent to, once. gateway: its word."""

    device_id: int
    customer_id: int
    gateway: str


def accept_push(
    *,
    app: App,
    targets: Sequence[Target],
    body: Mapping[str, Any],
    facts: Mapping[str, Any],
    external_id: str,
    occurrence: str,
    release_at: datetime,
    expires_at: datetime,
    now: datetime,
    is_test: bool,
) -> Dispatch:
    """A dispatch that is open for sending, committed with the caller's transaction; its commit wakes the urgent lane.

    body: PushContent's fields, texts as Liquid. facts win over the profile. occurrence: unique per app, the caller's
    key. No cap, no quiet hours, no hold-out; consent is checked as it opens. Without targets it is done at once.
    Raises IntegrityError where the occurrence exists. Touches dispatch, content, batches. Cost: one round trip.
    """
    policy = Policy(is_test=is_test, expire_after_seconds=int((expires_at - now).total_seconds()))
    state, finished_at = ("sending", None) if targets else ("done", now)
    people = len({target.customer_id for target in targets})
    ((dispatch_id,),) = rows(
        "deliveries",
        "accept_push",
        {
            "app_id": app.pk,
            "occurrence": occurrence,
            "external_id": external_id,
            "state": state,
            "policy": json.dumps(policy.as_json()),
            "people": people,
            "device_ids": [target.device_id for target in targets],
            "customer_ids": [target.customer_id for target in targets],
            "gateways": [GATEWAY_NUMBERS[target.gateway] for target in targets],
            "body": encrypt(json.dumps(body, ensure_ascii=False)),
            "facts": encrypt(json.dumps(facts, ensure_ascii=False)) if facts else "",
            "release_at": release_at,
            "expires_at": expires_at,
            "finished_at": finished_at,
            "now": now,
        },
    )
    if targets and release_at <= now:
        wake_on_commit("urgent")
    return Dispatch(
        id=dispatch_id,
        app=app,
        kind="transactional",
        lane="urgent",
        origin="push",
        occurrence=occurrence,
        external_id=external_id,
        state=state,
        policy=policy.as_json(),
        planned_on=now.date(),
        planned_people=people,
        planned_devices=len(targets),
        created_at=now,
        expires_at=expires_at,
        finished_at=finished_at,
    )
