"""HTTP/1.1, server side: keep-alive, pipelining in order, Content-Length and chunked bodies.

Source: RFC 9112. Requests of one connection are answered one after another, as HTTP/1.1 asks.
"""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import cast

from apps.sandbox.wire.exchange import Answer, Effect, Peer, Request, Respond

MAX_HEAD = 64 * 1024
MAX_BODY = 1024 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class MalformedRequest(Exception):
    """The bytes are not a request we take; carries the status to close with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Http1Connection(asyncio.Protocol):
    """One HTTP/1.1 connection."""

    def __init__(self, respond: Respond, scheme: str) -> None:
        self._respond = respond
        self._peer = Peer(scheme, is_http2=False)
        self._buffer = bytearray()
        self._is_busy = False
        self._is_closing = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is answered any more."""
        self._is_closing = True
        self._writable.set()

    def pause_writing(self) -> None:
        """The client reads slowly: hold streams back."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Collect bytes; answer what is complete."""
        self._buffer += data
        self._serve()

    def _serve(self) -> None:
        """Answer complete requests until one has to wait or the bytes run out."""
        while not self._is_busy and not self._is_closing:
            try:
                request = self._next_request()
            except MalformedRequest as refusal:
                self._is_closing = True
                self._transport.write(_head(Answer(refusal.status), 0, is_last=True))
                self._transport.close()
                return
            if request is None:
                return
            answer = self._respond(request)
            is_last = request.headers.get("connection", "").lower() == "close"
            if answer.delay_seconds > 0:
                self._is_busy = True
                asyncio.get_running_loop().call_later(
                    answer.delay_seconds, self._finish_later, request, answer, is_last
                )
            else:
                self._finish(request, answer, is_last)

    def _finish_later(self, request: Request, answer: Answer, is_last: bool) -> None:
        self._is_busy = False
        if not self._is_closing:
            self._finish(request, answer, is_last)
            self._serve()

    def _finish(self, request: Request, answer: Answer, is_last: bool) -> None:
        """Do what the answer asks for."""
        match answer.effect:
            case Effect.SILENCE:
                self._is_busy = True
            case Effect.RESET:
                self._transport.abort()
            case Effect.CUT | Effect.GOAWAY:
                self._transport.close()
            case Effect.CUT_AFTER_HEADERS:
                self._transport.write(_head(answer, len(answer.body) + 1, is_last=False))
                self._transport.close()
            case _:
                self._write(request, answer, is_last)
        if answer.effect in (Effect.RESET, Effect.CUT, Effect.GOAWAY, Effect.CUT_AFTER_HEADERS):
            self._is_closing = True

    def _write(self, request: Request, answer: Answer, is_last: bool) -> None:
        if answer.stream is not None:
            self._is_busy = True
            self._streaming = asyncio.ensure_future(self._write_stream(answer, answer.stream, is_last))
            return
        body = b"" if request.method == "HEAD" else answer.body
        self._transport.write(_head(answer, len(answer.body), is_last) + body)
        if is_last:
            self._is_closing = True
            self._transport.close()

    async def _write_stream(self, answer: Answer, chunks: Iterator[bytes], is_last: bool) -> None:
        """Send a long body in chunks, leaving the loop to others between them."""
        self._transport.write(_head(answer, None, is_last))
        for chunk in chunks:
            await self._writable.wait()
            if self._is_closing:
                return
            self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await asyncio.sleep(0)
        self._transport.write(b"0\r\n\r\n")
        if is_last:
            self._transport.close()
            return
        self._is_busy = False
        self._serve()

    def _next_request(self) -> Request | None:
        """The first whole request of the buffer, taken out of it. Raises: MalformedRequest."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise MalformedRequest(431)
            return None
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise MalformedRequest(400)
        header_list = [_header(line) for line in lines[1:]]
        headers = dict(header_list)
        body, used = self._body(headers, end + 4)
        if body is None:
            if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == end + 4:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        del self._buffer[:used]
        return Request(words[0], words[1], headers.get("host", ""), header_list, headers, body, self._peer)

    def _body(self, headers: dict[str, str], start: int) -> tuple[bytes | None, int]:
        """The body that begins at `start` and where it ends; None while incomplete."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunked_body(start)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise MalformedRequest(400)
        size = int(length)
        if size > MAX_BODY:
            raise MalformedRequest(413)
        if len(self._buffer) < start + size:
            return None, start
        return bytes(self._buffer[start : start + size]), start + size

    def _chunked_body(self, position: int) -> tuple[bytes | None, int]:
        parts: list[bytes] = []
        total = 0
        while (line_end := self._buffer.find(b"\r\n", position)) >= 0:
            size = _chunk_size(bytes(self._buffer[position:line_end]))
            total += size
            if total > MAX_BODY:
                raise MalformedRequest(413)
            position = line_end + 2
            if size == 0:
                end = self._buffer.find(b"\r\n", position)
                return (b"".join(parts), end + 2) if end >= 0 else (None, position)
            if len(self._buffer) < position + size + 2:
                break
            parts.append(bytes(self._buffer[position : position + size]))
            position += size + 2
        return None, position


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise MalformedRequest(400)
    return name.lower(), value.strip()


def _chunk_size(line: bytes) -> int:
    try:
        size = int(line.partition(b";")[0].strip(), 16)
    except ValueError:
        raise MalformedRequest(400) from None
    if size < 0:
        raise MalformedRequest(400)
    return size


def _head(answer: Answer, length: int | None, is_last: bool) -> bytes:
    """Status line and headers; length None = chunked."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if length is None:
        lines.append("transfer-encoding: chunked")
    elif answer.status != 204 or length:
        lines.append(f"content-length: {length}")
    if is_last:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
