"""The segments a person is in, on their page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.admin_panels import Panel
from apps.customers.models import Customer
from apps.segments.queries import segments_of_customer

MOST = 30


def segments_of_person(customer: Customer) -> dict[str, Any]:
    """Those of today. Cost: one query."""
    today = segments_of_customer(customer).filter(left_at=None)
    return {"memberships": today[:MOST]}


PANEL = Panel(
    key="segments",
    title=_("Segments"),
    template="segments/panel.html",
    context=segments_of_person,
    permission="segments.view_segment",
    order=30,
    is_wide=False,
)
