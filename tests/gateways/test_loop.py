"""The permanent loop: one per process, never the parent's."""

import asyncio
import os
import threading

import pytest

from apps.gateways import loop


async def _thread() -> threading.Thread:
    return threading.current_thread()


async def _fail() -> None:
    raise LookupError("as asked")


def test_every_caller_meets_on_one_thread() -> None:
    assert loop.run(_thread()) is loop.run(_thread()) is not threading.current_thread()


def test_an_exception_reaches_the_caller() -> None:
    with pytest.raises(LookupError):
        loop.run(_fail())


def test_a_caller_may_give_up_waiting() -> None:
    async def wait() -> None:
        await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        loop.run(wait(), timeout_seconds=0.05)


@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_gets_a_loop_of_its_own() -> None:
    loop.run(_thread())
    child = os.fork()
    if child == 0:
        try:
            loop.run(_thread(), timeout_seconds=5)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
