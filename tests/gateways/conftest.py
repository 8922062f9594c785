"""Certificates for one run, and the wire's door for tests."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from apps.gateways import loop
from apps.gateways.wire import Answer, Post, Wire, WireLimits
from tests.gateways.certificates import Authority, make_authority
from tests.gateways.vendor import Script, Vendor

QUICK = WireLimits(connections=2, streams=50, connect_seconds=1.0, deadline_seconds=0.5)


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


def post_all(posts: list[Post], *, ca_file: str = "", limits: WireLimits = QUICK, rounds: int = 1) -> list[Answer]:
    """The answers of the last of `rounds` calls on one fresh wire."""

    async def work() -> list[Answer]:
        wire = Wire(ca_file=ca_file, limits=limits)
        try:
            for _ in range(rounds):
                answers = await wire.post(posts)
            return answers
        finally:
            await wire.close()

    return run(work())
