"""Replay: what was recorded in a stretch of time is sent once more, in new messages with new sequences.

Only what the endpoint's own feed has passed is read again, so that nothing is sent twice by one replay; receivers know
an event by its delivery_id and type.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.api.states import WEBHOOK_MESSAGE_STATES, WEBHOOK_REPLAY_STATES
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage, WebhookReplay
from apps.api.webhooks.services.cutting import REACHES_BACK
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.deliveries.feed import Position, pages_between


@transaction.atomic
def start_replay(
    *, endpoint: WebhookEndpoint, since: datetime, until: datetime | None, actor: User | str, now: datetime
) -> WebhookReplay:
    """Begin one. Raises InvalidInput (range), Conflict (replay_running)."""
    if problems := span_problems(since, until, now):
        raise InvalidInput(problems)
    end = min(until or now, now)
    ours = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if ours.replays.filter(state="running").exists():
        raise Conflict("replay_running", _("a replay of this webhook is running"))
    first, last = pages_between(since=since, until=end, position=Position(ours.feed_xid, ours.feed_page))
    replay = WebhookReplay.objects.create(
        endpoint=ours,
        since=since,
        until=end,
        next_page=first - 1,
        last_page=last,
        requested_by=(actor if isinstance(actor, str) else actor.get_username())[:150],
        requested_at=now,
    )
    write_audit(
        app=endpoint.app,
        actor=actor,
        action="webhookendpoint.replayed",
        subject=f"webhookendpoint:{endpoint.pk}",
        details={"since": since.isoformat(), "until": end.isoformat()},
        now=now,
    )
    return replay


def span_problems(since: datetime | None, until: datetime | None, now: datetime) -> list[FieldProblem]:
    """Why this stretch of time cannot be replayed; a time that could not be read is not judged."""
    if since is None:
        return []
    told = []
    if since >= now:
        told = [_("must be in the past; the server's time is %s") % now.isoformat(timespec="seconds")]
    elif until is not None and since >= until:
        told = [_("must be before `until`")]
    elif since < now - REACHES_BACK:
        told = [_("may lie at most %d days back") % REACHES_BACK.days]
    return [FieldProblem("/since", "range", message, since.isoformat()) for message in told]


@transaction.atomic
def cancel_replay(*, replay: WebhookReplay, actor: User | str, now: datetime) -> None:
    """Make no more messages of it; those made are sent. Raises InvalidTransition."""
    WEBHOOK_REPLAY_STATES.require(WebhookReplay.objects.filter(pk=replay.pk), "cancelled", finished_at=now)
    endpoint = replay.endpoint
    write_audit(
        app=endpoint.app,
        actor=actor,
        action="webhookendpoint.replay_stopped",
        subject=f"webhookendpoint:{endpoint.pk}",
        details={"events": replay.events},
        now=now,
    )


@transaction.atomic
def revive_messages(*, endpoint: WebhookEndpoint, actor: User | str, now: datetime) -> int:
    """Try the endpoint's dead letters again, for three days more, under the same webhook-id. Returns how many."""
    dead = WebhookMessage.objects.filter(endpoint=endpoint)
    count = WEBHOOK_MESSAGE_STATES.move(dead, "waiting", due_at=now, first_tried_at=None)
    write_audit(
        app=endpoint.app,
        actor=actor,
        action="webhookendpoint.revived",
        subject=f"webhookendpoint:{endpoint.pk}",
        details={"messages": count},
        now=now,
    )
    return count
