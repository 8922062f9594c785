"""The one event loop on which every gateway of a process lives.

It runs in a thread of its own for as long as the process does, so that connections to vendors outlive a task.
A forked child gets its own on first use: sockets and TLS sessions of the parent are never shared.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def get_loop() -> asyncio.AbstractEventLoop:
    """The running loop of this process, started on first use."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = _start()
        return _loop


def run[T](coroutine: Coroutine[Any, Any, T], *, timeout_seconds: float | None = None) -> T:
    """Run on the loop and wait: how a task's thread calls a gateway.

    Raises: what the coroutine raises; TimeoutError after `timeout_seconds`, having cancelled it.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, get_loop())
    try:
        return future.result(timeout_seconds)
    except TimeoutError:
        future.cancel()
        raise


def _start() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="gateways", daemon=True).start()
    return loop


def _forget() -> None:
    global _loop, _lock
    _lock, _loop = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
