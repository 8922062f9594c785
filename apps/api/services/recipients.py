"""Who a push is for: names become devices, and every name gets a verdict."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.push_request import CAMPAIGN_HINT, MOST_RECIPIENTS, PushRequest
from apps.api.refusals import Refusal, refuse_fields
from apps.core.problems import FieldProblem
from apps.core.sql import prepared_rows, rows
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
    """One name of the request and what came of it; targets only where it is queued. name None: an anonymous person."""

    name: str | None
    verdict: str
    targets: Sequence[Target] = ()


def find_recipients(wanted: Sequence[tuple[App, PushRequest]]) -> list[list[Recipient] | Refusal]:
    """For each request one recipient per name, in input order; or its Refusal (404 segment, 413 too_many_recipients).

    Cost: one round trip for all tokens, one for all customers, two a segment.
    """
    finders = {"device_tokens": _by_token, "customers": _by_customer, "segment": _by_segment}
    found: dict[int, list[Recipient] | Refusal] = {}
    for audience, find in finders.items():
        places = [place for place, (_app, request) in enumerate(wanted) if request.audience == audience]
        if places:
            found.update(zip(places, find([wanted[place] for place in places]), strict=True))
    return [found[place] for place in range(len(wanted))]


def _by_token(wanted: Sequence[tuple[App, PushRequest]]) -> Iterable[list[Recipient]]:
    asked = [(app.pk, {token: address_hash_of(token) for token in request.names}) for app, request in wanted]
    parameters = {
        "app_ids": [app_id for app_id, hashes in asked for _ in hashes],
        "hashes": [value for _app_id, hashes in asked for value in hashes.values()],
    }
    found = {(row[0], bytes(row[1])): row[2:] for row in prepared_rows("api", "recipients_by_address", parameters)}
    for (app_id, hashes), (_app, request) in zip(asked, wanted, strict=True):
        judge = partial(_token_among, found, app_id, hashes)
        yield _each_once(request.names, judge, hashes.__getitem__)


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
        return Recipient(token, "dead_token")
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
        message = _("the segment has more than %d members") % MOST_RECIPIENTS + str(CAMPAIGN_HINT)
        raise refuse_fields([FieldProblem("/segment", "too_many_recipients", message)], 413)
    return [_person(person[0][0], person) for person in people]


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
    return Recipient(name, "queued", targets) if targets else Recipient(name, "no_live_device")


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
    return body.get("device_tokens") or body.get("customers") or [entry[2] for entry in stored]
