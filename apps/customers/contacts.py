"""What is known of the ways to a person, as a page shows it: masked, judged, and with what each allows."""

from dataclasses import dataclass

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.templatetags.house import number
from apps.customers.masking import masked_email, masked_phone
from apps.customers.models import Customer
from apps.customers.sealed import BrokenContact

_MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}

type Words = str | Promise


@dataclass(frozen=True, slots=True)
class Contact:
    """One address. judgement: what a look at it says, is_good: whether it could be used; "" and True where none is."""

    text: str
    judgement: Words = ""
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """One channel. is_open: something sent now would be let through; why: in a few words."""

    name: Words
    icon: str
    is_open: bool
    why: Words


def email_of(customer: Customer, *, reveals: bool) -> Contact:
    """The e-mail, masked unless revealed. Bulk loads go past the rules, so it is judged here again."""
    if isinstance(customer.email, BrokenContact):
        return _broken()
    if not customer.email:
        return Contact("")
    shown = customer.email if reveals else masked_email(customer.email)
    try:
        validate_email(customer.email)
    except ValidationError:
        return Contact(shown, _("not an address"), is_good=False)
    return Contact(shown, _("well-formed"))


def phone_of(customer: Customer, *, reveals: bool) -> Contact:
    """The phone, masked unless revealed, with its country."""
    if isinstance(customer.phone, BrokenContact):
        return _broken()
    if not customer.phone:
        return Contact("")
    try:
        parsed = phonenumbers.parse(customer.phone, None)
    except phonenumbers.NumberParseException:
        return Contact(masked_phone(customer.phone), _("not a number"), is_good=False)
    full = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    shown = full if reveals else masked_phone(customer.phone)
    if not phonenumbers.is_valid_number(parsed):
        return Contact(shown, _("not a number"), is_good=False)
    if phonenumbers.number_type(parsed) not in _MOBILE:
        return Contact(shown, _("no mobile"), is_good=False)
    return Contact(shown, _("mobile, %s") % (phonenumbers.region_code_for_number(parsed) or "–"))


def _broken() -> Contact:
    return Contact("•••", _("cannot be read: what is stored was damaged; enter it anew"), is_good=False)


def ways_to(customer: Customer, *, live_devices: int) -> list[Reach]:
    """Push and SMS: what would happen to a message sent now."""
    return [_push(customer, live_devices), _sms(customer)]


def _push(customer: Customer, live_devices: int) -> Reach:
    if customer.push_consent is False:
        return Reach(_("Push"), "notifications_off", is_open=False, why=_("said no"))
    if not live_devices:
        return Reach(_("Push"), "notifications_off", is_open=False, why=_("no device"))
    return Reach(_("Push"), "notifications_active", is_open=True, why=_("on %s") % number(live_devices))


def _sms(customer: Customer) -> Reach:
    if not customer.phone:
        return Reach(_("SMS"), "speaker_notes_off", is_open=False, why=_("no number"))
    if not phone_of(customer, reveals=False).is_good:
        return Reach(_("SMS"), "speaker_notes_off", is_open=False, why=_("no mobile number"))
    if customer.sms_consent is not True:
        said = _("never said yes") if customer.sms_consent is None else _("said no")
        return Reach(_("SMS"), "speaker_notes_off", is_open=False, why=said)
    return Reach(_("SMS"), "sms", is_open=True, why=_("said yes"))
