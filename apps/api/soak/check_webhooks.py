"""What webhooks were told, against ledger and receipts: everything, once; nothing while they were off."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from apps.api.soak.journal import Journal, ban_at
from apps.api.soak.listener import Endpoint, Told
from apps.api.webhooks.models import WebhookEndpoint
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Delivery, Receipt
from apps.deliveries.states import OUTCOME_WORDS, RECEIPT_WORDS

_EXCLUDED = "excluded:"


def broken_webhooks(endpoints: Mapping[str, Endpoint], journal: Journal, grace: float) -> Iterator[str]:
    """Each broken promise in words. Cost: about 10 us an event and endpoint."""
    happened = _happened()
    kept = set(WebhookEndpoint.objects.exclude(state="disabled").values_list("description", flat=True))
    for one in endpoints.values():
        due = Counter({told: count for told, count in happened.items() if told[2] in one.types})
        for told, count in (one.told - due).items():
            yield f"webhook {one.name} was told of {told} {count} times too often"
        for told, count in (due - one.told).items() if one.name in kept else ():
            yield f"webhook {one.name} was not told of {told}, {count} times"
        yield from _sequence(one, is_whole=one.name in kept)
        bans = journal.silent.get(one.name, ())
        for at in one.came_at:
            if ban := ban_at(bans, at, grace):
                yield f"webhook {one.name} was called {at - ban.begins:.1f} s after it was {ban.why}"


def lost_receipts(delivery_ids: Iterable[str]) -> Iterator[str]:
    """Receipts that were taken, and are not there."""
    stored = set(Receipt.objects.values_list("dispatch_id", "device_id"))
    for delivery_id in delivery_ids:
        key = read_delivery_id(delivery_id)
        if key is None or (key.dispatch_id, key.device_id) not in stored:
            yield f"the receipt of {delivery_id} was answered 202, but is not stored"


def _happened() -> Counter[Told]:
    """All outcomes and receipts there are, in the words of webhooks."""
    outcomes = Delivery.objects.values_list("dispatch_id", "device_id", "outcome").iterator(chunk_size=10_000)
    found = Counter((dispatch, device, _type_of(OUTCOME_WORDS[outcome])) for dispatch, device, outcome in outcomes)
    receipts = Receipt.objects.values_list("dispatch_id", "device_id", "type").iterator(chunk_size=10_000)
    found.update((dispatch, device, f"receipt.{RECEIPT_WORDS[number]}") for dispatch, device, number in receipts)
    return found


def _type_of(outcome: str) -> str:
    return "delivery.excluded" if outcome.startswith(_EXCLUDED) else f"delivery.{outcome}"


def _sequence(endpoint: Endpoint, *, is_whole: bool) -> Iterator[str]:
    """It rises by one an event: the requests lie behind one another, without a gap where all have come."""
    reached = 1
    for first, behind in sorted(endpoint.taken.values()):
        if first < reached or (is_whole and first > reached):
            yield f"webhook {endpoint.name}: sequence {first} comes after {reached - 1}"
        reached = behind
