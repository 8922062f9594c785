"""Who may start a draft of an automation, as its page says it to the person who looks at it."""

from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.accounts.queries import members_who_may
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import may_start

_RIGHT = "campaigns.launch_automation"


@dataclass(frozen=True, slots=True)
class Starting:
    """may_start: the one who looks. needs_other: a draft is started by somebody else than who wrote it last.

    is_author: the one who looks wrote it last. others: who else may start it, where that matters to them.
    """

    may_start: bool
    needs_other: bool
    is_author: bool
    author: User | None
    others: list[User]


def starting(automation: Automation, user: Any) -> Starting:
    """Cost: one query, where the person may not start it."""
    needs_other = automation.app.approve_above is not None
    may = user.has_perm(_RIGHT) and may_start(automation, user)
    apart = {user.pk, automation.saved_by_id} if needs_other else {user.pk}
    return Starting(
        may_start=may,
        needs_other=needs_other,
        is_author=automation.saved_by_id == user.pk,
        author=automation.saved_by,
        others=[] if may else list(members_who_may(automation.app, _RIGHT).exclude(pk__in=apart - {None})),
    )
