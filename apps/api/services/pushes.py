"""Accept a push: recipients, dispatch and idempotency record in one transaction, and one answer for all its twins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import uuid_utils
from django.db import transaction

from apps.accounts.models import App
from apps.api.push_request import read_push
from apps.api.services.idempotency import Key, LostToTwin, close_key, open_key
from apps.api.services.recipients import find_recipients, stored_form
from apps.deliveries.services.transactional import accept_push

ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Accepted:
    """stored: {"id", "on", "to"}, see `recipients.stored_form`. is_replay: the key had led to it before."""

    stored: Mapping[str, Any]
    is_replay: bool


def accept(*, app: App, is_test: bool, body: Mapping[str, Any], key: Key | None, now: datetime) -> Accepted:
    """Accept the push that `body` describes; committed when this returns. Raises Refusal.

    Cost: 5 statements with a key, 3 without.
    """
    if key is None:
        with transaction.atomic():
            return Accepted(_send(app, is_test, body, now), is_replay=False)
    try:
        return _accept_once(app, is_test, body, key, now)
    except LostToTwin:
        return _accept_once(app, is_test, body, key, now)


def _accept_once(app: App, is_test: bool, body: Mapping[str, Any], key: Key, now: datetime) -> Accepted:
    with transaction.atomic():
        before = open_key(key)
        if before is not None:
            return Accepted(before, is_replay=True)
        stored = _send(app, is_test, body, now)
        close_key(key, status=ACCEPTED, answer=stored, now=now)
        return Accepted(stored, is_replay=False)


def _send(app: App, is_test: bool, body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    request = read_push(body, app=app, now=now)
    recipients = find_recipients(app=app, request=request)
    dispatch = accept_push(
        app=app,
        targets=[target for recipient in recipients for target in recipient.targets],
        body=dict(request.content),
        facts=dict(request.facts),
        external_id=request.external_id,
        occurrence=str(uuid_utils.uuid7()),
        release_at=request.release_at,
        expires_at=request.expires_at,
        now=now,
        is_test=is_test,
    )
    to = stored_form(recipients, with_names=request.audience == "segment")
    return {"id": dispatch.pk, "on": dispatch.planned_on.isoformat(), "to": to}
