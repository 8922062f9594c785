"""Who a push is for: names become devices, and every name gets a verdict."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.messageflow import DEVICE, EMAIL
from apps.api.push_request import CAMPAIGN_HINT, MOST_RECIPIENTS, PushRequest
from apps.api.refusals import Refusal, refuse_fields
from apps.core.problems import FieldProblem
from apps.core.sql import prepared_rows, rows
from apps.customers import sealed
from apps.customers.phones import e164_of
from apps.customers.services.profile_fields import clean_email
from apps.deliveries.services.transactional import Target
from apps.devices.services.device_fields import hash_address
from apps.segments.models import Segment
from apps.segments.services.audience import compile_audience

_APNS_TOKEN = re.compile(r"[0-9A-Fa-f]{64,200}")
# Numbers are stored with idempotency keys for 30 days: never renumber, only append.
VERDICTS = (
    "queued",
    "unknown_token",
    "dead_token",
    "unknown_customer",
    "no_live_device",
    "no_consent",
    "duplicate",
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One name of the request and what came of it; targets only where it is queued. name None: an anonymous person.

    customer_id: who it is where only a device is lacking, so that an SMS could reach them.
    """

    name: str | None
    verdict: str
    targets: Sequence[Target] = ()
    customer_id: int | None = None

    @property
    def customer_ids(self) -> set[int]:
        """Whom an SMS could follow."""
        return {target.customer_id for target in self.targets} or {self.customer_id} - {None}  # type: ignore[return-value]


def find_recipients(wanted: Sequence[tuple[App, PushRequest]]) -> list[list[Recipient] | Refusal]:
    """For each request one recipient per name, in input order; or its Refusal (404 segment, 413 too_many_recipients).

    Cost: one round trip for all tokens, one for all customers, two a segment, two for MessageFlow's lists.
    """
    finders = {"device_tokens": _by_token, "customers": _by_customer, "segment": _by_segment, "to": _by_receiver}
    found: dict[int, list[Recipient] | Refusal] = {}
    for audience, find in finders.items():
        places = [place for place, (_app, request) in enumerate(wanted) if request.audience == audience]
        if places:
            found.update(zip(places, find([wanted[place] for place in places]), strict=True))
    return [found[place] for place in range(len(wanted))]


def _by_token(wanted: Sequence[tuple[App, PushRequest]]) -> Iterable[list[Recipient]]:
    asked = [(app.pk, {token: address_hash_of(token) for token in request.names}) for app, request in wanted]
    found = _devices_at(asked)
    for (app_id, hashes), (_app, request) in zip(asked, wanted, strict=True):
        judge = partial(_token_among, found, app_id, hashes)
        yield _each_once(request.names, judge, hashes.__getitem__)


def _devices_at(asked: Sequence[tuple[int, Mapping[str, bytes]]]) -> Mapping[Any, Sequence[Any]]:
    """Rows of the devices by (app, address hash), for {token: hash} an app."""
    parameters = {
        "app_ids": [app_id for app_id, hashes in asked for _ in hashes],
        "hashes": [value for _app_id, hashes in asked for value in hashes.values()],
    }
    return {(row[0], bytes(row[1])): row[2:] for row in prepared_rows("api", "recipients_by_address", parameters)}


def _token_among(found: Mapping[Any, Sequence[Any]], app_id: int, hashes: Mapping[str, bytes], token: str) -> Recipient:
    return _token(token, found.get((app_id, hashes[token])))


def address_hash_of(token: str) -> bytes:
    """APNs tokens are the same in either case of letters, and stored in lower case."""
    return hash_address(token.lower() if _APNS_TOKEN.fullmatch(token) else token)


def _token(token: str, row: Sequence[Any] | None) -> Recipient:
    if row is None:
        return Recipient(token, "unknown_token")
    device_id, customer_id, gateway, is_live, may_be_sent_to = row
    if not is_live:
        return Recipient(token, "dead_token", customer_id=customer_id if may_be_sent_to else None)
    if not may_be_sent_to:
        return Recipient(token, "no_consent")
    return Recipient(token, "queued", [Target(device_id, customer_id, gateway)])


def _by_customer(wanted: Sequence[tuple[App, PushRequest]]) -> Iterable[list[Recipient]]:
    asked = {(app.pk, name) for app, request in wanted for name in request.names}
    parameters = {"app_ids": [app_id for app_id, _name in asked], "external_ids": [name for _app_id, name in asked]}
    found = prepared_rows("api", "recipients_by_customer", parameters)
    people = {(person[0][5], person[0][0]): person for person in _people(found)}
    for app, request in wanted:
        yield _each_once(request.names, partial(_person_among, people, app.pk), str)


def _person_among(people: Mapping[Any, Sequence[Any]], app_id: int, name: str) -> Recipient:
    return _person(name, people.get((app_id, name), ()))


def _by_segment(wanted: Sequence[tuple[App, PushRequest]]) -> Iterable[list[Recipient] | Refusal]:
    for app, request in wanted:
        try:
            yield _members(app, request.segment_id or 0)
        except Refusal as refusal:
            yield refusal


def _members(app: App, segment_id: int) -> list[Recipient]:
    segment = Segment.objects.filter(app=app, pk=segment_id).first()
    if segment is None:
        raise Refusal("not_found", _("there is no segment %d") % segment_id)
    audience = compile_audience(app=app, include_ids=[segment.pk], exclude_ids=[])
    people = list(_people(rows("api", "recipients_by_audience", {"most": MOST_RECIPIENTS + 1}, audience=audience)))
    if len(people) > MOST_RECIPIENTS:
        raise _too_many("/segment", _("the segment has more than %d members"))
    return [_person(person[0][0], person) for person in people]


def _by_receiver(wanted: Sequence[tuple[App, PushRequest]]) -> Iterable[list[Recipient] | Refusal]:
    """MessageFlow's mixed lists: a token is one device, an e-mail or phone all devices of whoever has it."""
    named = [(app, name, kind) for app, request in wanted for name, kind in _to(request)]
    devices = _devices_at([(app.pk, {name: address_hash_of(name)}) for app, name, kind in named if kind == DEVICE])
    contacts = _people_of([one for one in named if one[2] != DEVICE])
    for app, request in wanted:
        judged = [
            _token(name, devices.get((app.pk, address_hash_of(name))))
            if kind == DEVICE
            else _owners(name, contacts[app.pk, name, kind])
            for name, kind in _to(request)
        ]
        people = {target.customer_id for one in judged for target in one.targets}
        if len(people) > MOST_RECIPIENTS:
            yield _too_many("/to", _("its addresses belong to more than %d people"))
        else:
            yield _no_device_twice(judged)


def _to(request: PushRequest) -> Iterator[tuple[str, int]]:
    return zip(request.names, request.kinds, strict=True)


def _people_of(asked: Sequence[tuple[App, str, int]]) -> dict[tuple[int, str, int], list[Sequence[Any]]]:
    """Rows a device of the people behind e-mails and phones, as `_person` reads them."""
    plain = [_as_stored(app, name, kind) for app, name, kind in asked]
    parameters = {
        "app_ids": [app.pk for app, _name, _kind in asked],
        "kinds": [kind for _app, _name, kind in asked],
        "sealed": [
            sealed.seal(app.pk, sealed.EMAIL if kind == EMAIL else sealed.PHONE, contact)
            for (app, _name, kind), contact in zip(asked, plain, strict=True)
        ],
        "plain": plain,
        "most": MOST_RECIPIENTS + 1,
    }
    people: dict[tuple[int, str, int], list[Sequence[Any]]] = {(app.pk, name, kind): [] for app, name, kind in asked}
    for place, *row in prepared_rows("api", "recipients_by_contact", parameters) if asked else []:
        app, name, kind = asked[place - 1]
        people[app.pk, name, kind].append((name, *row))
    return people


def _as_stored(app: App, contact: str, kind: int) -> str:
    """As profiles hold it; "" = nobody can have it. Phones come with or without their plus."""
    if kind == EMAIL:
        return clean_email(contact, pointer="", problems=[]) or ""
    number = contact.strip()
    return e164_of(number, app.default_country)[0] or e164_of(f"+{number}", "")[0]


def _owners(name: str, people: Sequence[Sequence[Any]]) -> Recipient:
    """One recipient of all who share the address: queued where any of them can be reached."""
    verdicts = [_person(name, person) for person in _people(people)] or [Recipient(name, "unknown_customer")]
    targets = [target for one in verdicts for target in one.targets]
    return Recipient(name, "queued", targets) if targets else verdicts[0]


def _no_device_twice(judged: Sequence[Recipient]) -> list[Recipient]:
    """Who is named again, or in another way, is a duplicate."""
    seen: set[int] = set()
    said: set[str | None] = set()
    found = []
    for one in judged:
        fresh = [target for target in one.targets if target.device_id not in seen]
        seen.update(target.device_id for target in fresh)
        if (one.targets and not fresh) or one.name in said:
            found.append(Recipient(one.name, "duplicate"))
        else:
            found.append(Recipient(one.name, one.verdict, fresh, one.customer_id))
        said.add(one.name)
    return found


def _too_many(pointer: str, message: str) -> Refusal:
    message = message % MOST_RECIPIENTS + str(CAMPAIGN_HINT)
    return refuse_fields([FieldProblem(pointer, "too_many_recipients", message)], 413)


def _people(found: Iterable[Sequence[Any]]) -> Iterable[list[Sequence[Any]]]:
    """The rows of each person together; they come sorted by person."""
    people: dict[int, list[Sequence[Any]]] = {}
    for row in found:
        people.setdefault(row[1], []).append(row)
    return people.values()


def _person(name: str | None, person: Sequence[Sequence[Any]]) -> Recipient:
    if not person:
        return Recipient(name, "unknown_customer")
    _name, customer_id, _device, _gateway, may_be_sent_to = person[0][:5]
    if not may_be_sent_to:
        return Recipient(name, "no_consent")
    targets = [Target(row[2], customer_id, row[3]) for row in person if row[2] is not None]
    if not targets:
        return Recipient(name, "no_live_device", customer_id=customer_id)
    return Recipient(name, "queued", targets)


def _each_once(
    names: Sequence[str], judge: Callable[[str], Recipient], identity: Callable[[str], Any]
) -> list[Recipient]:
    """The first of names with the same identity is judged, the others are duplicates."""
    seen: set[Any] = set()
    found = []
    for name in names:
        found.append(Recipient(name, "duplicate") if identity(name) in seen else judge(name))
        seen.add(identity(name))
    return found


def stored_form(recipients: Sequence[Recipient], *, with_names: bool) -> list[list[Any]]:
    """[verdict's number, device ids, name] each: what an answer needs that the request does not say."""
    return [
        [
            VERDICTS.index(recipient.verdict),
            [target.device_id for target in recipient.targets],
            *([recipient.name] if with_names else []),
        ]
        for recipient in recipients
    ]


def names_in(body: Mapping[str, Any], stored: Sequence[Sequence[Any]]) -> Sequence[str | None]:
    """The names of the stored recipients, from the request where it says them."""
    if "to" in body:
        return [one["receiver"] for one in body["to"]]
    return body.get("device_tokens") or body.get("customers") or [entry[2] for entry in stored]
