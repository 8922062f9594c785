"""Frequency caps, counted anew from the ledger: nobody gets more than the app, or a topic, allows."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import Min

from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.states import OUTCOMES

_COUNTED = ("accepted", "unknown_outcome")
_KINDS = ("campaign", "automation")

type Sent = Mapping[int, Sequence[tuple[int, datetime]]]
"""By customer: the dispatches that reached them, or may have, and when the first device's answer was written."""


def broken_caps() -> Iterator[str]:
    """Each broken promise in words. All of a run lies in one window; every campaign of a topic is under its cap."""
    dispatches = {one.pk: one for one in Dispatch.objects.filter(kind__in=_KINDS)}
    policies = {key: Policy.from_json(one.policy) for key, one in dispatches.items()}
    sent = _sent(list(dispatches))
    yield from _over_topic(policies, sent)
    yield from _over_app(dispatches, policies, sent)


def _sent(dispatch_ids: Sequence[int]) -> Sent:
    rows = Delivery.objects.filter(dispatch_id__in=dispatch_ids, outcome__in=[OUTCOMES[one] for one in _COUNTED])
    found = defaultdict[int, list[tuple[int, datetime]]](list)
    for customer, dispatch, at in rows.values_list("customer_id", "dispatch_id").annotate(at=Min("recorded_at")):
        found[customer].append((dispatch, at))
    return found


def _over_topic(policies: Mapping[int, Policy], sent: Sent) -> Iterator[str]:
    """They are planned one after the other, each counting those before it: never one too many."""
    limits = {one.topic: one.topic_cap_count for one in policies.values() if one.topic_cap_count is not None}
    for customer, reached in sent.items():
        for topic, count in Counter(policies[dispatch].topic for dispatch, _at in reached).items():
            limit = limits.get(topic)
            if limit is not None and count > limit:
                yield f"customer {customer} got {count} campaigns of {topic}, whose cap is {limit}"


def _over_app(dispatches: Mapping[int, Dispatch], policies: Mapping[int, Policy], sent: Sent) -> Iterator[str]:
    """What heeds no cap is sent all the same; what heeds it, to nobody who had as many behind them before it."""
    for customer, reached in sent.items():
        for dispatch, _at in reached:
            limit = policies[dispatch].cap_count
            if limit is None:
                continue
            before = sum(at < dispatches[dispatch].created_at for other, at in reached if other != dispatch)
            if before >= limit:
                yield f"customer {customer} got dispatch {dispatch} after {before} others; the app's cap is {limit}"
