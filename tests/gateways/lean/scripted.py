"""A server that follows a script, frame by frame: it does what polite servers do not.

Each connection runs its script in a thread of its own, with blocking calls, on hyperframe and hpack. An assertion that
fails in a script fails the test.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_STREAMS, WINDOW, FRAME_SIZE = (
    SettingsFrame.MAX_CONCURRENT_STREAMS,
    SettingsFrame.INITIAL_WINDOW_SIZE,
    SettingsFrame.MAX_FRAME_SIZE,
)


class Request(NamedTuple):
    stream: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """The server's end of one connection. frames: everything the client has sent so far. window: how much
    it takes on the connection, less what the script subtracts.
    """

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self.tls = tls
        self.frames: list[Frame] = []
        self.window = 65_535
        self._decoder = hpack.Decoder()
        self._open: dict[int, tuple[dict[str, str], bytearray]] = {}

    def start(self, settings: dict[int, int] | None = None) -> None:
        """The client's beginning is read and ours is said."""
        self.read_greeting()
        self.send(SettingsFrame(settings=settings or {}))

    def read_greeting(self) -> None:
        assert self._exactly(len(PREFACE)) == PREFACE
        assert isinstance(self.frame(), SettingsFrame)

    def frame(self) -> Frame:
        """The client's next frame. Raises EOFError at the end, TimeoutError where nothing comes."""
        found, length = Frame.parse_frame_header(memoryview(self._exactly(9)))
        found.parse_body(memoryview(self._exactly(length)))
        self.frames.append(found)
        if isinstance(found, WindowUpdateFrame) and found.stream_id == 0:
            self.window += found.window_increment
        return found

    def until(self, kind: type[Frame]) -> Frame:
        """The next frame of that kind; requests that come before are kept for `request`."""
        while True:
            found = self.frame()
            self._note(found)
            if isinstance(found, kind):
                return found

    def request(self) -> Request:
        """The next whole request."""
        while True:
            done = self._note(self.frame())
            if done:
                headers, body = self._open.pop(done)
                return Request(done, headers, bytes(body))

    def requests(self, count: int) -> list[Request]:
        return [self.request() for _ in range(count)]

    def is_quiet(self, seconds: float = 0.3) -> bool:
        """Whether the client opens no stream for a while."""
        self.tls.settimeout(seconds)
        try:
            while True:
                found = self.frame()
                if isinstance(found, HeadersFrame | DataFrame):
                    return False
        except TimeoutError:
            return True
        finally:
            self.tls.settimeout(30)

    def send(self, *frames: Frame | bytes) -> None:
        self.tls.sendall(b"".join(each if isinstance(each, bytes) else each.serialize() for each in frames))

    def answer(self, stream: int, status: int = 200, body: bytes = b"") -> None:
        self.send(headers_frame(stream, status), data_frame(stream, body))

    def answer_all(self) -> None:
        """Until the client hangs up."""
        with suppress(EOFError, OSError):
            while True:
                self.answer(self.request().stream)

    def wait_for_end(self) -> Frame | None:
        """The client's GOAWAY, if it says one before it hangs up."""
        with suppress(EOFError, OSError):
            while True:
                found = self.frame()
                if isinstance(found, GoAwayFrame):
                    return found
        return None

    def _note(self, found: Frame) -> int:
        if isinstance(found, HeadersFrame):
            block = bytearray(found.data)
            last: Frame = found
            while "END_HEADERS" not in last.flags:
                last = self.frame()
                assert isinstance(last, ContinuationFrame)
                block += last.data
            fields = [(str(name), str(value)) for name, value in self._decoder.decode(bytes(block))]
            self._open[found.stream_id] = (dict(fields), bytearray())
        elif isinstance(found, DataFrame):
            if found.stream_id in self._open:
                self._open[found.stream_id][1].extend(found.data)
        elif isinstance(found, RstStreamFrame):
            self._open.pop(found.stream_id, None)
        ended = isinstance(found, HeadersFrame | DataFrame) and "END_STREAM" in found.flags
        return found.stream_id if ended and found.stream_id in self._open else 0

    def _exactly(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            part = self.tls.recv(count - len(received))
            if not part:
                raise EOFError
            received += part
        return bytes(received)


Script = Callable[[Peer], None]


class Scripted:
    """Use as a context manager. The n-th connection plays the n-th script, later ones the last."""

    def __init__(self, context: ssl.SSLContext, *scripts: Script) -> None:
        self.scripts, self.connection_count = scripts, 0
        context.set_alpn_protocols(["h2"])
        self._context = context
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Scripted":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)
        if self._errors and kind is None:
            raise self._errors[0]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                script = self.scripts[min(self.connection_count, len(self.scripts) - 1)]
                self.connection_count += 1
                self._start(self._play, plain, script)

    def _play(self, plain: socket.socket, script: Script) -> None:
        plain.settimeout(30)
        try:
            with self._context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True) as tls:
                script(Peer(tls))
        except (EOFError, OSError):
            pass
        except BaseException as error:
            self._errors.append(error)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def block(*fields: tuple[str, str]) -> bytes:
    """A header block without dynamic table."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    return encoder.encode(fields)


def headers_frame(stream: int, status: int = 200, *fields: tuple[str, str], flags: tuple[str, ...] = ()) -> Frame:
    return HeadersFrame(stream, block((":status", str(status)), *fields), flags=["END_HEADERS", *flags])


def data_frame(stream: int, body: bytes, *, ends: bool = True, padding: int = 0) -> Frame:
    flags = [*(["END_STREAM"] if ends else []), *(["PADDED"] if padding else [])]
    return DataFrame(stream, body, flags=flags, pad_length=padding)


def reset(stream: int, code: int) -> Frame:
    return RstStreamFrame(stream, error_code=code)


def goaway(last: int, code: int = 0, words: bytes = b"") -> Frame:
    return GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=words)


def widen(stream: int, increment: int) -> Frame:
    return WindowUpdateFrame(stream, window_increment=increment)


def unknown_frame(stream: int) -> bytes:
    return b"\x00\x00\x04\xee\x00" + stream.to_bytes(4) + b"what"


def change(settings: dict[int, int]) -> Frame:
    return SettingsFrame(settings=settings)
