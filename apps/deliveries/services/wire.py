"""The wire: the gateways of this process, opened on its one event loop; slices go out and answers come back.

It knows neither what a batch is nor when to retry; while a vendor thinks, no database connection is held here.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic

from apps.deliveries.services.claim import ChannelKey
from apps.deliveries.services.open import Slice
from apps.devices.models import Channel
from apps.gateways.contract import START_BY, Gateway, PushMessage, RetryReason, SendResult, Verdict
from apps.gateways.loop import get_loop

# Well above a gateway's own deadline for one request, well below the lease.
ANSWER_SECONDS = 30.0

type MakeGateway = Callable[[Channel, bool], Gateway]
"""From a channel and whether the dispatch is a test's to an account at the vendor, not yet open."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """A slice that came back. results run parallel to slice.messages. seconds: how long the gateway took."""

    slice: Slice
    results: Sequence[SendResult]
    seconds: float


class Wire:
    """The accounts of this process and what is in flight through them. One coordinator thread uses it."""

    def __init__(self, make_gateway: MakeGateway) -> None:
        self._make_gateway = make_gateway
        self._accounts: dict[tuple[int, bool], _Account] = {}
        self._answers: SimpleQueue[Sent] = SimpleQueue()
        self._loop = get_loop()

    def meet(self, channel: ChannelKey, *, is_test: bool) -> None:
        """Make the channel's account known, reading its credentials where it is new or configured anew."""
        key = (channel.channel_id, is_test)
        known = self._accounts.get(key)
        if known and known.configured_at >= channel.updated_at:
            return
        stored = Channel.objects.select_related("app").get(id=channel.channel_id)
        self._accounts[key] = _Account(stored, is_test, self._make_gateway)
        if known:
            asyncio.run_coroutine_threadsafe(known.retire(), self._loop)

    def send(self, slice_: Slice, *, start_by: float) -> None:
        """Start sending through an account met before; the answer arrives at `collect`. Touches no database.

        start_by: no call of it leaves after this moment (monotonic seconds).
        """
        if not slice_.messages:
            self._answers.put(Sent(slice_, [], 0.0))
            return
        account = self._accounts[slice_.held.channel.channel_id, slice_.text.policy.is_test]
        asyncio.run_coroutine_threadsafe(self._send(account, slice_, start_by), self._loop)

    def collect(self, *, wait_seconds: float) -> list[Sent]:
        """All answers there are; where there are none, wait for the first, at most so long."""
        answers = []
        try:
            answers.append(self._answers.get(timeout=wait_seconds) if wait_seconds > 0 else self._answers.get_nowait())
            while True:
                answers.append(self._answers.get_nowait())
        except Empty:
            return answers

    def close(self) -> None:
        """Close every account. Nothing may be in flight."""
        for account in self._accounts.values():
            asyncio.run_coroutine_threadsafe(account.close(), self._loop).result(ANSWER_SECONDS)
        self._accounts.clear()

    async def _send(self, account: "_Account", slice_: Slice, start_by: float) -> None:
        begun = monotonic()
        START_BY.set(start_by)  # of this task alone
        results = await account.send(slice_.messages)
        self._answers.put(Sent(slice_, results, monotonic() - begun))


class _Account:
    """One gateway, opened at its first slice. Whatever goes wrong in it becomes a result."""

    def __init__(self, channel: Channel, is_test: bool, make_gateway: MakeGateway) -> None:
        self.configured_at = channel.updated_at
        self._name = f"channel {channel.pk} ({channel.gateway})"
        self._gateway: Gateway | None = None
        self._opening = asyncio.Lock()
        self._is_open = False
        self._in_flight = 0
        self._is_retired = False
        self._broken = ""
        try:
            self._gateway = make_gateway(channel, is_test)
        except Exception as error:
            # Any fault of stored credentials is the channel's, and may fail nobody.
            _log.exception("%s cannot be used", self._name)
            self._broken = f"{type(error).__name__}: {error}"[:200]

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        if self._gateway is None:
            return [SendResult(Verdict.CONFIG_BAD, "credentials", detail=self._broken)] * len(messages)
        self._in_flight += 1
        try:
            await self._open(self._gateway)
            results = await asyncio.wait_for(self._gateway.send(messages), ANSWER_SECONDS)
            if len(results) != len(messages):
                raise ValueError(f"{len(results)} results for {len(messages)} messages")
            return results
        except _NotOpened as error:
            return [_retry(RetryReason.NETWORK, "not_opened", error)] * len(messages)
        except Exception as error:
            # A gateway promises not to raise. When it does, the calls may have gone out.
            _log.exception("%s failed", self._name)
            return [_retry(RetryReason.UNKNOWN_OUTCOME, "gateway_failed", error)] * len(messages)
        finally:
            self._in_flight -= 1
            if self._is_retired and not self._in_flight:
                await self.close()

    async def retire(self) -> None:
        """Close as soon as nothing is in flight."""
        self._is_retired = True
        if not self._in_flight:
            await self.close()

    async def close(self) -> None:
        if self._gateway is not None and self._is_open:
            self._is_open = False
            await self._gateway.close()

    async def _open(self, gateway: Gateway) -> None:
        async with self._opening:
            if not self._is_open:
                try:
                    await asyncio.wait_for(gateway.open(), ANSWER_SECONDS)
                except Exception as error:
                    raise _NotOpened(f"{type(error).__name__}: {error}") from error
                self._is_open = True


class _NotOpened(Exception):
    """The gateway could not be opened, so nothing was sent."""


def _retry(reason: RetryReason, code: str, error: Exception) -> SendResult:
    return SendResult(Verdict.RETRY, code, retry_reason=reason, detail=str(error)[:200])
