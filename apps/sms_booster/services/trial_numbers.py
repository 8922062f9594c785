"""Test numbers: the phones on which a team reads its SMS first."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.masking import masked_phone
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.services.profile_fields import clean_phone
from apps.sms_booster.models import TrialNumber

MOST = 20


def add_number(*, app: App, name: str, phone: str, user: User, now: datetime) -> TrialNumber:
    """Make it a test number of the app under `name`, or give it that name. Audited. Raises InvalidInput."""
    number = _number(app, phone)
    name = " ".join(name.split())[:60] or masked_phone(number)
    with transaction.atomic():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)  # twins wait here, so none passes the limit
        known = list(TrialNumber.objects.filter(app=app))
        same = next((one for one in known if one.phone == number), None)
        if same is None and len(known) >= MOST:
            message = _("there are %(most)s test numbers already: remove one first") % {"most": MOST}
            raise InvalidInput([FieldProblem("/phone", "too_many", message)])
        if same is not None:
            same.name = name
            same.save(update_fields=["name"])
            _note(same, "renamed", user, now)
            return same
        stored = TrialNumber.objects.create(app=app, name=name, phone=number, added_by=user, added_at=now)
        _note(stored, "added", user, now)
    return stored


def remove_number(*, number: TrialNumber, user: User, now: datetime) -> None:
    """No test number any more. Audited."""
    with transaction.atomic():
        _note(number, "removed", user, now)
        number.delete()


def _number(app: App, phone: str) -> str:
    problems: list[FieldProblem] = []
    number = clean_phone(phone, pointer="/phone", default_country=app.default_country, problems=problems)
    if not problems and not number:
        problems.append(FieldProblem("/phone", "required", _("write the phone number")))
    if problems:
        raise InvalidInput(problems)
    return number or ""


def _note(number: TrialNumber, verb: str, user: User, now: datetime) -> None:
    write_audit(
        app=number.app,
        actor=user,
        action=f"trialnumber.{verb}",
        subject=f"trialnumber:{number.pk}",
        details={"name": number.name, "phone": masked_phone(number.phone)},
        now=now,
    )
