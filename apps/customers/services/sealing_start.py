"""When sealing may begin: not while a process could be at work that does not open what is sealed.

An SMS worker of a release before would hand a sealed number to the provider. So contacts stay plain after an upgrade,
which all releases read, until for some minutes in a row nobody of before was connected. PostgreSQL knows: it sees every
process on every host, and each of this release and newer says in its connection's name what it reads.

Begun is begun: a process of a release before that is started afterwards would meet sealed contacts.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from apps.core.sql import rows
from apps.customers.models import SealingStart
from apps.customers.sealed import may_seal

# Workers are connected all the time; a web server that nobody asks anything, not even whether it is well, may be not.
CLEAR_FOR = timedelta(minutes=5)
# Between two looks: with a longer pause nobody knows who was there meanwhile, so the wait begins anew.
LONGEST_PAUSE = timedelta(minutes=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OlderProcess:
    """Connections of one name and address. name: as it calls itself, "" = not; address: "" = the database's host."""

    name: str
    address: str
    since: datetime
    count: int


def older_processes(*, reads: int) -> list[OlderProcess]:
    """Who is connected that reads less, the longest connected first. Cost: under a millisecond."""
    return [OlderProcess(*row) for row in rows("customers", "older_processes", {"reads": reads})]


def who_is_waited_for(*, reads: int) -> list[OlderProcess] | None:
    """Whose end sealing waits for; nobody: it begins once that has been so for CLEAR_FOR. None where it has begun."""
    return None if may_seal() else older_processes(reads=reads)


def look(*, reads: int, now: datetime) -> bool:
    """One look at who is connected; True from the first look after sealing began. Call it every few seconds."""
    if may_seal():
        return True
    older = older_processes(reads=reads)
    with transaction.atomic():
        start, _is_new = SealingStart.objects.select_for_update().get_or_create(pk=1)
        if start.begun_at is None:
            _note(start, older, now)
    return False


def _note(start: SealingStart, older: list[OlderProcess], now: datetime) -> None:
    is_in_a_row = start.looked_at is not None and now - start.looked_at <= LONGEST_PAUSE
    if older:
        if start.clear_since is not None or start.looked_at is None:
            _log.warning("contacts stay unsealed: of an older release are connected %s", older)
        start.clear_since = None
    elif start.clear_since is None or not is_in_a_row:
        start.clear_since = now
    elif now - start.clear_since >= CLEAR_FOR:
        start.begun_at = now
        _log.warning("contacts are sealed from now on: nobody of an older release was connected for %s", CLEAR_FOR)
    start.looked_at = now
    start.save()
