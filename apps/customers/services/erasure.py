"""Erasure: a person asks to be forgotten."""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.sql import execute
from apps.customers.belongings import all_belongings
from apps.customers.models import Customer


def erase_customer(*, app: App, external_id: str, actor: User | str, now: datetime) -> bool:
    """Forget all that is known of a person, on every floor; a tombstone stays. False where it was one already.

    Raises Customer.DoesNotExist. Audited, without the person's name.
    Holds for every gateway call that starts 2 s after the commit.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(app=app, external_id=external_id)
        return erase(customer=customer, actor=actor, now=now)


def erase(*, customer: Customer, actor: User | str, now: datetime) -> bool:
    """The same for a person at hand, who may be anonymous."""
    with transaction.atomic():
        if execute("customers", "erase_customer", {"customer_id": customer.pk, "now": now}) == 0:
            return False
        for belongings in all_belongings():
            belongings.erase(customer_id=customer.pk, now=now)
        write_audit(
            app=customer.app,
            actor=actor,
            action="customer.erased",
            subject=f"customer:{customer.pk}",
            details={},
            now=now,
        )
    return True
