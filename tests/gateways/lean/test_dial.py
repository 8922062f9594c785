"""Several addresses behind one name: the dead ones cost a moment, not the message."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from apps.gateways.lean.dial import NoConnection, _connect
from tests.gateways.conftest import run


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that takes no more connections and refuses none, as a network that swallows IPv6 does."""
    with ExitStack() as open_sockets:
        server = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = server.getsockname()[1]
        for _ in range(4):  # until its queue is full
            client = open_sockets.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


def address(port: int) -> tuple[int, int, int, str, tuple[str | int, ...]]:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


def test_an_address_that_swallows_everything_costs_a_moment() -> None:
    with black_hole() as hole, socket.create_server(("127.0.0.1", 0)) as server:
        live = server.getsockname()[1]
        begun = time.monotonic()
        with run(_connect([address(hole), address(live)])) as found:
            assert found.getpeername()[1] == live
        assert time.monotonic() - begun < 60  # the kernel would try the first for two minutes


def test_where_no_address_connects_the_last_reason_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    with pytest.raises(NoConnection) as failed:
        run(_connect([address(closed), address(closed)]))
    assert str(closed) in failed.value.result.detail
