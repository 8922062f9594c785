"""What an error of the database says about its state: the difference between "not now" and a fault of ours."""

from django.db import InterfaceError, InternalError, OperationalError
from psycopg.errors import DeadlockDetected, DiskFull, QueryCanceled, ReadOnlySqlTransaction

# What work may meet and wait out. InternalError: a server that became read-only, or found itself damaged.
AWAY = (OperationalError, InterfaceError, InternalError)


def trouble(error: BaseException | None) -> str:
    """Why the database cannot serve at the moment, as a code of the API; "" where the error is none of its state.

    database_unavailable: away, restarting, out of sessions, read-only, or too slow (statement and lock time-outs,
    deadlocks). storage_full: its disk is.
    """
    cause = error.__cause__ if error else None
    if isinstance(cause, DiskFull):
        return "storage_full"
    if isinstance(error, OperationalError | InterfaceError) or isinstance(cause, ReadOnlySqlTransaction):
        return "database_unavailable"
    return ""


def passes_by_itself(error: BaseException) -> bool:
    """Nothing is wrong with the work that met it: doing it again is all it takes.

    A statement that was too slow is not among these, though it is trouble: it will be too slow again.
    """
    return bool(trouble(error)) and not isinstance(error.__cause__, QueryCanceled)


def is_deadlock(error: BaseException) -> bool:
    """Two transactions waited for one another and this one gave way: doing its work again is all it takes."""
    return isinstance(error.__cause__, DeadlockDetected)
