"""Processor time of other processes, read from /proc: what a benchmark's database, sink and workers spent.

Where there is no /proc, or the database runs on another machine, it reads as 0.
"""

import os
from contextlib import suppress
from pathlib import Path

from django.db import connection

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds_below(pid: int) -> float:
    """CPU of a process, of what it has waited for, and of its living children. Step: 10 ms."""
    processes = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return sum(_cpu_seconds(one, waited=one == pid) for one in processes if one == pid or _parent(one) == pid)


def database_cpu_seconds() -> float:
    """CPU of the PostgreSQL server and all its processes so far; the postmaster counts those that have ended."""
    postmaster = _parent(backend_pid())
    return cpu_seconds_below(postmaster) if postmaster > 1 else 0.0


def backend_pid() -> int:
    """The process that serves our connection."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def exact_cpu_seconds(pid: int) -> float:
    """CPU of one process to the nanosecond, cheap enough to be read around every statement."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def _cpu_seconds(pid: int, *, waited: bool) -> float:
    """proc(5): utime, stime, cutime, cstime are the fields 14 to 17."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15] if waited else fields[11:13])) / _TICKS if fields else 0.0


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """What stands behind the command's name in /proc/PID/stat; empty where the process is gone, or no Linux."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return []
