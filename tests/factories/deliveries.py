"""Dispatches for tests, made by the real planner."""

from datetime import datetime
from itertools import count
from typing import Any

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
