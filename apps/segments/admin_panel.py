"""The segments a person is in, on their page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.admin_panels import Panel
from apps.customers.models import Customer
from apps.segments.queries import segments_of_customer

MOST = 30


def segments_of_person(customer: Customer) -> dict[str, Any]:
    """Those of today, and those that were left. Cost: two queries."""
    memberships = segments_of_customer(customer)
    left = memberships.exclude(left_at=None).order_by("-left_at", "-id")
    return {"memberships": memberships.filter(left_at=None)[:MOST], "left": left[:MOST]}


PANEL = Panel(
    key="segments",
    title=_("Segments"),
    template="segments/panel.html",
    context=segments_of_person,
    permission="segments.view_segment",
    order=30,
    is_wide=False,
)
