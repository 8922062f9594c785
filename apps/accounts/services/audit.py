"""The audit log: who did what, when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.accounts.models import App, AuditEntry, User


def write_audit(
    *,
    app: App | None,
    actor: User | str,
    action: str,
    subject: str,
    details: Mapping[str, Any],
    now: datetime,
) -> AuditEntry:
    """Append one entry, in the caller's transaction: what is rolled back was not done.

    actor: a user, or a word such as "key:hg_live_abc" or "system"; action: "noun.verb" in the past, such as
    "campaign.launched"; subject: "noun:id". details must hold no secret and no text of a person.
    """
    name = actor if isinstance(actor, str) else actor.get_username()
    return AuditEntry.objects.create(
        app=app, actor=name[:150], action=action, subject=subject[:120], details=dict(details), at=now
    )
