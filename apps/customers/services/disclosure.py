"""Disclosure: all that is kept about one person, as JSON."""

from datetime import datetime
from typing import Any

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.customers.belongings import all_belongings
from apps.customers.models import Consent, Customer, Event, ImportWording
from apps.customers.queries import person_named, wordings_added

_COLUMNS = ("external_id", "email", "phone", "first_name", "last_name", "language", "time_zone", "country")


def export_customer(*, app: App, external_id: str, actor: User | str, now: datetime) -> dict[str, Any]:
    """Everything known on every floor. Raises Customer.DoesNotExist, also for a tombstone. Audited."""
    customer = person_named(app=app, external_id=external_id)
    if customer is None:
        raise Customer.DoesNotExist
    return export_person(customer=customer, actor=actor, now=now)


def export_person(*, customer: Customer, actor: User | str, now: datetime) -> dict[str, Any]:
    """The same of a person at hand, who may be anonymous. Audited."""
    subject = f"customer:{customer.pk}"
    write_audit(app=customer.app, actor=actor, action="customer.exported", subject=subject, details={}, now=now)
    return {
        "exported_at": now.isoformat(),
        "profile": {
            **{name: getattr(customer, name) for name in _COLUMNS},
            "traits": customer.traits,
            "topics": customer.topics,
            "push_consent": customer.push_consent,
            "sms_consent": customer.sms_consent,
            "also_known_as": sorted(one.external_id for one in customer.halves.all() if one.external_id),
            "created_at": customer.created_at.isoformat(),
            "updated_at": customer.updated_at.isoformat(),
        },
        "consents": _consents(customer),
        "events": [_event(one) for one in Event.objects.filter(customer_id=customer.pk).order_by("occurred_at")],
        **{part.key: part.disclose(customer_id=customer.pk) for part in all_belongings()},
    }


def _consents(customer: Customer) -> list[dict[str, Any]]:
    answers = list(Consent.objects.filter(customer=customer))
    added = wordings_added(customer.app_id, answers)
    return [_consent(one, added.get(one.pk)) for one in answers]


def _consent(consent: Consent, added: ImportWording | None) -> dict[str, Any]:
    words = ("channel", "topic", "granted", "source", "wording", "wording_version")
    later = {"wording_added": added.text, "wording_added_at": added.at.isoformat()} if added else {}
    return {**{name: getattr(consent, name) for name in words}, "at": consent.at.isoformat(), **later}


def _event(event: Event) -> dict[str, Any]:
    return {"name": event.name, "occurred_at": event.occurred_at.isoformat(), "properties": event.properties}
