"""Starters: rules to begin with instead of an empty page, made of what people of this app really do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.core.words import spoken
from apps.segments.rules.catalogue import Catalogue

# What shops and apps call these two; the first that the app has is taken.
_BOUGHT = ("purchase", "purchased", "order", "ordered", "order_placed", "checkout", "payment", "bought")
_WANTED = ("added_to_cart", "add_to_cart", "cart", "wishlist", "viewed_product", "product_viewed")


@dataclass(frozen=True, slots=True)
class Starter:
    """One example. name: for the segment that is made of it; rule: as the builder stores it."""

    key: str
    name: str
    rule: Mapping[str, Any]


def starters_for(catalogue: Catalogue) -> list[Starter]:
    """The examples that an app can use today, the most telling first; none asks about what it does not have."""
    return [*_behaviour(catalogue), *_always(catalogue)]


def _behaviour(catalogue: Catalogue) -> Iterator[Starter]:
    bought = _first_known(_BOUGHT, catalogue)
    wanted = _first_known(_WANTED, catalogue)
    busiest = bought or next(iter(sorted(catalogue.events)), None)
    if bought:
        twice = {"name": bought, "times": {"op": "at_least", "count": 2}}
        yield Starter("lapsed", _("Bought twice, but not in the last week"), _all(_did(twice), _not(bought, 7)))
    elif busiest:
        twice = {"name": busiest, "times": {"op": "at_least", "count": 2}}
        name = _("Did “%(event)s” twice, but not in the last week") % {"event": spoken(busiest)}
        yield Starter("lapsed", name, _all(_did(twice), _not(busiest, 7)))
    if bought and wanted:
        yield Starter("cart", _("Nearly bought this week"), _all(_did({"name": wanted, "days": 7}), _not(bought, 7)))
    if bought and catalogue.events[bought].get("amount") == "number":
        best = {"name": bought, "days": 90, "sum": {"op": "at_least", "amount": 100}}
        yield Starter("best", _("Spent 100 or more in 90 days"), _all(_did(best)))


def _always(catalogue: Catalogue) -> Iterator[Starter]:
    yield Starter("quiet", _("Have not used the app for 30 days"), _all(_leaf("device.last_seen", 30)))
    yield Starter("new", _("New in the last week"), _all(_leaf("created_at", 7, "in_last_days")))
    yield Starter("ios", _("Use an iPhone or iPad"), _all(_leaf("device.platform", ["ios"], "is_any_of")))


def _first_known(names: tuple[str, ...], catalogue: Catalogue) -> str | None:
    return next((name for name in names if name in catalogue.events), None)


def _all(*rules: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"match": "all", "rules": list(rules)}


def _did(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"field": "event", "op": "did", "value": value}


def _not(event: str, days: int) -> Mapping[str, Any]:
    return {"field": "event", "op": "did_not", "value": {"name": event, "days": days}}


def _leaf(field: str, value: Any, op: str = "more_than_days_ago") -> Mapping[str, Any]:
    return {"field": field, "op": op, "value": value}
