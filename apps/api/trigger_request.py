"""What `POST /v2.1/campaigns/{id}/trigger` says, and how it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.api.calls import NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, TIME, list_of, map_of, record
from apps.api.refusals import refuse_fields
from apps.api.services.idempotency import MOST_CHARACTERS
from apps.api.shapes import Anything, ListOf, Record, Text, Whole
from apps.campaigns.models import SegmentTrigger
from apps.campaigns.queries import waterfall_of
from apps.campaigns.states import TRIGGER_STATES
from apps.core.problems import FieldProblem
from apps.customers.services.vocabulary import clean_values
from apps.deliveries.services.freeze import Waterfall

MOST_CUSTOMERS = 1_000
HINT = gettext_lazy("; make a segment of them, and trigger the campaign for it")
TRIGGER = Record(
    {
        "customers": ListOf(
            Text(least=1),
            MOST_CUSTOMERS,
            least=1,
            too_many="too_many_recipients",
            hint=HINT,
            about="Your ids of customers; each gets it on all their devices that the campaign is for.",
        ),
        "segment": Whole(1, about="Id of a segment; its members are computed afresh, however many."),
        "traits": Anything({"type": "object"}, "Values for the texts; they win over the customer's own."),
        "idempotency_key": Anything({"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}),
    },
    rules={"oneOf": [{"required": ["customers"]}, {"required": ["segment"]}]},
)
_COUNTS = record({"people": NUMBER, "devices": NUMBER})
ANSWER = record(
    {
        "campaign_id": NUMBER,
        "dispatch_id": {"type": ["integer", "null"]},
        "trigger_id": NUMBER,
        "planned": _COUNTS,
        "sending": _COUNTS,
        "excluded": map_of(NUMBER),
        "data": list_of(record({"customer": TEXT, "status": TEXT})),
        "warnings": list_of(record({"pointer": TEXT, "code": TEXT, "message": NULLABLE_TEXT})),
    },
    optional=("trigger_id", "planned", "sending", "excluded"),
)

STORED_TRIGGER = record(
    {
        "id": NUMBER,
        "campaign_id": NUMBER,
        "segment": NUMBER,
        "state": {"type": "string", "enum": TRIGGER_STATES.words},
        "code": TEXT,
        "reason": TEXT,
        "requested_at": TIME,
        "settled_at": NULLABLE_TIME,
        "dispatch_id": {"type": ["integer", "null"]},
        "planned": _COUNTS,
        "sending": _COUNTS,
        "excluded": map_of(NUMBER),
    },
    optional=("planned", "sending", "excluded"),
)


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """Either names, in input order, or a segment."""

    names: Sequence[str]
    segment_id: int | None
    facts: Mapping[str, Any]


def read_trigger(body: Mapping[str, Any]) -> TriggerRequest:
    """Raises Refusal with all that is wrong."""
    problems: list[FieldProblem] = []
    found: dict[str, Any] = TRIGGER.read(body, "", problems)
    given = [word for word in ("customers", "segment") if body.get(word) is not None]
    if len(given) != 1:
        message = _("give exactly one of customers, segment")
        problems.append(FieldProblem("", "exactly_one_audience", message, ", ".join(given) or _("none")))
    facts = clean_values(found.get("traits", {}), pointer="/traits", problems=problems)
    if problems:
        too_many = any(problem.code == "too_many_recipients" for problem in problems)
        raise refuse_fields(problems, 413 if too_many else 400)
    return TriggerRequest(found.get("customers", ()), found.get("segment"), facts)


def trigger_answer(body: Mapping[str, Any], campaign_id: int, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, from what is stored with the key and the request itself; identical each time."""
    warnings = [
        {"pointer": f"/traits/{name}", "code": "unknown_variable", "message": str(UNKNOWN_FACT)}
        for name in stored["unknown"]
    ]
    return {
        "campaign_id": campaign_id,
        **_outcome(stored),
        "data": [
            {"customer": name, "status": status}
            for name, status in zip(body.get("customers") or [], stored["to"], strict=False)
        ],
        "warnings": warnings,
    }


def counts_of(counted: Waterfall) -> dict[str, Any]:
    return {
        "planned": {"people": counted.planned_people, "devices": counted.planned_devices},
        "sending": {"people": counted.sending_people, "devices": counted.sending_devices},
        "excluded": {reason: devices for reason, (_people, devices) in sorted(counted.excluded.items())},
    }


def stored_trigger(stored: SegmentTrigger) -> dict[str, Any]:
    """As it stands now, with its counts once it is planned."""
    return {
        "id": stored.pk,
        "campaign_id": stored.campaign_id,
        "segment": stored.segment_id,
        "state": stored.state,
        "code": stored.code,
        "reason": stored.reason,
        "requested_at": stored.requested_at.isoformat(),
        "settled_at": stored.settled_at.isoformat() if stored.settled_at else None,
        "dispatch_id": stored.dispatch_id,
        **(counts_of(waterfall_of(stored.dispatch)) if stored.dispatch else {}),
    }


def _outcome(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The dispatch and its counts; of a large segment, which is planned later, where to ask for them."""
    if "trigger" in stored:
        return {"dispatch_id": None, "trigger_id": stored["trigger"]}
    return {"dispatch_id": stored["id"], **{name: stored[name] for name in ("planned", "sending", "excluded")}}


UNKNOWN_FACT = gettext_lazy("no fact of this campaign has this name, so no text reads it")
