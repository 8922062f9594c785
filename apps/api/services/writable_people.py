"""What a test key may do about people: read all of the app's, write those that test keys made.

A test key is for trying things out, and is handed around as such: it must not change, erase or equip anybody who is
really there. People it makes are marked, and stay its playground until a live key, an import or a person writes them.
"""

import unicodedata
from collections.abc import Sequence

from django.db.models.functions import Coalesce

from apps.api.refusals import Refusal
from apps.api.services.keys import Caller
from apps.customers.models import Customer
from apps.devices.models import Device
from apps.devices.services.device_fields import DeviceDraft, clean_device

LIVE_CUSTOMER = "live_customer"


def live_among(*, caller: Caller, names: Sequence[object]) -> list[bool]:
    """Of each name, as it was given, whether this key may not write the person; never for a live key.

    What is no text names nobody; whoever stores it says what is wrong with it.
    """
    if not caller.is_test:
        return [False] * len(names)
    stored = [unicodedata.normalize("NFC", name) if isinstance(name, str) else None for name in names]
    known = Customer.objects.filter(app=caller.app, external_id__in={*stored} - {None}, erased_at=None)
    made_by_test = Coalesce("merged_into__made_by_test", "made_by_test")
    live = {name for name, is_test in known.values_list("external_id", made_by_test) if not is_test}
    return [name in live for name in stored]


def require_writable(*, caller: Caller, customer: Customer) -> None:
    """Raises Refusal(live_customer) where a test key is about to write a person who is really there."""
    if caller.is_test and not customer.made_by_test:
        raise Refusal(LIVE_CUSTOMER)


def require_writable_device(*, caller: Caller, customer: str | None, draft: DeviceDraft) -> None:
    """The same for a registration: whom it names, and whoever has these addresses now. Raises InvalidInput too."""
    if not caller.is_test:
        return
    if any(live_among(caller=caller, names=[customer])):
        raise Refusal(LIVE_CUSTOMER)
    clean = clean_device(draft)
    hashes = [one for one in (clean.address_hash, clean.previous_hash) if one is not None]
    theirs = Device.objects.filter(app=caller.app, address_hash__in=hashes)
    if theirs.filter(customer__made_by_test=False, customer__erased_at=None).exists():
        raise Refusal(LIVE_CUSTOMER)
