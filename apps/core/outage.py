"""While the database is away a process says so in one line, and in one more when it is back; no more is logged of it.

Every thread, tick and request meets the loss for itself. As lines with tracebacks that hid what mattered: a restart of
a second was some hundred lines a program.
"""

import logging
from threading import Lock
from time import monotonic
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.database import is_lost

_log = logging.getLogger(__name__)


class Outage:
    """What one process has seen of it. A spell lasts from the first loss to the next session that answers."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._since: float | None = None
        self._left_out = 0

    def tells(self, error: BaseException | None) -> bool:
        """Whether this is such a loss; then its line is written, or was before, and the caller need say nothing."""
        if not is_lost(error):
            return False
        with self._lock:
            is_first = self._since is None
            if self._since is None:
                self._since, self._left_out = monotonic(), 0
            else:
                self._left_out += 1
        if is_first:
            _log.warning("database away: %s; trying again", str(error).strip().partition("\n")[0])
        return True

    def end(self, *, connection: BaseDatabaseWrapper, **_: Any) -> None:
        """A session was opened (django.db.backends.signals.connection_created): the spell is over if it answers.

        A pooler in between lets everybody in, whether the database is there or not. Raises OperationalError.
        """
        if self._since is None:
            return
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        with self._lock:
            since, self._since, left_out = self._since, None, self._left_out
        if since is not None:
            _log.warning("database back after %.1f s; %s more lines were left out", monotonic() - since, left_out)


outage = Outage()


class LeaveOutLosses(logging.Filter):
    """For a handler: drops the lines, with their tracebacks, that libraries and ticks write of such a loss."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and outage.tells(record.exc_info[1]))
