"""On which clock a phone lives."""

from functools import lru_cache

import phonenumbers
from phonenumbers.timezone import time_zones_for_number


def zone_of(*, phone: str, time_zone: str) -> str:
    """The person's own zone, else the phone number's where its country has just one; "" = unknown."""
    return time_zone or _zone_of_phone(phone)


@lru_cache(maxsize=10_000)
def _zone_of_phone(phone: str) -> str:
    try:
        zones = time_zones_for_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return ""
    return zones[0] if len(zones) == 1 and zones[0] != "Etc/Unknown" else ""
