"""The short cut for plain mobile numbers never says anything that Google's library would not."""

import re
from random import Random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from apps.customers.phones import e164_of, plain_mobile

HOME = ("PL", "DE", "GB", "US", "IT", "FR", "BR", "MX", "AR", "RU", "KZ", "CZ", "IN", "GG", "CI", "")
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def by_library(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def numbers(chance: Random, count: int) -> list[str]:
    """Of every country's own examples of every kind, with digits changed, cut, doubled and written in many ways."""
    kinds = [getattr(PhoneNumberType, name) for name in vars(PhoneNumberType) if name.isupper()]
    kinds += [PhoneNumberType.MOBILE] * 8
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                national = phonenumbers.national_significant_number(example)
                found.append((str(example.country_code), national))
    out = []
    for _ in range(count):
        code, national = chance.choice(found)
        digits = list(national)
        for _ in range(chance.randrange(4)):
            digits[chance.randrange(len(digits))] = str(chance.randrange(10))
        if chance.random() < 0.15:
            digits.insert(chance.randrange(len(digits)), str(chance.randrange(10)))
        text = "".join(digits)
        if chance.random() < 0.2:
            text = chance.choice(["0", "00", "1", "8", "15", "9", "011", code]) + text
        if chance.random() < 0.3:
            text = re.sub(r"(\d{3})", chance.choice([r"\1 ", r"\1-", r"(\1)", r"\1."]), text)
        out.append(chance.choice([f"+{code}{text}", f"+{code} {text}", text]))
    return out


def test_the_short_cut_agrees_with_the_library() -> None:
    chance, taken = Random(7), 0
    for text in numbers(chance, 15_000):
        country = chance.choice(HOME)
        short = plain_mobile(text, country)
        taken += bool(short)
        assert short in ("", by_library(text, country)), (text, country)
    assert taken > 3_000


@pytest.mark.parametrize("text", ["+48500600700", "500 600 700", "+447400123456", "+12125550123", "+4915123456789"])
def test_the_plain_case_takes_the_short_cut(text: str) -> None:
    assert plain_mobile(text, "PL") == by_library(text, "PL") != ""


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        ("500600700", "", "country_required"),
        ("12345", "PL", "phone_invalid"),
        ("22 345 67 89", "PL", "phone_not_mobile"),
    ],
)
def test_what_is_no_mobile_number_is_named(text: str, country: str, code: str) -> None:
    assert e164_of(text, country)[1] == code
