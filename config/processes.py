"""How one process starts another so that nothing is left behind: children die with their parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn: the kernel sends the child this signal when the thread that started it ends. Linux alone.

    Source: prctl(2). Survives the exec, not a later change of user, so it must run after that change (it does).
    """
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return bind
