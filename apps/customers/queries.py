"""Questions about people."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.customers.models import Customer

# What a text may ask for beside the traits. A column that is filled wins over a trait of its name.
FACT_COLUMNS = ("external_id", "first_name", "last_name", "email", "language", "country", "time_zone")


def facts(columns: Sequence[str | None], traits: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one person for rendering; `columns` in the order of FACT_COLUMNS, empty ones are left out."""
    return {**traits, **{name: value for name, value in zip(FACT_COLUMNS, columns, strict=True) if value}}


def facts_of(customer: Customer) -> dict[str, Any]:
    """The facts of one loaded customer."""
    return facts([getattr(customer, name) for name in FACT_COLUMNS], customer.traits)
