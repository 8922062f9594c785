"""A gateway for the engine's own tests: virtual phones in memory, answering as told.

It keeps the contract of apps.gateways.contract as FCM, APNs and Web Push do; those and the sandbox's sockets are
used in tests/faults and tests/journeys.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.devices.models import Channel
from apps.gateways.contract import PushMessage, SendResult, Verdict

type Answer = Callable[[PushMessage], SendResult]


def accepted(message: PushMessage) -> SendResult:
    return SendResult(Verdict.ACCEPTED, vendor_message_id=f"m-{message.address}")


@dataclass
class Phones:
    """answers: what each address says, one answer a call, the last for ever; others accept. seconds: of each call.

    meanwhile: what else happens while a call is under way.
    """

    answers: dict[str, list[SendResult]] = field(default_factory=dict)
    seconds: float = 0.0
    meanwhile: Callable[[], None] | None = None
    inbox: list[PushMessage] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    _now: int = 0

    def __call__(self, channel: Channel, is_test: bool) -> "Phones":
        return self

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        self._now += len(messages)
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(self.seconds)
        if self.meanwhile:
            await asyncio.to_thread(self.meanwhile)
        self._now -= len(messages)
        return [self._answer(message) for message in messages]

    def _answer(self, message: PushMessage) -> SendResult:
        self.calls[message.address] += 1
        told = self.answers.get(message.address)
        result = (told.pop(0) if len(told) > 1 else told[0]) if told else accepted(message)
        if result.verdict is Verdict.ACCEPTED:
            self.inbox.append(message)
        return result
