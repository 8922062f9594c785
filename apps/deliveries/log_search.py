"""Finding rows in a ledger of any size: newest first, in pages, each in milliseconds.

The ledger has few indexes, because every row would pay for them. So a search takes the shortest way that its filters
leave: a person's rows by the person, a small dispatch's by its key, everything else back through time. There, what did
not go well has an index of its own, and what was accepted is looked for in the hours that the counts name.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from hashlib import sha256
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from apps.core.sql import rows
from apps.customers.models import Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Device
from apps.devices.queries import owners_of_devices

# A dispatch below this is read whole and sorted (20 ms); one above has counts of its own.
FEW = 20_000
# Hours with more than this are looked through in stretches, the first as long as `AMPLE` pages should take.
DENSE, AMPLE, WIDER = 10_000, 2, 3
MOST_HOURS = 60
HOUR, CLOCKS = timedelta(hours=1), timedelta(minutes=5)
ACCEPTED = OUTCOMES["accepted"]
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS = [field.attname for field in Delivery._meta.concrete_fields if field.attname != "pk"]

type Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class LogFilters:
    """What the delivery log is narrowed to; None and "" = any. address: the device's token or endpoint, exactly."""

    dispatch_id: int | None = None
    external_id: str = ""
    customer_id: int | None = None
    customer_external_id: str = ""
    address: str = ""
    outcomes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def names_people(self) -> bool:
        return self.customer_id is not None or bool(self.customer_external_id or self.address)


class InvalidCursor(Exception):
    """The cursor is none that this log gave."""


class Place(NamedTuple):
    """A row's place in the order of the log, which begins with the greatest."""

    recorded_at: datetime
    dispatch_id: int
    customer_id: int
    device_id: int


_TOP = Place(_LATEST, 0, 0, 0)


def ledger_page(
    *, app_ids: Sequence[int], filters: LogFilters, cursor: str | None, limit: int
) -> tuple[list[Delivery], str | None]:
    """A page of the ledger, newest first, and the next page's cursor. Raises InvalidCursor.

    Cost: 1 to 30 ms on 10,000,000 rows (`bench logsearch`), at any depth.
    """
    after = _read_cursor(cursor) if cursor else _TOP
    search = _Search(app_ids, filters, after, limit + 1)
    large = _large_dispatch(filters)
    if filters.names_people:
        found = _sorted(search, _of_people(search))
    elif large:
        found = _back_through_time(_while_it_ran(search, large))
    elif filters.external_id or filters.dispatch_id is not None:
        found = _sorted(search, _of_dispatches(search))
    else:
        found = _back_through_time(search)
    more = found[limit - 1] if len(found) > limit else None
    return found[:limit], _make_cursor(more) if more else None


@dataclass(frozen=True, slots=True)
class _Search:
    """A question. after: the last row of the page before. most: rows wanted. planned_on: where one day is enough.

    ended_at: of the only dispatch that is asked for: there its rows are dense.
    """

    app_ids: Sequence[int]
    filters: LogFilters
    after: Place
    most: int
    planned_on: date | None = None
    ended_at: datetime = _LATEST

    @property
    def since(self) -> datetime:
        return self.filters.since or _EARLIEST

    @property
    def until(self) -> datetime:
        """Nothing at or after it is wanted: a page's rows end where the one before ended."""
        return min(self.filters.until or _LATEST, self.after.recorded_at + timedelta(microseconds=1))

    @property
    def parameters(self) -> dict[str, Any]:
        at, dispatch, customer, device = self.after
        place = {"at": at, "dispatch": dispatch, "customer": customer, "device": device}
        asked = {"dispatch_id": self.filters.dispatch_id, "planned_on": self.planned_on}
        return {**place, **asked, "app_ids": list(self.app_ids)}


def _sorted(search: _Search, found: QuerySet[Delivery]) -> list[Delivery]:
    """The rest of the filters, for a set that is small enough to be sorted."""
    asked = search.filters
    if asked.outcomes:
        found = found.filter(outcome__in=[OUTCOMES[word] for word in asked.outcomes])
    found = found.filter(_later_in_the_log(search.after), recorded_at__gte=search.since, recorded_at__lt=search.until)
    return list(found.order_by(*(f"-{name}" for name in Place._fields))[: search.most])


def _later_in_the_log(place: Place) -> Q:
    names = reversed(list(place._asdict().items()))
    return reduce(lambda rest, one: Q((f"{one[0]}__lt", one[1])) | (Q(one) & rest if rest else Q()), names, Q())


def _of_people(search: _Search) -> QuerySet[Delivery]:
    """By deliveries_delivery_person, in every week."""
    asked, found = search.filters, Delivery.objects.filter(app_id__in=search.app_ids)
    if asked.customer_id is not None:
        found = found.filter(customer_id__in=ids_of_people([asked.customer_id]))
    if asked.customer_external_id:
        named = Customer.objects.filter(app_id__in=search.app_ids, external_id=asked.customer_external_id)
        told = named.values_list(Coalesce("merged_into", "id"), flat=True)
        found = found.filter(customer_id__in=ids_of_people(list(told)))
    if asked.address:
        digest = sha256(asked.address.encode()).digest()
        owned = list(Device.objects.filter(app_id__in=search.app_ids, address_hash=digest))
        theirs = owners_of_devices(owned)
        found = found.filter(device_id__in=[one.pk for one in owned], customer_id__in=theirs)
    if asked.dispatch_id is not None or asked.external_id:
        found = found.filter(dispatch_id__in=[one for one, _day in _dispatches(search)])
    return found


def _of_dispatches(search: _Search) -> QuerySet[Delivery]:
    """By the ledger's key."""
    named = _dispatches(search)
    ids, days = {one for one, _day in named}, {day for _one, day in named}
    return Delivery.objects.filter(app_id__in=search.app_ids, planned_on__in=days, dispatch_id__in=ids)


def _dispatches(search: _Search) -> list[tuple[int, Any]]:
    """Those named, with the day that is the first part of their rows' key."""
    named = Dispatch.objects.filter(app_id__in=search.app_ids)
    if search.filters.dispatch_id is not None:
        named = named.filter(pk=search.filters.dispatch_id)
    if search.filters.external_id:
        named = named.filter(external_id=search.filters.external_id)
    return list(named.values_list("pk", "planned_on"))


def _large_dispatch(filters: LogFilters) -> Dispatch | None:
    if filters.dispatch_id is None or filters.external_id:
        return None
    return Dispatch.objects.filter(pk=filters.dispatch_id, planned_devices__gt=FEW).first()


def _while_it_ran(search: _Search, dispatch: Dispatch) -> _Search:
    """Machines' clocks may differ by CLOCKS."""
    ended_at = dispatch.finished_at or _LATEST
    since = max(search.since, dispatch.created_at - CLOCKS)
    until = min(search.filters.until or _LATEST, ended_at + CLOCKS)
    asked = replace(search.filters, since=since, until=until)
    return replace(search, filters=asked, planned_on=dispatch.planned_on, ended_at=ended_at)


def _back_through_time(search: _Search) -> list[Delivery]:
    """What went well and what did not, each by its own way, as one list."""
    wanted = [OUTCOMES[word] for word in search.filters.outcomes] or list(OUTCOMES.values())
    found = [] if wanted == [ACCEPTED] else _missed(search, [one for one in wanted if one != ACCEPTED])
    if ACCEPTED in wanted:
        found += _accepted(search)
    return sorted(found, key=_place, reverse=True)[: search.most]


def _missed(search: _Search, outcomes: Sequence[int]) -> list[Delivery]:
    asked = {"outcomes": list(outcomes), "since": search.since, "until": search.until, "most": search.most}
    return [_row(one) for one in rows("deliveries", "log_missed", {**search.parameters, **asked})]


def _accepted(search: _Search) -> list[Delivery]:
    """Hour by hour backwards, until there are enough or no hour is left."""
    found: list[Delivery] = []
    until = search.until
    while hours := _hours(search, until):
        for stretches in _stretches(search, hours, until):
            lows, highs = zip(*stretches, strict=True)
            asked = {"lows": list(lows), "highs": list(highs), "most": search.most - len(found)}
            found += [_row(one) for one in rows("deliveries", "log_accepted", {**search.parameters, **asked})]
            if len(found) >= search.most:
                return found
        until = hours[-1][0]
    return found


def _hours(search: _Search, until: datetime) -> list[tuple[datetime, int]]:
    asked = {"since": search.since, "until": until, "most": MOST_HOURS}
    return [(hour, count) for hour, count in rows("deliveries", "log_hours", {**search.parameters, **asked})]


def _stretches(search: _Search, hours: Sequence[tuple[datetime, int]], until: datetime) -> Iterator[list[Stretch]]:
    """What to look through at once, from the newest on: hours until they hold enough, or a part of a full hour."""
    together: list[Stretch] = []
    count = 0
    for hour, held in hours:
        low, high = max(hour, search.since), min(hour + HOUR, until)
        if held <= DENSE:
            # An hour right before another makes it longer: one scan instead of two.
            end = together.pop()[1] if together and together[-1][0] == high else high
            together.append((low, end))
            count += held
        if together and (held > DENSE or count >= search.most):
            yield together
            together, count = [], 0
        if held > DENSE:
            if low < search.ended_at < high:
                yield [(search.ended_at, high)]
                high = search.ended_at
            yield from _parts(low, high, HOUR * AMPLE * search.most / held)
    if together:
        yield together


def _parts(low: datetime, high: datetime, width: timedelta) -> Iterator[list[Stretch]]:
    """Backwards, each wider than the last: cheap where rows are dense, soon at the end where they are not."""
    while low < high:
        yield [(max(low, high - width), high)]
        high, width = high - width, width * WIDER


def _row(values: Sequence[Any]) -> Delivery:
    return Delivery(**dict(zip(_COLUMNS, values, strict=True)))


def _place(row: Delivery) -> Place:
    return Place(row.recorded_at, row.dispatch_id, row.customer_id, row.device_id)


def _make_cursor(row: Delivery) -> str:
    """The place of the page's last row."""
    text = ".".join([row.recorded_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f"), *map(str, _place(row)[1:])])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Place:
    try:
        at, *numbers = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(".")
        dispatch_id, customer_id, device_id = (int(number) for number in numbers)
        when = datetime.strptime(at, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidCursor(cursor) from error
    if when >= _LATEST or max(map(abs, (dispatch_id, customer_id, device_id))) >= 2**63:
        raise InvalidCursor(cursor)
    return Place(when, dispatch_id, customer_id, device_id)
