"""Cancel a push: what has not been sent is not sent any more, nor what would have followed it."""

from datetime import datetime

from django.db import transaction

from apps.accounts.services.audit import write_audit
from apps.deliveries.models import Dispatch
from apps.deliveries.services import lifecycle
from apps.deliveries.services.alerts import end_alert
from apps.sms_booster.services.fall_back import cancel_fallback


def cancel_push(*, push: Dispatch, actor: str, now: datetime) -> None:
    """Devices not sent to end as cancelled, an alert is not repeated, no SMS follows. Audited.

    One that was cancelled before is left as it is. Raises InvalidTransition where it is over and nothing is to follow.
    """
    with transaction.atomic():
        stopped = cancel_fallback(dispatch_id=push.pk, now=now) | end_alert(dispatch_id=push.pk, now=now)
        state = Dispatch.objects.select_for_update().values_list("state", flat=True).get(pk=push.pk)
        if state == "cancelled" and not stopped:
            return
        if state not in ("done", "cancelled") or not stopped:
            lifecycle.cancel(dispatch_id=push.pk, now=now)
        write_audit(app=push.app, actor=actor, action="push.cancelled", subject=f"push:{push.pk}", details={}, now=now)
