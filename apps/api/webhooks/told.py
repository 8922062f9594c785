"""What the webhooks of an app were told of a person's deliveries. A message that was taken leaves no row: it is found
by the position of its endpoint, which has passed the event, and by no message that still holds it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.api.webhooks.event_types import TEST_KIND, TYPE_OF_MEASURE
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage
from apps.api.webhooks.services.cutting import REACHES_BACK
from apps.deliveries.feed import Written, written_of
from apps.deliveries.models import Dispatch
from apps.deliveries.services.alerts import COPY

STATES = ("taken", "waiting", "given_up", "to_come")


@dataclass(frozen=True, slots=True)
class Told:
    """An event for an endpoint.

    state: taken; waiting = under way, or tried again; given_up = nobody took it in three days; to_come = not read yet.
    """

    endpoint: WebhookEndpoint
    type: str
    state: str
    last_error: str = ""


def told_of(
    *, dispatch: Dispatch, customer_ids: Collection[int], device_ids: Collection[int], now: datetime
) -> Mapping[int, list[Told]]:
    """{device: [by endpoint, then by event]}. Nothing of what is too old, nor of teams' tests and alerts' copies.

    customer_ids: of one person. Cost: three queries; the last looks at the endpoints' undelivered messages.
    """
    told: dict[int, list[Told]] = {device_id: [] for device_id in device_ids}
    if not told or dispatch.kind == TEST_KIND or dispatch.origin.partition(":")[0] == COPY:
        return told
    endpoints = list(WebhookEndpoint.objects.filter(app=dispatch.app_id).order_by("pk"))
    if not endpoints:
        return told
    events = written_of(
        planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, customer_ids=customer_ids, device_ids=device_ids
    )
    held = _held(endpoints, dispatch.pk, {*customer_ids, 0}, device_ids)
    for endpoint in endpoints:
        since = max(endpoint.created_at, now - REACHES_BACK)
        for event in events:
            if TYPE_OF_MEASURE[event.measure] in endpoint.types and event.at >= since:
                told[event.device_id].append(_told(endpoint, event, held))
    return told


def _told(endpoint: WebhookEndpoint, event: Written, held: Mapping[tuple[int, str, int], WebhookMessage]) -> Told:
    type_ = TYPE_OF_MEASURE[event.measure]
    message = held.get((endpoint.pk, type_, event.device_id))
    if message is not None:
        return Told(endpoint, type_, "given_up" if message.state == "dead" else "waiting", message.last_error)
    has_read = (event.xid, event.page_id) <= (endpoint.feed_xid, endpoint.feed_page)
    return Told(endpoint, type_, "taken" if has_read else "to_come")


def _held(
    endpoints: Collection[WebhookEndpoint], dispatch_id: int, customer_ids: Collection[int], device_ids: Collection[int]
) -> dict[tuple[int, str, int], WebhookMessage]:
    """Undelivered messages that hold something of these deliveries, by endpoint, type and device."""
    near = WebhookMessage.objects.filter(
        endpoint__in=endpoints, dispatch_ids__contains=[dispatch_id], device_ids__overlap=list(device_ids)
    )
    return {
        (message.endpoint_id, message.type, device_id): message
        for message in near.order_by("pk")
        for named, customer_id, device_id in zip(
            message.dispatch_ids, message.customer_ids, message.device_ids, strict=True
        )
        if named == dispatch_id and customer_id in customer_ids and device_id in device_ids
    }
