"""Erasure: a person asks to be forgotten."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import F, Func, Q, TextField

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.admin_log import forget_names
from apps.core.sql import execute
from apps.customers.belongings import all_belongings
from apps.customers.models import Customer, ImportLine, ImportRun
from apps.customers.queries import person_named
from apps.customers.services.import_lines import marks_of
from apps.customers.services.tombstones import key_for_sealing, sealed_name, tombstone_of

# Files write addresses as they like, profiles in small letters.
_IN_SMALL = Func(F("cells"), template="lower(%(expressions)s::text)::text[]", output_field=ArrayField(TextField()))


def erase_customer(*, app: App, external_id: str, actor: User | str, now: datetime) -> bool:
    """Forget all that is known of a person, on every floor; a tombstone stays. False where it was one already.

    Raises Customer.DoesNotExist. Audited, without the person's name.
    Holds for every gateway call that starts 2 s after the commit.
    """
    customer = person_named(app=app, external_id=external_id)
    if customer is not None:
        return erase(customer=customer, actor=actor, now=now)
    if tombstone_of(app=app, external_id=external_id) is None:
        raise Customer.DoesNotExist
    return False


def erase(*, customer: Customer, actor: User | str, now: datetime) -> bool:
    """The same for a person at hand, who may be anonymous. Rows merged into the person are emptied with them."""
    with transaction.atomic():
        parts = _locked_parts(customer)
        keys = _sealed(customer.app_id, parts)
        if execute("customers", "erase_customer", {"ids": [one.pk for one in parts], "keys": keys, "now": now}) == 0:
            return False
        _forget_copies(customer.app_id, parts)
        for belongings in all_belongings():
            for part in parts:
                belongings.erase(customer_id=part.pk, now=now)
        _forget_refused_lines(customer.app_id, parts)
        write_audit(
            app=customer.app,
            actor=actor,
            action="customer.erased",
            subject=f"customer:{customer.pk}",
            details={},
            now=now,
        )
    return True


def _forget_refused_lines(app_id: int, parts: Sequence[Customer]) -> None:
    """Lines of imports that name the person; nobody waits for them to be mended any more."""
    _forget_lines(app_id, {one.external_id for one in parts if one.external_id})


def _locked_parts(customer: Customer) -> list[Customer]:
    """The person's row and those merged into it; a merge that is under way is waited for."""
    mine = Q(pk=customer.pk) | Q(merged_into=customer.pk)
    parts = list(Customer.objects.select_for_update().filter(mine).order_by("id"))
    kept = next(one for one in parts if one.pk == customer.pk)
    return parts if kept.merged_into_id is None else _locked_parts(Customer.objects.get(pk=kept.merged_into_id))


def _forget_copies(app_id: int, parts: Sequence[Customer]) -> None:
    """What was copied out of the profile: lines of files that were refused, and names in the admin's own log.

    The parts are as they were before. Cost: a look at every refused line that is still kept.
    """
    _forget_lines(app_id, {word for one in parts for word in (one.external_id, one.email, one.phone) if word})
    forget_names(Customer, [one.pk for one in parts])


def _forget_lines(app_id: int, words: set[str]) -> None:
    """Lines of files in which a cell is one of these words; an address in any way of writing it."""
    lines = ImportLine.objects.filter(run__app=app_id)
    if not words or not lines.exists():
        return
    for run in ImportRun.objects.filter(pk__in=lines.exclude(sealed=None).values("run")):
        if run.key:
            lines.filter(run=run, marks__overlap=sorted(marks_of(run.key, words))).delete()
    plain = lines.filter(sealed=None)
    plain.filter(cells__overlap=sorted(words)).delete()
    addresses = sorted(word.lower() for word in words if "@" in word)
    plain.alias(in_small=_IN_SMALL).filter(in_small__overlap=addresses).delete()


def _sealed(app_id: int, parts: Sequence[Customer]) -> list[bytes | None]:
    if not any(one.external_id for one in parts):
        return [None] * len(parts)
    key = key_for_sealing(app_id)
    return [sealed_name(key, one.external_id) if one.external_id else None for one in parts]
