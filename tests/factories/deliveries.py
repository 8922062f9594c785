"""Dispatches for tests, made by the real planner."""

from datetime import datetime
from itertools import count
from time import monotonic, sleep
from typing import Any

from django.db import connection

from apps.accounts.models import App
from apps.core.sql import Compiled
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.plan import ContentDraft, plan_dispatch
from tests.factories.people import NOW

_numbers = count(1)

HELLO = ContentDraft(variant=0, language="", body={"title": "Hello", "body": "There is news."})


def everybody(app: App) -> Compiled:
    """All customers of the app as an audience."""
    return Compiled(
        "select id as customer_id from customers_customer where app_id = %(audience_app)s", {"audience_app": app.pk}
    )


def make_plan(app: App, **fields: Any) -> dict[str, Any]:
    """The arguments of plan_dispatch and simulate_dispatch: a campaign of a name of its own to everybody."""
    number = next(_numbers)
    return {
        "app": app,
        "kind": "campaign",
        "origin": f"campaign:{number}",
        "occurrence": "1",
        "name": f"Campaign {number}",
        "audience": everybody(app),
        "contents": [HELLO],
        "policy": Policy(salt=str(number)),
        "now": NOW,
        **fields,
    }


def make_dispatch(app: App, *, now: datetime = NOW, **fields: Any) -> Dispatch:
    """A dispatch planned and open for sending."""
    return plan_dispatch(**make_plan(app, now=now, **fields))


def wait_for_feed(seconds: float = 900) -> None:
    """Until all that is written may be given out: transactions of tests in other processes hold it back, too."""
    until = monotonic() + seconds
    while monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "select exists (select from deliveries_ledgerpage where xid >= pg_snapshot_xmin(pg_current_snapshot()))"
            )
            (is_held_back,) = cursor.fetchone()
        if not is_held_back:
            return
        sleep(0.05)
    raise AssertionError(f"a transaction has been running for {seconds} s")
