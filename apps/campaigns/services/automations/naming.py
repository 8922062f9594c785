"""Entering by name: an API call lets people in, under the automation's own rule of re-entry."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.campaigns.models import Automation
from apps.campaigns.services.automations.entering import open_workbench
from apps.core.problems import Conflict
from apps.core.sql import execute, rows


class NotOpen(Conflict):
    """Nobody may enter now: `automation_inactive`, `automation_paused`."""


def enter_people(
    *, automation: Automation, customer_ids: Sequence[int], properties: Mapping[str, Any], is_test: bool, now: datetime
) -> dict[int, str]:
    """Let these people of the app in; returns each one's verdict: "entered", "already_inside", "not_again".

    properties: what texts that speak of the event say. is_test: the verdicts alone, nobody enters. Each customer once;
    a pause or end comes before it, or holds those who have entered. Raises NotOpen.
    """
    with transaction.atomic():
        fresh = _open(automation)
        open_workbench()
        facts = json.dumps(properties) if properties and fresh.says_event else None
        named = {"automation_id": fresh.pk, "customer_ids": list(customer_ids), "facts": facts}
        execute("campaigns", "automation_named", named)
        execute("campaigns", "automation_enter", {"now": now})
        verdicts = dict(rows("campaigns", "automation_verdicts", {}))
        if is_test:
            transaction.set_rollback(True)
    return verdicts


def _open(automation: Automation) -> Automation:
    """The automation, held as it is for as long as people enter."""
    with connection.cursor() as cursor:
        cursor.execute("select from campaigns_automation where id = %s for share", [automation.pk])
    fresh = Automation.objects.get(pk=automation.pk)
    if fresh.state == "paused":
        raise NotOpen("automation_paused", _("it is paused until somebody resumes it"))
    if fresh.state == "draft":
        raise NotOpen("automation_inactive", _("it is a draft: start it first"))
    if fresh.state != "active":
        raise NotOpen("automation_inactive", _("it is over for good: copy it, start the copy, and name that one"))
    return fresh
