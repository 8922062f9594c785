"""Accept pushes: recipients, dispatch and idempotency record in one transaction, and one answer for all their twins.

Requests that come at the same time share the transaction (`core.group_commit`), each with a verdict of its own. Those
that may take long (a segment, many recipients) go alone, so that nobody waits for them.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import uuid_utils
from django.db import transaction

from apps.accounts.models import App
from apps.api.messageflow import is_messageflow, read_messageflow
from apps.api.push_request import PushRequest, read_push
from apps.api.refusals import Refusal
from apps.api.services.idempotency import Key, LostToTwin, close_keys, open_keys, refuse_twin
from apps.api.services.recipients import Recipient, find_recipients, stored_form
from apps.core.database import AWAY
from apps.core.group_commit import GroupCommit
from apps.deliveries.services.transactional import Push, accept_pushes
from apps.sms_booster.services.fall_back import FallbackDraft, plan_fallbacks

_log = logging.getLogger(__name__)

ACCEPTED = 202
MOST_IN_A_GROUP = 50
MOST_NAMES_IN_A_GROUP = 20
LINGER_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Accepted:
    """stored: {"id", "on", "to"}, see `recipients.stored_form`, and "notes", codes of `push_answer.NOTES`, if any.

    is_replay: the key had led to it before.
    """

    stored: Mapping[str, Any]
    is_replay: bool


@dataclass(frozen=True, slots=True)
class _Order:
    """A request that was read. asked: what it asks for, or what is wrong with it; a repeat is answered even so."""

    app: App
    is_test: bool
    key: Key | None
    asked: PushRequest | Refusal
    now: datetime

    @property
    def is_quick(self) -> bool:
        asked = self.asked
        return isinstance(asked, Refusal) or (asked.audience != "segment" and len(asked.names) <= MOST_NAMES_IN_A_GROUP)


type _Verdict = Accepted | Exception
type _Sendable = tuple[_Order, PushRequest, Sequence[Recipient]]


def accept(*, app: App, is_test: bool, body: Mapping[str, Any], key: Key | None, now: datetime) -> Accepted:
    """Accept the push that `body` describes; committed when this returns. Raises Refusal.

    Cost: a share of a transaction of 4 statements with a key, 2 without.
    """
    order = _read(app, is_test, body, key, now)
    if order.is_quick:
        return _together.submit(order)
    verdict = _alone(order)
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def _read(app: App, is_test: bool, body: Mapping[str, Any], key: Key | None, now: datetime) -> _Order:
    """Raises Refusal only without a key: a key may have led to an answer when the request was still right."""
    read = read_messageflow if is_messageflow(body) else read_push
    try:
        return _Order(app, is_test, key, read(body, app=app, now=now), now)
    except Refusal as refusal:
        if key is None:
            raise
        return _Order(app, is_test, key, refusal, now)


def _commit(orders: Sequence[_Order]) -> Sequence[_Verdict]:
    """All in one transaction; where one spoils it, each in its own. Raises only if the database is away."""
    try:
        return _accept_all(orders)
    except AWAY:
        raise
    except Exception as error:
        # Whoever spoiled it is told so alone; here it is said, lest groups that always break go unseen.
        _log.warning("%s pushes are tried one by one: %s", len(orders), type(error).__name__)
        return [_alone(order) for order in orders]


def _alone(order: _Order) -> _Verdict:
    try:
        try:
            return _accept_all([order])[0]
        except LostToTwin:
            return _accept_all([order])[0]
    except LostToTwin:
        return refuse_twin()
    except Exception as error:
        return error


def _accept_all(orders: Sequence[_Order]) -> list[_Verdict]:
    """One verdict an order, committed together."""
    with transaction.atomic():
        verdicts = _known(orders)
        wanted = [
            (place, order, order.asked)
            for place, order in enumerate(orders)
            if place not in verdicts and isinstance(order.asked, PushRequest)
        ]
        sendable: dict[int, _Sendable] = {}
        found = find_recipients([(order.app, request) for _place, order, request in wanted])
        for (place, order, request), recipients in zip(wanted, found, strict=True):
            if isinstance(recipients, Refusal):
                verdicts[place] = recipients
            else:
                sendable[place] = (order, request, recipients)
        verdicts |= zip(sendable, _send(list(sendable.values())), strict=True)
    return [verdicts[place] for place in range(len(orders))]


def _known(orders: Sequence[_Order]) -> dict[int, _Verdict]:
    """The verdicts that need no sending: refusals, and before them repeats and twins."""
    known: dict[int, _Verdict] = {
        place: order.asked for place, order in enumerate(orders) if isinstance(order.asked, Refusal)
    }
    keyed = [(place, order.key) for place, order in enumerate(orders) if order.key is not None]
    for (place, _key), found in zip(keyed, open_keys([key for _place, key in keyed]), strict=True):
        if found is not None:
            known[place] = found if isinstance(found, Refusal) else Accepted(found, is_replay=True)
    return known


def _send(sendable: Sequence[_Sendable]) -> list[Accepted]:
    """Raises LostToTwin."""
    if not sendable:
        return []
    opened = accept_pushes([_push(*one) for one in sendable])
    _plan_sms([(one.dispatch_id, *order) for one, order in zip(opened, sendable, strict=True) if order[1].sms])
    accepted, closed = [], []
    for (dispatch_id, is_stopped), (order, request, recipients) in zip(opened, sendable, strict=True):
        to = stored_form(recipients, with_names=request.audience == "segment")
        stored = {"id": dispatch_id, "on": order.now.date().isoformat(), "to": to}
        if is_stopped or request.notes:
            stored["notes"] = [*request.notes, *(["sending_stopped"] if is_stopped else [])]
        accepted.append(Accepted(stored, is_replay=False))
        if order.key is not None:
            closed.append((order.key, stored))
    close_keys(closed, status=ACCEPTED, now=sendable[0][0].now)
    return accepted


def _plan_sms(followed: Sequence[tuple[int, _Order, PushRequest, Sequence[Recipient]]]) -> None:
    if followed:
        plan_fallbacks(
            [
                FallbackDraft(
                    dispatch_id=dispatch_id,
                    customer_ids=[one for recipient in recipients for one in recipient.customer_ids],
                    text=request.sms.text,
                    facts=request.facts,
                    due_at=request.sms_due_at,
                )
                for dispatch_id, _order, request, recipients in followed
                if request.sms
            ]
        )


def _push(order: _Order, request: PushRequest, recipients: Sequence[Recipient]) -> Push:
    return Push(
        app_id=order.app.pk,
        targets=[target for recipient in recipients for target in recipient.targets],
        body=request.content,
        facts=request.facts,
        external_id=request.external_id,
        occurrence=str(uuid_utils.uuid7()),
        release_at=request.release_at,
        expires_at=request.expires_at,
        created_at=order.now,
        is_test=order.is_test,
        language=request.language,
        translations=request.translations,
        insistence=request.insistence,
    )


_together = GroupCommit[_Order, Accepted](_commit, most=MOST_IN_A_GROUP, linger_seconds=LINGER_SECONDS)
