"""A small TCP proxy in front of a server of the tests, to do to its connections what networks do."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close sends RST


class Proxy:
    """Listens on `port` and passes to `target_port`, both on loopback, until told otherwise.

    `port` stays the same through everything. Each of hang, slow and refuse ends what was before; heal ends them all.
    Runs on a thread of its own, so the test may block.

        with Proxy(valkey.port) as proxy:
            proxy.cut()
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        # What has happened so far: connections taken, connections cut by us, bytes that wait behind `hang`.
        self.taken = self.cut_count = self.held_bytes = 0
        self._links: dict[asyncio.Task[None], tuple[socket.socket, socket.socket]] = {}
        self._rate: dict[bool, float] = {}
        self._loop = asyncio.new_event_loop()
        self._gates = _open_gates()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._do(self._heal())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def open_count(self) -> int:
        """Connections that stand."""
        return len(self._links)

    def cut(self) -> int:
        """Reset every connection now; new ones are taken. Returns how many there were."""
        return self._do(self._cut())

    def hang(self, *, answers_only: bool = False) -> None:
        """A black hole: connections stand and are taken, nothing gets through, not even an end.

        answers_only: the target still gets what is sent to it.
        """
        self._do(self._hang(answers_only))

    def strand(self) -> int:
        """What stands hangs for ever, what comes passes: a firewall that forgot. Returns how many stand so."""
        return self._do(self._strand())

    def slow(self, bytes_per_second: float, *, answers_only: bool = False) -> None:
        """Byte by byte."""
        self._do(self._slow(bytes_per_second, answers_only))

    def refuse(self) -> None:
        """As if nobody listened: every connection is reset, new ones are refused."""
        self._do(self._refuse())

    def heal(self) -> None:
        """Everything passes again; what hung goes on with what it held."""
        self._do(self._heal())

    def lead_to(self, target_port: int) -> None:
        """Connections from now on go to another server; those that stand are cut."""
        self._target_port = target_port
        self.cut()

    def close(self) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do[T](self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _heal(self) -> None:
        self._rate = {}
        for gate in self._gates.values():
            gate.set()
        await self._take_connections()

    async def _hang(self, answers_only: bool) -> None:
        await self._heal()
        self._gates[True].clear()
        if not answers_only:
            self._gates[False].clear()

    async def _strand(self) -> int:
        for gate in self._gates.values():
            gate.clear()
        self._gates = _open_gates()  # of the connections from now on
        return len(self._links)

    async def _slow(self, bytes_per_second: float, answers_only: bool) -> None:
        await self._heal()
        self._rate = {True: bytes_per_second} if answers_only else {True: bytes_per_second, False: bytes_per_second}

    async def _refuse(self) -> None:
        await self._heal()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await self._cut()

    async def _cut(self) -> int:
        links = dict(self._links)
        for link, ends in links.items():
            for end in ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        self.cut_count += len(links)
        return len(links)

    async def _take_connections(self) -> None:
        if self._listener.fileno() < 0:
            self._listener = _listen(self.port)
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            client, _ = self._listener.accept()
            self.taken += 1
            target = socket.socket()
            for end in (client, target):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = self._loop.create_task(self._link(client, target))
            self._links[link] = (client, target)

    async def _link(self, client: socket.socket, target: socket.socket) -> None:
        gates = self._gates
        try:
            await self._loop.sock_connect(target, ("127.0.0.1", self._target_port))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, target, gates[False], is_answer=False))
                both.create_task(self._pump(target, client, gates[True], is_answer=True))
        except* OSError:  # one side is gone, or never came: the other learns it by the end of its connection
            pass
        finally:
            client.close()
            target.close()
            del self._links[asyncio.current_task()]  # type: ignore[arg-type]

    async def _pump(self, source: socket.socket, sink: socket.socket, gate: asyncio.Event, *, is_answer: bool) -> None:
        """One direction until its end, which is passed on as a half-closed connection. An error ends both."""
        while piece := await self._loop.sock_recv(source, 65536):
            if not gate.is_set():
                self.held_bytes += len(piece)
            await gate.wait()
            await self._pass_on(sink, piece, gate, is_answer)
        await gate.wait()
        sink.shutdown(socket.SHUT_WR)

    async def _pass_on(self, sink: socket.socket, piece: bytes, gate: asyncio.Event, is_answer: bool) -> None:
        while piece:
            rate = self._rate.get(is_answer)
            size = 1 if rate else len(piece)
            await self._loop.sock_sendall(sink, piece[:size])
            piece = piece[size:]
            if rate:
                await asyncio.sleep(1 / rate)
                await gate.wait()


def _open_gates() -> dict[bool, asyncio.Event]:
    """One for each direction; True: that of the answers."""
    gates = {is_answer: asyncio.Event() for is_answer in (False, True)}
    for gate in gates.values():
        gate.set()
    return gates


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=128, reuse_port=False)
    listener.setblocking(False)
    return listener
