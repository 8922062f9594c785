"""The lean wire against scripts."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest

from apps.gateways.lean.connection import LAST_STREAM
from apps.gateways.lean.wire import LeanWire
from apps.gateways.wire import Answer, Post, WireLimits
from tests.gateways.certificates import Authority
from tests.gateways.conftest import run
from tests.gateways.lean.scripted import Script, Scripted

ONE = WireLimits(connections=1, streams=1000, connect_seconds=1.0, queue_seconds=3.0, deadline_seconds=1.5)
HEADERS = ["content-type: application/json", "authorization: bearer t"]

Play = Callable[..., tuple[list[Answer], Scripted]]


def posts_to(url: str, bodies: Sequence[bytes]) -> list[Post]:
    return [Post(f"{url}/{number}", HEADERS, body) for number, body in enumerate(bodies)]


@pytest.fixture
def serve(authority: Authority) -> Callable[..., AbstractContextManager[Scripted]]:
    """Starts a server that plays these scripts."""
    return lambda *scripts: Scripted(authority.server_context, *scripts)


@pytest.fixture
def play(authority: Authority) -> Play:
    """Posts the bodies in one call to a server that plays the scripts; the answers, and the server."""

    def act(
        *scripts: Script,
        bodies: Sequence[bytes] = (b"body",),
        limits: WireLimits = ONE,
        last_stream: int = LAST_STREAM,
        rounds: int = 1,
    ) -> tuple[list[Answer], Scripted]:
        async def work(url: str) -> list[Answer]:
            wire = LeanWire(ca_file=authority.ca_file, limits=limits, last_stream=last_stream)
            try:
                for _ in range(rounds):
                    answers = await wire.post(posts_to(url, bodies))
                return answers
            finally:
                await wire.close()

        with Scripted(authority.server_context, *scripts) as server:
            return run(work(server.url)), server

    return act
