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


def write_audit_of_person(
    *, person: User, actor: User | str, action: str, details: Mapping[str, Any], now: datetime
) -> None:
    """An entry about a person who logs in, for each app they work in: nobody else's owner reads of them.

    Who works in none (a superuser) has one of the whole installation; it names them by number alone.
    """
    apps: list[App | None] = list(App.objects.filter(memberships__user=person).order_by("pk"))
    for app in apps or [None]:
        write_audit(app=app, actor=actor, action=action, subject=f"user:{person.pk}", details=details, now=now)
