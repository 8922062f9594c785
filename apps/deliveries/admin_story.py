"""One message on screen: what happened to it, in order, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import page_of
from apps.core.words import Word
from apps.customers.models import Customer
from apps.customers.templatetags.people import consent_source
from apps.deliveries.admin_log import LogPageView, as_id
from apps.deliveries.admin_words import GATEWAY_LABELS, KIND_LABELS, PLATFORM_LABELS, outcome_label, receipt_label
from apps.deliveries.explanation import Reason, explain_dispatch
from apps.deliveries.log_queries import Story, delivery_story
from apps.deliveries.story_parts import parts_of
from apps.devices.models import Device


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a message's story. tone as in theme.css."""

    at: datetime | None
    icon: str
    tone: str
    title: Any
    detail: Any = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of what a reason rests on. dispatch_id: the message it is about, 0 = none."""

    label: Any
    text: str
    at: datetime | None = None
    dispatch_id: int = 0


class StoryView(LogPageView):
    """One message from its plan to its last receipt, and why it went as it did.

    ?customer= names the person where the id cannot: a message that found no device.
    """

    def get(self, request: HttpRequest, delivery_id: str) -> HttpResponse:
        app_ids = [app.pk for app in self.apps]
        whose = as_id(request.GET.get("customer", ""))
        story = delivery_story(app_ids=app_ids, delivery_id=delivery_id, customer_id=whose)
        if story is None:
            raise Http404
        device = Device.objects.filter(pk=story.device_id).first()
        customer = Customer.objects.select_related("merged_into").filter(pk=story.customer_id).first()
        context = {
            "title": _("One message"),
            "story": story,
            "moments": moments(story),
            "word": _status(story),
            "kind": KIND_LABELS[story.dispatch.kind],
            "device": device,
            "gateway": GATEWAY_LABELS[device.gateway] if device else "",
            "customer": customer,
            "zone": story.dispatch.app.time_zone,
            "customer_link": page_of(request, "customers.customer", "change", story.customer_id),
            "device_link": page_of(request, "devices.device", "change", story.device_id),
            **(_why(story, customer, request.user) if customer else {}),
        }
        return self.page(request, "deliveries/story.html", context)


def _why(story: Story, customer: Customer, user: Any) -> dict[str, Any]:
    """The reason in the words of the API and of the person's page, with what it rests on; cards of floors above."""
    person = customer.merged_into or customer
    told = explain_dispatch(dispatch=story.dispatch, customer=person, now=timezone.now())
    reason = next((one for one in told.reasons if one.device_id == story.device_id), None)
    return {"reason": reason, "facts": facts_of(reason) if reason else [], "parts": parts_of(story, person, user)}


def moments(story: Story) -> list[Moment]:
    """The story in the order it happened."""
    told = [Moment(story.dispatch.created_at, "event_note", "accent", _("Planned"), story.dispatch.name)]
    if story.retry_at:
        words = {"tries": story.tries, "reason": story.code}
        detail = _("Not reached in %(tries)s tries (%(reason)s); tried again then.") % words
        told.append(Moment(story.retry_at, "refresh", "warn", _("Next try"), detail))
    if story.recorded_at:
        word = outcome_label(story.status)
        told.append(Moment(story.recorded_at, "outbox", word.tone, word.name, word.meaning))
    for receipt in story.receipts:
        word = receipt_label(receipt.type)
        detail = f"{word.meaning} {receipt.action}".strip()
        told.append(Moment(receipt.at, "smartphone", word.tone, word.name, detail))
    return told


def _status(story: Story) -> Word:
    waiting = Word(_("On its way"), _("It has no outcome yet."), "accent")
    return waiting if story.status == "queued" else outcome_label(story.status)


def facts_of(reason: Reason) -> list[Fact]:
    """The reason's facts, for a marketer; those that its text or the story tells already are left out."""
    return [fact for key, told in reason.facts.items() if key in _FACTS for fact in _FACTS[key](told) if told]


def _used_by(told: Any) -> Iterator[Fact]:
    for one in told:
        yield Fact(_("Counted"), one["name"], _moment(one["at"]), one["dispatch_id"])


def _quiet(told: Mapping[str, Any]) -> Iterator[Fact]:
    yield Fact(_("Quiet hours"), _("%(from)s to %(until)s in %(time_zone)s, over at") % told, _moment(told["ends_at"]))


def _answer(told: Mapping[str, Any]) -> Iterator[Fact]:
    words = {"wording": told["wording"], "source": consent_source(told["source"])}
    text = _("“%(wording)s” (%(source)s)") % words if told["wording"] else words["source"]
    yield Fact(_("Their answer"), text, _moment(told["at"]))


def _devices(told: Any) -> Iterator[Fact]:
    for one in told:
        why = f"{one['state']}, {one['why']}" if one["why"] else one["state"]
        yield Fact(PLATFORM_LABELS.get(one["platform"], one["platform"]), why, _moment(one["since"]))


# Facts of apps.deliveries.explanation that a person wants to see, by their keys.
_FACTS: Mapping[str, Any] = {
    "used_by": _used_by,
    "quiet_hours": _quiet,
    "answer": _answer,
    "devices": _devices,
    "drawn": lambda told: [Fact(_("Drawn"), f"{told:g} %")],
    "gateway_answer": lambda told: [Fact(_("The gateway said"), told)],
    "expires_at": lambda told: [Fact(_("Would have expired"), "", _moment(told))],
    "last_seen_at": lambda told: [Fact(_("Last seen"), "", _moment(told))],
    "release_at": lambda told: [Fact(_("Not before"), "", _moment(told))],
    "retry_at": lambda told: [Fact(_("Next try"), "", _moment(told))],
}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
