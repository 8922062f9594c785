"""Counting while somebody types: of the counts that one page asks for only the newest goes on, the others are stopped.

The web server works on requests in many threads of several processes, and a page that lost interest does not reach the
query that runs for it. So every count holds an advisory lock that names its page and its turn, and the next one
cancels the holders of earlier turns in the database itself. A count that comes late, after a newer one, gives up.
"""

from dataclasses import dataclass
from hashlib import sha256

from apps.core.sql import rows

_MOST = 2**31


class Superseded(Exception):
    """A newer count of the same page has begun: nobody waits for this answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The number-th count that this page of this person asked for. page: random, chosen when the page was drawn."""

    user_id: int
    page: str
    number: int


def take_turn(turn: Turn) -> int:
    """Stop the earlier counts of the page; returns how many. Inside a transaction, whose end gives the turn back.

    Raises Superseded. Cost: two statements, 0.3 ms.
    """
    digest = sha256(f"{turn.user_id}:{turn.page}".encode()).digest()
    place = {"page": int.from_bytes(digest[:4]) % _MOST, "turn": turn.number % _MOST}
    rows("segments", "take_turn", place)
    is_superseded, cancelled = rows("segments", "cancel_older_counts", place)[0]
    if is_superseded:
        raise Superseded
    return int(cancelled)
