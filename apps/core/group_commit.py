"""Group commit: threads that want the same kind of transaction at the same time share one.

Whoever comes first does it, in its own thread and on its own connection, for all that wait by then; whoever comes
meanwhile is in the next group, led by one of them. Only where the last group had company, so that more are likely to
be on their way, the leader waits a moment for as many again. So a lone caller waits for nobody and changes no thread,
and groups grow with the load.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock


class GroupCommit[Order, Verdict]:
    """One kind of transaction, one group of it under way at a time.

    commit(orders): carries out 1 to `most` orders and returns a verdict or an exception for each, in their order; what
    it raises, each of them gets. linger_seconds: how long a leader waits for company.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Order]], Sequence[Verdict | Exception]],
        *,
        most: int,
        linger_seconds: float = 0.0,
    ) -> None:
        self._commit = commit
        self._most = most
        self._linger_seconds = linger_seconds
        self._last_size = 1
        self._lock = Lock()
        self._waiting: deque[_Place[Order, Verdict]] = deque()
        self._has_leader = False

    def submit(self, order: Order) -> Verdict:
        """The order's own verdict, once its group is through. Raises its own exception."""
        place = _Place[Order, Verdict](order)
        with self._lock:
            self._waiting.append(place)
            leads, self._has_leader = not self._has_leader, True
        if not leads:
            place.called.acquire()
        if not place.is_answered:
            self._lead()
        if isinstance(place.answer, BaseException):
            raise place.answer
        return place.answer  # type: ignore[return-value] # answered: `_lead` serves the front, where this place stands

    def _lead(self) -> None:
        """Serve the front of the queue, then hand the lead to whoever is first in the rest."""
        if self._linger_seconds and len(self._waiting) < self._last_size:
            time.sleep(self._linger_seconds)
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._last_size = len(group)
        try:
            answers: Sequence[Verdict | BaseException] = self._commit([place.order for place in group])
            if len(answers) != len(group):
                raise ValueError(f"{len(group)} orders, {len(answers)} answers")
        except BaseException as error:
            answers = [error] * len(group)
        with self._lock:
            self._has_leader = bool(self._waiting)
            successor = self._waiting[0] if self._waiting else None
        if successor is not None:
            successor.called.release()
        for place, answer in zip(group, answers, strict=True):
            place.answer, place.is_answered = answer, True
            place.called.release()


class _Place[Order, Verdict]:
    """One order's place in the queue. called: released when it is answered, or is to lead."""

    __slots__ = ("answer", "called", "is_answered", "order")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answer: Verdict | BaseException | None = None
        self.is_answered = False
        self.called = Lock()
        self.called.acquire()
