"""A worker whose gateway kills the process at one address: what a crash of native code looks like from outside.

Run as `python -m tests.faults.poisoned_worker ADDRESS`; it works on the bulk lane until killed.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import django


class Poisoned:
    """Accepts everything but one address, at which the process dies."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def send(self, messages: Sequence["PushMessage"]) -> list["SendResult"]:
        if any(message.address == self._address for message in messages):
            os.kill(os.getpid(), signal.SIGKILL)
        return [SendResult(Verdict.ACCEPTED) for _ in messages]


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()

    from django.utils import timezone

    from apps.deliveries.services.wire import Wire
    from apps.deliveries.services.work import work
    from apps.gateways.contract import PushMessage, SendResult, Verdict

    wire = Wire(lambda channel, is_test: Poisoned(sys.argv[1]))
    while True:
        lease = timedelta(seconds=2)
        work(lane="bulk", wire=wire, slot_seconds=20, clock=timezone.now, chance=Random(1), lease=lease)
        time.sleep(0.1)
