"""A tiny vendor on a real socket: HTTP/2 over TLS or HTTP/1.1, answering, or misbehaving, as a test scripts it."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame


class Act(Enum):
    """What the vendor does once it has read a whole request."""

    ANSWER = "answer"
    ANSWER_IN_PIECES = "answer_in_pieces"
    DRIBBLE = "dribble"
    NEVER = "never"
    RESET_STREAM = "reset_stream"
    REFUSE_STREAM = "refuse_stream"
    GOAWAY_UNSEEN = "goaway_unseen"
    GOAWAY_SEEN = "goaway_seen"
    DROP_CONNECTION = "drop_connection"
    DROP_AFTER_HEADERS = "drop_after_headers"


@dataclass(slots=True)
class Seen:
    """One request as it arrived. `connection` counts from 0."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(slots=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    act: Act = Act.ANSWER
    after_seconds: float = 0.0


Script = Callable[[Seen], Reply]


class Vendor:
    """Runs in a thread of its own; use as a context manager. `seen` is every request, in order of arrival."""

    def __init__(self, script: Script, context: ssl.SSLContext | None, *, max_streams: int = 100) -> None:
        self.script, self.max_streams = script, max_streams
        self.seen: list[Seen] = []
        self.connection_count = 0
        self.linger_seconds = 0.5
        self.open: set[asyncio.Transport] = set()
        self.speaking: list[_Connection] = []
        self._context = context
        if context is not None:
            context.set_alpn_protocols(["h2", "http/1.1"])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Vendor":
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(60)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def announce(self, max_streams: int) -> None:
        """Another limit, on every connection and those to come. Call from a script, or by `later`."""
        self.max_streams = max_streams
        for connection in self.speaking:
            if connection.h2 is not None and not connection.transport.is_closing():
                connection.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: max_streams})
                connection.flush()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something on the vendor's own loop."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, what)

    def wait_for(self, count: int) -> None:
        """Block until `count` requests have come, at most a minute."""
        give_up_at = time.monotonic() + 60
        while len(self.seen) < count and time.monotonic() < give_up_at:
            time.sleep(0.01)

    async def _listen(self) -> asyncio.Server:
        def protocol() -> asyncio.Protocol:
            return _Connection(self)

        return await self._loop.create_server(protocol, "127.0.0.1", 0, ssl=self._context)

    async def _stop(self) -> None:
        self._server.close()
        for transport in list(self.open):
            transport.abort()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """Chooses the HTTP version by ALPN and hands whole requests to the script."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.number = vendor.connection_count
        vendor.connection_count += 1
        self.h2: h2.connection.H2Connection | None = None
        self.requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self.unsent: dict[int, bytes] = {}
        self.buffer = b""
        self.is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.vendor.open.add(transport)
        self.vendor.speaking.append(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            self.h2.initiate_connection()
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.vendor.max_streams})
            self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.vendor.open.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.h2 is None:
            self._receive_http1(data)
            return
        if self.is_leaving:
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                self.requests[event.stream_id] = (headers, bytearray())
            elif isinstance(event, h2.events.DataReceived):
                self.requests[event.stream_id][1].extend(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.WindowUpdated):
                for stream in list(self.unsent):
                    self._send_more(stream)
            elif isinstance(event, h2.events.StreamReset):
                self.unsent.pop(event.stream_id, None)
            elif isinstance(event, h2.events.StreamEnded):
                headers, body = self.requests.pop(event.stream_id)
                self._handle(event.stream_id, headers, bytes(body))
        self.flush()

    def flush(self) -> None:
        assert self.h2 is not None
        self.transport.write(self.h2.data_to_send())

    def _receive_http1(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        headers[":method"], headers[":path"], _ = first.split(" ")
        self.buffer = rest[length:]
        self._handle(0, headers, rest[:length])

    def _handle(self, stream: int, headers: dict[str, str], body: bytes) -> None:
        if self.is_leaving:
            return
        seen = Seen(headers[":method"], headers[":path"], headers, body, self.number)
        self.vendor.seen.append(seen)
        reply = self.vendor.script(seen)
        if reply.after_seconds:
            asyncio.get_running_loop().call_later(reply.after_seconds, self._play, stream, reply)
        else:
            self._play(stream, reply)

    def _play(self, stream: int, reply: Reply) -> None:
        if reply.act is Act.NEVER:
            return
        if reply.act is Act.DROP_CONNECTION:
            self.transport.abort()
        elif self.h2 is None:
            self._answer_http1(reply)
        else:
            if self.transport.is_closing():
                return
            with suppress(h2.exceptions.ProtocolError):
                self._play_http2(stream, reply)
                self.flush()
            if reply.act is Act.DROP_AFTER_HEADERS:
                asyncio.get_running_loop().call_later(0.05, self.transport.abort)

    def _play_http2(self, stream: int, reply: Reply) -> None:
        assert self.h2 is not None
        if reply.act is Act.RESET_STREAM:
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        elif reply.act is Act.REFUSE_STREAM:
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif reply.act is Act.GOAWAY_UNSEEN:
            self._say_goodbye(max(stream - 2, 0))
        elif reply.act is Act.GOAWAY_SEEN:
            self._say_goodbye(stream)
        else:
            self._answer_http2(stream, reply)

    def _say_goodbye(self, last_stream: int) -> None:
        """GOAWAY as a frame of our own: h2 would close the streams that are still to be answered."""
        self.is_leaving = True
        self.transport.write(hyperframe.frame.GoAwayFrame(0, last_stream_id=last_stream).serialize())
        asyncio.get_running_loop().call_later(self.vendor.linger_seconds, self.transport.close)

    def _answer_http2(self, stream: int, reply: Reply) -> None:
        assert self.h2 is not None
        headers = [(":status", str(reply.status)), *reply.headers.items()]
        cut_short = reply.act is Act.DROP_AFTER_HEADERS
        self.h2.send_headers(stream, headers, end_stream=not reply.body and not cut_short)
        if cut_short or not reply.body:
            return
        if reply.act is Act.DRIBBLE:
            self._dribble(reply.body, lambda piece: self.h2 and self.h2.send_data(stream, piece))
            return
        if reply.act is Act.ANSWER_IN_PIECES:
            half = len(reply.body) // 2
            self.h2.send_data(stream, reply.body[:half])
            self.flush()
            reply = Reply(reply.status, reply.body[half:])
        self.unsent[stream] = reply.body
        self._send_more(stream)

    def _send_more(self, stream: int) -> None:
        """As much of a body as the client's window lets through."""
        assert self.h2 is not None
        rest = self.unsent.pop(stream, b"")
        while rest and (room := min(self.h2.local_flow_control_window(stream), 16_000)) > 0:
            self.h2.send_data(stream, rest[:room], end_stream=len(rest) <= room)
            rest = rest[room:]
        if rest:
            self.unsent[stream] = rest

    def _answer_http1(self, reply: Reply) -> None:
        lines = [f"HTTP/1.1 {reply.status} Word", f"content-length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        if reply.act is Act.DRIBBLE:
            self._dribble(head + reply.body, self.transport.write)
        else:
            self.transport.write(head + reply.body)

    def _dribble(self, rest: bytes, write: Callable[[bytes], object]) -> None:
        """One byte a second, for as long as the client bears it."""
        if not rest or self.transport.is_closing():
            return
        with suppress(h2.exceptions.ProtocolError):
            write(rest[:1])
            if self.h2 is not None:
                self.flush()
            asyncio.get_running_loop().call_later(1, self._dribble, rest[1:], write)
