"""The brake on guessing: tries to log in are counted by name, by address, and by name at an address.

In a browser that the person is known in (`known_browsers`) they are counted by that browser alone, so that nobody
else's tries keep them out.

A try counts before its password is looked at, and is given back when that was right; so many tries at once are as slow
as one after the other. A locked subject is refused whatever the password, and names that do not exist are counted
like those that do: nothing here tells one from the other. Locks end by themselves.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from apps.accounts.models import FailedLogIn, User
from apps.accounts.services.audit import write_audit, write_audit_of_person

FORGOTTEN_AFTER = timedelta(hours=1)
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries are free; the next has to wait, and each after it twice as long, up to LONGEST_WAIT."""

    free: int
    first_wait: timedelta

    def wait_after(self, failures: int) -> timedelta | None:
        """How long nobody may try after so many failures; None = not at all."""
        if failures < self.free:
            return None
        return min(self.first_wait * 2 ** min(failures - self.free, 10), LONGEST_WAIT)


# Whoever guesses from thousands of addresses meets the limit of the name, which a colleague's typing never reaches.
LIMITS = {
    "pair": Limit(5, timedelta(seconds=30)),
    "address": Limit(20, timedelta(minutes=1)),
    "name": Limit(50, timedelta(minutes=1)),
    "browser": Limit(5, timedelta(seconds=30)),
}
# Forgotten when a try was right; what others failed from elsewhere is not.
_OWN = ("pair", "browser")


class TooManyTries(Exception):
    """This name, or this address, has to wait."""

    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(f"wait {self.seconds} s")


@dataclass(frozen=True, slots=True)
class Try:
    """One try. step: "password" or "code", which are counted apart; name: as it was typed.

    browser: one in which this person is known, "" = none.
    """

    step: str
    name: str
    address: str
    browser: str = ""

    def subjects(self) -> dict[str, str]:
        """{subject: kind of its limit}."""
        if self.browser:
            return {_subject("browser", self.step, self.browser): "browser"}
        name, network = self.name.casefold(), _network(self.address)
        return {
            _subject("address", network): "address",
            _subject(self.step, name): "name",
            _subject(self.step, name, network): "pair",
        }


def take_try(attempt: Try, *, now: datetime) -> None:
    """Count one try that is about to be made. Raises TooManyTries, which counts nothing."""
    _forget_old(now)
    subjects = attempt.subjects()
    with transaction.atomic():
        FailedLogIn.objects.bulk_create(
            [FailedLogIn(subject=subject, last_at=now) for subject in sorted(subjects)], ignore_conflicts=True
        )
        rows = list(FailedLogIn.objects.select_for_update().filter(subject__in=subjects).order_by("subject"))
        until = max((row.locked_until for row in rows if row.locked_until is not None), default=now)
        if until <= now:
            for row in rows:
                _count(row, LIMITS[subjects[row.subject]], now)
            _note_lock(attempt, rows, subjects, now)
            return
    raise TooManyTries(until - now)


def give_back(attempt: Try) -> None:
    """The try was right: it does not count, and what the name failed before at this address, or in it, is forgotten."""
    subjects = attempt.subjects()
    own = [subject for subject, kind in subjects.items() if kind in _OWN]
    rows = FailedLogIn.objects.filter(subject__in=subjects)
    with transaction.atomic():
        list(rows.select_for_update().order_by("subject").values_list("pk"))  # in take_try's order: no deadlock
        rows.filter(subject__in=own).delete()
        rows.update(failures=Greatest(F("failures") - 1, 0), locked_until=None)


def _count(row: FailedLogIn, limit: Limit, now: datetime) -> None:
    row.failures = 1 if row.last_at < now - FORGOTTEN_AFTER else row.failures + 1
    wait = limit.wait_after(row.failures)
    row.last_at, row.locked_until = now, now + wait if wait else None
    row.save(update_fields=["failures", "last_at", "locked_until"])


def _note_lock(attempt: Try, rows: list[FailedLogIn], subjects: dict[str, str], now: datetime) -> None:
    """An entry when a limit is reached, not for each try after it."""
    reached = [kind for row in rows if row.failures == LIMITS[kind := subjects[row.subject]].free]
    if not reached:
        return
    details = {"step": attempt.step, "limit": sorted(reached), "address": attempt.address}
    named = {"pk": attempt.name} if attempt.step == "code" else {"username": attempt.name}
    person = User.objects.filter(**named).first()
    if person is not None:
        write_audit_of_person(person=person, actor="log-in", action="user.locked", details=details, now=now)
    elif "address" in reached:
        write_audit(app=None, actor="log-in", action="address.locked", subject="address", details=details, now=now)


def _forget_old(now: datetime) -> None:
    old = FailedLogIn.objects.filter(last_at__lt=now - FORGOTTEN_AFTER)
    with transaction.atomic():
        due = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:1000])
        FailedLogIn.objects.filter(pk__in=due).delete()


def _subject(*parts: str) -> str:
    """An HMAC: people type passwords where their name belongs."""
    whole = "\0".join(parts).encode(errors="replace")
    return hmac.digest(settings.SECRET_KEY.encode(), b"log-in guard\0" + whole, hashlib.sha256).hex()


def _network(address: str) -> str:
    """The address; of IPv6 the /64, all of which is one customer's."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(known) >> 64 << 64)) if isinstance(known, IPv6Address) else str(known)
