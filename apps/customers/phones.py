"""Mobile numbers: the rules of Google's libphonenumber, and a short cut through them for the plain case.

Google's library takes 40 microseconds a number, which is most of what an import of a million people costs. The short
cut reads the same tables: it says yes only where nothing in them could make the library think otherwise (a prefix to be
cut off, a special kind of number, a country code shared by several countries), and leaves all else to the library.
"""

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

_CHARACTERS = re.compile(r"\+?[0-9 ().\-/]+")
_FIRST = frozenset("+0123456789")
_SEPARATORS = str.maketrans("", "", " ().-/")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
# Kinds that the library asks for before it asks whether a number is a mobile one.
_KINDS = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")
_LONGEST_CALLING_CODE = 3


def e164_of(text: str, default_country: str) -> tuple[str, str, str]:
    """A mobile number as (E.164, "", ""), or what is wrong with it as ("", code, message).

    Codes: phone_invalid, phone_not_mobile, country_required. Cost: 2 microseconds by the short cut, else 40.
    """
    short = plain_mobile(text, default_country)
    if short:
        return short, "", ""
    if not text.startswith("+") and not default_country:
        return "", "country_required", _("must begin with + and the country's code: the app has no default country")
    invalid = "", "phone_invalid", _("must be a full phone number such as +48500600700")
    if not text.startswith("+"):
        message = _(
            "must be a full phone number: it is none of %(country)s, which was assumed; begin with + and the code"
        )
        invalid = "", "phone_invalid", message % {"country": default_country}
    if not _CHARACTERS.fullmatch(text):
        return invalid
    try:
        number = phonenumbers.parse(text, default_country or None)
    except phonenumbers.NumberParseException:
        return invalid
    if not phonenumbers.is_valid_number(number):
        return invalid
    if phonenumbers.number_type(number) not in _MOBILE:
        return "", "phone_not_mobile", _("must be a mobile number: this one cannot receive an SMS")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), "", ""


def plain_mobile(text: str, default_country: str) -> str:
    """The number in E.164 where it is beyond doubt a mobile one; "" says nothing."""
    if not text.isascii():
        return ""
    digits = text
    if not (text[1:].isdigit() and text[0] in _FIRST):
        if not _CHARACTERS.fullmatch(text):
            return ""
        digits = text.translate(_SEPARATORS)
    if not digits.startswith("+"):
        plan = _plan_of_country(default_country)
        return f"+{plan.calling_code}{digits}" if plan and plan.is_plain_at_home(digits) else ""
    for length in range(1, _LONGEST_CALLING_CODE + 1):
        plan = _plan_of_code(digits[1 : 1 + length])
        if plan:
            return digits if plan.is_plain(digits[1 + length :]) else ""
    return ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How mobile numbers look behind one calling code. unclear: what only the library can judge."""

    calling_code: str
    lengths: frozenset[int]
    mobile: re.Pattern[str]
    unclear: re.Pattern[str]
    abroad: re.Pattern[str]

    def is_plain(self, national: str) -> bool:
        return (
            len(national) in self.lengths and bool(self.mobile.fullmatch(national)) and not self.unclear.match(national)
        )

    def is_plain_at_home(self, national: str) -> bool:
        """Written without the calling code: then it must not begin as a call abroad, or with that code, either."""
        return self.is_plain(national) and not self.abroad.match(national)


@cache
def _plan_of_code(calling_code: str) -> _Plan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code or 0), ())
    return _made(regions[0], calling_code) if regions and regions[0] != "001" else None


@cache
def _plan_of_country(country: str) -> _Plan | None:
    """Only for a country that comes first behind its calling code: the library looks there first."""
    code = phonenumbers.country_code_for_region(country) if country else 0
    plan = _plan_of_code(str(code)) if code else None
    return plan if plan and phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0] == country else None


def _made(region: str, calling_code: str) -> _Plan | None:
    tables = PhoneMetadata.metadata_for_region(region, None)
    if tables is None or tables.leading_digits:
        return None
    wanted = tables.fixed_line if tables.same_mobile_and_fixed_line_pattern else tables.mobile
    if not (wanted and wanted.national_number_pattern and tables.general_desc):
        return None
    lengths = set(tables.general_desc.possible_length)
    if wanted.possible_length:
        lengths &= set(wanted.possible_length)
    kinds = [getattr(tables, kind) for kind in _KINDS]
    others = [f"(?:{kind.national_number_pattern})$" for kind in kinds if kind and kind.national_number_pattern]
    prefixes = [f"(?:{tables.national_prefix_for_parsing})"] if tables.national_prefix_for_parsing else []
    general = f"(?={tables.general_desc.national_number_pattern}$)"
    return _Plan(
        calling_code,
        frozenset(lengths),
        re.compile(f"{general}(?:{wanted.national_number_pattern})"),
        re.compile("|".join(["0", *prefixes, *others])),
        re.compile("|".join([calling_code, *filter(None, [tables.international_prefix])])),
    )
