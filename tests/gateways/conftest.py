"""Certificates for one run, and the wire's door for tests."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from apps.gateways import loop
from apps.gateways.contract import Gateway, PushContent, PushMessage, SendResult
from apps.gateways.lean.wire import LeanWire
from apps.gateways.wire import Answer, Post, Wire, WireLimits
from tests.gateways.certificates import Authority, make_authority
from tests.gateways.vendor import Script, Vendor

QUICK = WireLimits(connections=2, streams=50, connect_seconds=1.0, deadline_seconds=1.5)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def vendor(authority: Authority) -> Iterator[Callable[..., Vendor]]:
    """Starts scripted vendors and stops them after the test."""
    started: list[Vendor] = []

    def start(script: Script, *, tls: bool = True, max_streams: int = 100) -> Vendor:
        server = Vendor(script, authority.server_context if tls else None, max_streams=max_streams)
        started.append(server.__enter__())
        return server

    yield start
    for server in started:
        server.__exit__()


def run[T](coroutine: Coroutine[Any, Any, T]) -> T:
    return loop.run(coroutine, timeout_seconds=20)


Lane = type[Wire] | type[LeanWire]


@pytest.fixture(params=[Wire, LeanWire], ids=["curl", "lean"])
def lane(request: pytest.FixtureRequest) -> Lane:
    """Both wires: a test that asks for it holds for either."""
    return request.param


def post_all(
    lane: Lane, posts: list[Post], *, ca_file: str = "", limits: WireLimits = QUICK, rounds: int = 1
) -> list[Answer]:
    """The answers of the last of `rounds` calls on one fresh wire."""

    async def work() -> list[Answer]:
        wire = lane(ca_file=ca_file, limits=limits)
        try:
            for _ in range(rounds):
                answers = await wire.post(posts)
            return answers
        finally:
            await wire.close()

    return run(work())


def push(
    address: str = "token-1", *, content: PushContent | None = None, nid: str = "nid-1", ttl: float = 600, **rest: str
) -> PushMessage:
    return PushMessage(nid, address, content or PushContent("Title", "Body"), expires_at=time.time() + ttl, **rest)


def send_all(gateway: Gateway, *calls: Sequence[PushMessage], at_once: bool = False) -> list[list[SendResult]]:
    """The results of each call, one after the other or all at once, on one opened gateway."""

    async def work() -> list[list[SendResult]]:
        await gateway.open()
        try:
            if at_once:
                return await asyncio.gather(*(gateway.send(call) for call in calls))
            return [await gateway.send(call) for call in calls]
        finally:
            await gateway.close()

    return run(work())
