"""The backend: Django's own but for one question that it asks before the first statement of each request."""

import select

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

_SOUND = {TransactionStatus.IDLE, TransactionStatus.INTRANS}


class DatabaseWrapper(base.DatabaseWrapper):
    """CONN_HEALTH_CHECKS without a round trip."""

    def is_usable(self) -> bool:
        """Whether the kept connection still stands. Cost: 1 us, where `SELECT 1` takes 200 us of both sides.

        An idle server has nothing to say. One that ended the session has: its reason, or the end of the stream. A host
        that vanished without a word is not seen, as `SELECT 1` would not see it either, but wait for it. What else may
        come unasked (a changed setting) costs a new connection.
        """
        driver = self.connection
        if driver is None or driver.closed or driver.info.transaction_status not in _SOUND:
            return False
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        return not poll.poll(0)
