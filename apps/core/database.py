"""What an error of the database says about its state: the difference between "not now" and a fault of ours."""

import psycopg
from django.db import InterfaceError, InternalError, OperationalError
from psycopg.errors import DeadlockDetected, DiskFull, PipelineAborted, QueryCanceled, ReadOnlySqlTransaction

# What work may meet and wait out. InternalError: a server that became read-only, or found itself damaged.
AWAY = (OperationalError, InterfaceError, InternalError)
# Of SQLSTATE: connections, the server's end and beginning, too many sessions. What libpq says itself has none.
_LOST = ("08", "57P01", "57P02", "57P03", "53300")


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


def is_lost(error: BaseException | None) -> bool:
    """The session broke, or none is to be had, as while the server restarts. What an error before it aborted is not."""
    cause = error.__cause__ if isinstance(error, OperationalError) else error
    if not isinstance(cause, psycopg.OperationalError) or isinstance(cause, PipelineAborted):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_LOST)


def is_deadlock(error: BaseException) -> bool:
    """Two transactions waited for one another and this one gave way: doing its work again is all it takes."""
    return isinstance(error.__cause__, DeadlockDetected)
