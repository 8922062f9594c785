"""Customers: profile, erase, export."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from apps.accounts.models import App
from apps.api.base import ApiView, json_response, no_content
from apps.api.batch import PROBLEM, batch_shape, read_batch, shown_problems
from apps.api.calls import NUMBER, TEXT, TIME, Answer, Call, list_of, map_of, record
from apps.api.codes import CODES
from apps.api.query import Parameter
from apps.api.refusals import Refusal, refuse_fields
from apps.api.services.keys import Caller
from apps.api.services.writable_people import LIVE_CUSTOMER, live_among, require_writable
from apps.api.shapes import NO_CONTROLS, VISIBLE, Anything, Either, Record
from apps.core.problems import FieldProblem
from apps.customers.models import Customer
from apps.customers.preference_links import preferences_url
from apps.customers.queries import person_named
from apps.customers.services.disclosure import export_customer
from apps.customers.services.erasure import erase
from apps.customers.services.profile_fields import clean_external_id
from apps.customers.services.profiles import MOST_AT_ONCE, CustomerDraft, Upserted, clean_draft, upsert_customers

_TEXT: dict[str, Any] = {"type": "string"}
_NAME = {"type": "string", "maxLength": 100, "pattern": NO_CONTROLS}
_TOPIC = {"type": "string", "maxLength": 60, "pattern": VISIBLE}
_CONSENT = {
    "type": "object",
    "properties": {"push": {"type": "boolean"}, "sms": {"type": "boolean"}},
    "additionalProperties": False,
}
_COLUMNS = ("email", "phone", "first_name", "last_name", "language", "time_zone", "country")


def _profile_problems(found: Mapping[str, Any]) -> list[FieldProblem]:
    """By the rules of profiles; whether a phone needs a country depends on the app, so that is not told here."""
    draft = CustomerDraft(**{"external_id": "", **found})
    problems = clean_draft(draft, default_country="").problems
    return [problem for problem in problems if problem.code != "country_required"]


CUSTOMER = Record(
    {
        "external_id": Anything({"type": "string", "pattern": VISIBLE, "maxLength": 255}, "Your id of the person."),
        "email": Anything(_TEXT),
        "phone": Anything(_TEXT, "E.164, or as written in the country."),
        "first_name": Anything(_NAME),
        "last_name": Anything(_NAME),
        "language": Anything(_TEXT, "Such as pl or pt-BR."),
        "time_zone": Anything(_TEXT, "Such as Europe/Warsaw."),
        "country": Anything(_TEXT, "Two letters."),
        "traits": Anything({"type": "object"}, "Merged into those known; null takes one away."),
        "consent": Anything(_CONSENT, "Logged where it differs from what is known."),
        "consent_wording": Anything({"type": "string", "maxLength": 500}, "What the person agreed to."),
        "topics": Anything({"type": "array", "items": _TOPIC, "maxItems": 50}),
    },
    required=("external_id",),
    further=_profile_problems,
)
_STATUS = {"type": "string", "enum": ["created", "updated", "unchanged"]}
_UPSERTED = {"external_id": TEXT, "status": _STATUS}
_STORED_ONE = record({**_UPSERTED, "warnings": list_of(PROBLEM)})
_STORED_MANY = record(
    {
        "stored": NUMBER,
        "refused": NUMBER,
        "data": list_of(record(_UPSERTED)),
        "errors": list_of(PROBLEM),
        "warnings": list_of(PROBLEM),
    }
)
_CUSTOMER = record(
    {
        **dict.fromkeys(_COLUMNS, TEXT),
        "external_id": TEXT,
        "traits": {"type": "object"},
        "topics": list_of(TEXT),
        "consent": map_of({"type": ["boolean", "null"]}),
        "created_at": TIME,
        "updated_at": TIME,
        "preferences_url": {"type": ["string", "null"]},
        "devices": list_of(record({"device_id": NUMBER, "platform": TEXT, "state": TEXT})),
    }
)


def _read_name(value: str) -> str:
    problems: list[FieldProblem] = []
    name = clean_external_id(value, pointer="", problems=problems)
    if name is None:
        raise ValueError(problems[0].code, problems[0].message)
    return name


_BY_NAME = {
    "external_id": Parameter(
        _read_name, "your id of the person, required", {"type": "string", "minLength": 1, "maxLength": 255}
    )
}
_ANY_NAME = (
    "\n\nThe id is a parameter here, so it may be any; in a path, one that ends in `/export` or `/explain` would be"
    " taken for another call."
)


NAME_AS_PARAMETER = gettext_lazy("a person whose id ends so is read and erased at /v2.1/customers?external_id=")


class CustomersView(ApiView):
    """/v2.1/customers"""

    calls: ClassVar = {
        "GET": Call(
            "findCustomer",
            "customers:read",
            f"One customer, as `GET /v2.1/customers/{{external_id}}`.{_ANY_NAME}",
            {200: Answer("The customer", _CUSTOMER)},
            parameters=_BY_NAME,
        ),
        "DELETE": Call(
            "eraseNamedCustomer",
            "erase",
            f"Forget a person, as `DELETE /v2.1/customers/{{external_id}}`.{_ANY_NAME}",
            {204: Answer("Erased")},
            parameters=_BY_NAME,
        ),
        "POST": Call(
            "saveCustomers",
            "customers:write",
            f"Create or change one customer, or up to {MOST_AT_ONCE} under `customers`.\n\nFields not mentioned stay as"
            " they are. Of many, a bad one is refused alone: `errors` names it, the others are stored.",
            {
                200: Answer("Stored", {"oneOf": [_STORED_ONE, _STORED_MANY]}),
                201: Answer("One, and new", _STORED_ONE),
            },
            body=Either("customers", CUSTOMER, batch_shape("customers", CUSTOMER, MOST_AT_ONCE)),
            refusals=(409,),
        ),
    }

    def get(self, request: Request) -> HttpResponse:
        return _told(self.caller, self._name())

    def delete(self, request: Request) -> HttpResponse:
        return _erased(self.caller, self._name())

    def post(self, request: Request) -> HttpResponse:
        said = self.body()
        return self._save_many(said["customers"]) if "customers" in said else self._save_one(said)

    def _name(self) -> str:
        """Raises Refusal where it is missing: nobody is erased by leaving a name out."""
        if "external_id" not in self.parameters:
            raise refuse_fields([FieldProblem("?external_id", "required", _("must name the customer"))])
        return str(self.parameters["external_id"])

    def _save_one(self, said: dict[str, Any]) -> HttpResponse:
        if any(live_among(caller=self.caller, names=[said["external_id"]])):
            raise Refusal(LIVE_CUSTOMER)
        stored = self._upsert([said])[0]
        if stored.problems:
            raise refuse_fields(stored.problems, _status_of(stored.problems))
        answer = {**_upserted(stored), "warnings": shown_problems(stored.warnings)}
        return json_response(answer, 201 if stored.status == "created" else 200)

    def _save_many(self, given: Any) -> HttpResponse:
        batch = read_batch(given, "customers", CUSTOMER, MOST_AT_ONCE)
        live = live_among(caller=self.caller, names=[said["external_id"] for said in batch.sound])
        mine = [index for index, is_live in enumerate(live) if not is_live]
        upserted = dict(zip(mine, self._upsert([batch.sound[index] for index in mine]), strict=True))
        verdicts = [
            (place, upserted.get(index) or _refused(said["external_id"]))
            for index, (place, said) in enumerate(zip(batch.places, batch.sound, strict=True))
        ]
        problems = batch.problems + [found for place, one in verdicts for found in _at(place, one.problems)]
        stored = [one for _place, one in verdicts if not one.problems]
        if not stored:
            raise refuse_fields(problems, _status_of(problems))
        answer = {
            "stored": len(stored),
            "refused": batch.total - len(stored),
            "data": [_upserted(one) for one in stored],
            "errors": shown_problems(problems),
            "warnings": shown_problems([found for place, one in verdicts for found in _at(place, one.warnings)]),
        }
        return json_response(answer)

    def _upsert(self, given: Sequence[dict[str, Any]]) -> list[Upserted]:
        drafts = [CustomerDraft(**said) for said in given]
        caller, now = self.caller, timezone.now()
        return upsert_customers(app=caller.app, drafts=drafts, now=now, made_by_test=caller.is_test)


class OneCustomerView(ApiView):
    """/v2.1/customers/{external_id}"""

    text_in_path: ClassVar = ("external_id",)
    calls: ClassVar = {
        "GET": Call(
            "readCustomer",
            "customers:read",
            "One customer.\n\n`preferences_url` opens this person's choices without a log-in, for some weeks: give it"
            " to nobody else. Null unless the key has the scope `customers:write` too.",
            {200: Answer("The customer", _CUSTOMER)},
        ),
        "DELETE": Call(
            "eraseCustomer",
            "erase",
            "Forget all that is known of a person, for good.\n\nTheir devices are emptied too; counts in reports stay."
            " The id cannot come back.",
            {204: Answer("Erased")},
        ),
    }

    def get(self, request: Request, external_id: str) -> HttpResponse:
        return _told(self.caller, external_id)

    def delete(self, request: Request, external_id: str) -> HttpResponse:
        return _erased(self.caller, external_id)


class ExportCustomerView(ApiView):
    """/v2.1/customers/{external_id}/export"""

    hint = NAME_AS_PARAMETER
    text_in_path: ClassVar = ("external_id",)
    calls: ClassVar = {
        "GET": Call(
            "exportCustomer",
            "customers:read",
            "All that is kept about one person. The audit log notes that it was asked.",
            {200: Answer("Everything", {"type": "object"})},
        )
    }

    def get(self, request: Request, external_id: str) -> HttpResponse:
        customer = customer_of(self.caller.app, external_id)
        name = str(customer.external_id)
        told = export_customer(app=customer.app, external_id=name, actor=self.caller.actor, now=timezone.now())
        return json_response(told)


def customer_of(app: App, external_id: str) -> Customer:
    """The app's customer of that name, or of whom it became a part. Raises Http404, also for an erased one."""
    found = person_named(app=app, external_id=external_id)
    if found is None:
        raise Http404
    return found


def _told(caller: Caller, external_id: str) -> HttpResponse:
    customer = customer_of(caller.app, external_id)
    link = None
    if "customers:write" in caller.scopes:  # whoever holds the link may change consent
        link = preferences_url(app_id=customer.app_id, customer_id=customer.pk, now=timezone.now())
    return json_response({**_shown(customer), "preferences_url": link})


def _erased(caller: Caller, external_id: str) -> HttpResponse:
    customer = customer_of(caller.app, external_id)
    require_writable(caller=caller, customer=customer)
    erase(customer=customer, actor=caller.actor, now=timezone.now())
    return no_content()


def _shown(customer: Customer) -> dict[str, Any]:
    return {
        **{name: getattr(customer, name) for name in ("external_id", *_COLUMNS, "traits", "topics")},
        "consent": {"push": customer.push_consent, "sms": customer.sms_consent},
        "created_at": customer.created_at.isoformat(),
        "updated_at": customer.updated_at.isoformat(),
        "devices": [
            {"device_id": device.pk, "platform": device.platform, "state": device.state}
            for device in customer.devices.order_by("id")
        ],
    }


def _refused(external_id: str) -> Upserted:
    problem = FieldProblem("/external_id", LIVE_CUSTOMER, str(CODES[LIVE_CUSTOMER].meaning), external_id)
    return Upserted(external_id, "refused", problems=(problem,))


def _upserted(one: Upserted) -> dict[str, Any]:
    return {"external_id": one.external_id, "status": one.status}


def _status_of(problems: Sequence[FieldProblem]) -> int:
    """Contradicting what is stored is a conflict; everything else is bad input."""
    codes = {problem.code for problem in problems}
    if codes == {LIVE_CUSTOMER}:
        return 403
    conflicts = {"attribute_type_conflict", "customer_erased"}
    return 409 if codes <= conflicts else 400


def _at(place: int, problems: Sequence[FieldProblem]) -> list[FieldProblem]:
    return [
        FieldProblem(f"/customers/{place}{problem.pointer}", problem.code, problem.message, problem.came)
        for problem in problems
    ]
