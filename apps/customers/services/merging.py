"""Merging: two rows turn out to be one person.

An anonymous device's owner who logs in, or two known people of whom the owner of the app says that they are one. The
row that is given up stays as a pointer, for the ledger is never rewritten: what was sent under its id is read through
it. Everything else moves, in one transaction.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, OperationalError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.database import is_deadlock
from apps.core.problems import Conflict
from apps.core.sql import execute, rows
from apps.customers.belongings import all_belongings
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.customers.services.tombstones import seal_open_tombstones, tombstone_of

MOST_TRIES = 5
# Whoever read a row before it was merged has written what it read long before this.
STRAYS_FOR = timedelta(minutes=2)
MOST_SETTLED = 1_000


class _Changed(Exception):
    """Somebody else merged one of the two while we waited for it."""


def merge_customers(*, customer: Customer, into: Customer, actor: User | str, now: datetime) -> bool:
    """Make one person of two of the same app; False where they are one already. Whoever has a name is kept.

    Raises Conflict (customer_erased, other_app). Audited with both ids. Parallel merges end as one person whatever
    their order; a no of either side holds for every gateway call that starts 2 s after the commit.
    Cost: 8 statements, and the half's events are rewritten.
    """
    if customer.app_id != into.app_id:
        raise Conflict("other_app", _("people of two apps are never the same row"))
    return _tried_again(lambda: _merge(customer.pk, into.pk, actor, now))


def name_customer(*, customer: Customer, external_id: str, actor: str, now: datetime) -> Customer:
    """An anonymous person logs in. Nobody has that name: this row takes it. Somebody has: the two become one.

    external_id is clean. Returns whom the name belongs to now. Raises Conflict(customer_erased).
    """
    known = person_named(app=customer.app, external_id=external_id)
    if known is None and _took_name(customer, external_id, now):
        return Customer.objects.get(pk=customer.pk)
    known = known or person_named(app=customer.app, external_id=external_id)
    if known is None:
        raise Conflict("customer_erased", _("this person was erased and cannot come back under the same id"))
    merge_customers(customer=customer, into=known, actor=actor, now=now)
    return _person(known.pk)


def settle_identities(*, now: datetime) -> int:
    """What raced with a merge or an erasure comes right; returns how many rows were moved. Idempotent, for beat."""
    recent = Customer.objects.filter(merged_at__gte=now - STRAYS_FOR, merged_into__erased_at=None)
    found = recent.order_by("-merged_at").values_list("id", "merged_into")[:MOST_SETTLED]
    one_each = {kept_id: half_id for half_id, kept_id in found if kept_id is not None}
    return _move_strays(one_each, now) + seal_open_tombstones()


def _move_strays(halves: Mapping[int, int], now: datetime) -> int:
    if not halves:
        return 0
    ids = {"half_ids": list(halves.values()), "kept_ids": list(halves)}
    with transaction.atomic():
        moved = int(rows("customers", "move_strays", ids)[0][0])
        for belongings in all_belongings():
            belongings.merge(pairs=[(half_id, kept_id) for kept_id, half_id in halves.items()], now=now)
    return moved


def _took_name(customer: Customer, external_id: str, now: datetime) -> bool:
    """False where a twin request was faster. An erased name is refused."""
    if tombstone_of(app=customer.app, external_id=external_id) is not None:
        raise Conflict("customer_erased", _("this person was erased and cannot come back under the same id"))
    nameless = Customer.objects.filter(pk=customer.pk, external_id=None, merged_into=None, erased_at=None)
    try:
        with transaction.atomic():
            return bool(nameless.update(external_id=external_id, updated_at=now))
    except IntegrityError:
        return False


def _merge(half_id: int, kept_id: int, actor: User | str, now: datetime) -> bool:
    half, kept = _person(half_id), _person(kept_id)
    if half.pk == kept.pk:
        return False
    locked = Customer.objects.select_for_update().filter(pk__in=[half.pk, kept.pk]).order_by("id")
    found = {one.pk: one for one in locked}
    half, kept = found[half.pk], found[kept.pk]
    if half.merged_into_id or kept.merged_into_id:
        raise _Changed
    if half.erased_at or kept.erased_at:
        raise Conflict("customer_erased", _("an erased person cannot be merged with anybody"))
    if kept.external_id is None and half.external_id is not None:
        half, kept = kept, half
    execute("customers", "merge_customers", {"half_id": half.pk, "kept_id": kept.pk, "now": now})
    for belongings in all_belongings():
        belongings.merge(pairs=[(half.pk, kept.pk)], now=now)
    app = App.objects.get(pk=kept.app_id)
    subject, details = f"customer:{kept.pk}", {"from_customer": half.pk}
    write_audit(app=app, actor=actor, action="customer.merged", subject=subject, details=details, now=now)
    return True


def _tried_again(work: Callable[[], bool]) -> bool:
    """Each try in a savepoint of its own, whose end gives its locks back."""
    for _attempt in range(MOST_TRIES - 1):
        try:
            with transaction.atomic():
                return work()
        except (_Changed, IntegrityError):  # the second: a segment was being refreshed with both in it
            continue
        except OperationalError as error:
            if not is_deadlock(error):
                raise
    with transaction.atomic():
        return work()


def _person(customer_id: int) -> Customer:
    one = Customer.objects.select_related("merged_into").get(pk=customer_id)
    return one.merged_into or one
