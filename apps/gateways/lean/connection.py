"""One HTTP/2 connection: requests out, frames in. Source: RFC 9113.

It knows TLS bytes and the attempts that are on it, and nothing of queues, other connections or time-outs of waiting.
A request is `unseen` only where the server said so: REFUSED_STREAM, or a GOAWAY whose last stream is lower.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile

from apps.gateways.faults import too_late, unusable_request
from apps.gateways.lean import frames as f
from apps.gateways.lean.attempt import Attempt
from apps.gateways.lean.frames import BrokenRule, Code, Setting
from apps.gateways.lean.peer import Allowance
from apps.gateways.lean.request_headers import RequestHeaders
from apps.gateways.lean.response_headers import LONGEST_LIST, read_status
from apps.gateways.lean.tls import TlsSocket
from apps.gateways.lean.uploads import Uploads
from apps.gateways.wire import WireLimits

_TIMED_OUT, _HTTP2, _GUARD, _RESET = 28, 16, 42, 56
_RECEIVE_WINDOW = 16 * 1024 * 1024
_LONGEST_BLOCK = 64 * 1024
_MOST_FRAGMENTS = 64
_MOST_IDLE_FRAMES = 10_000  # frames without one answer among them: a flood
LAST_STREAM = 2**31 - 1


class Connection:
    """Call only from the loop's thread. unseen: attempts to be sent again; whoever reads the connection empties it.

    ready: done with the server's SETTINGS, before which nothing is sent; False = it ended first. on_end: called just
    before the socket is closed.
    """

    def __init__(
        self,
        tls: TlsSocket,
        origin: str,
        limits: WireLimits,
        *,
        now: float,
        on_end: Callable[["Connection"], None],
        last_stream: int = LAST_STREAM,
    ) -> None:
        self.tls, self.limits, self._on_end = tls, limits, on_end
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.born_at = self.heard_at = now
        self.streams: dict[int, Attempt] = {}
        self.unseen: list[Attempt] = []
        self.is_proven = self.is_leaving = self.is_closed = False
        self.end = ""
        self._last_stream, self._next_stream = last_stream, 1
        self._headers = RequestHeaders(origin)
        self._allowance = Allowance()
        self._uploads = Uploads(self._allowance)
        self._rest = b""
        self._is_greeted = self._has_heard = False
        self._block: tuple[int, int, list[bytes]] | None = None
        self._replies: list[bytes] = []
        self._unconfirmed = self._idle_frames = 0
        self._takers = {
            f.DATA: self._on_data,
            f.HEADERS: self._on_headers,
            f.RST_STREAM: self._on_reset,
            f.SETTINGS: self._on_settings,
            f.PUSH_PROMISE: self._on_push,
            f.PING: self._on_ping,
            f.GOAWAY: self._on_goaway,
            f.WINDOW_UPDATE: self._on_window,
            f.CONTINUATION: self._on_continuation,
        }

    def greet(self) -> None:
        """Our side of the beginning."""
        settings = {
            Setting.HEADER_TABLE_SIZE: 0,
            Setting.ENABLE_PUSH: 0,
            Setting.INITIAL_WINDOW_SIZE: max(f.DEFAULT_WINDOW, self.limits.body_bytes + f.DEFAULT_FRAME_BYTES),
            Setting.MAX_HEADER_LIST_SIZE: LONGEST_LIST,
        }
        widen = f.window_update(0, _RECEIVE_WINDOW - f.DEFAULT_WINDOW)
        self._transmit([f.PREFACE, f.settings_frame(settings), widen])

    @property
    def streams_allowed(self) -> int:
        allowed = self._allowance.max_streams
        return self.limits.streams if allowed is None else min(allowed, self.limits.streams)

    @property
    def room(self) -> int:
        """How many requests may be sent now."""
        if self.is_leaving or self.is_closed or self._uploads or self.tls.is_congested or not self.ready.done():
            return 0
        return max(0, self.streams_allowed - len(self.streams))

    def send(self, waiting: deque[Attempt], count: int, now: float) -> None:
        """Takes up to `count` attempts from the queue, as long as windows and stream numbers last."""
        out: list[bytes] = []
        while count > 0 and waiting and not self._uploads and not self.is_leaving:
            attempt = waiting.popleft()
            if attempt.batch.start_by < now:
                attempt.fail(too_late())
                continue
            try:
                block = self._headers.block(attempt.post)
            except ValueError as error:
                attempt.fail(unusable_request(str(error)))
                continue
            count -= 1
            stream = self._next_stream
            self._next_stream = stream + 2
            self.is_leaving = self._next_stream > self._last_stream
            attempt.sent_at = now
            self.streams[stream] = attempt
            self._write(out, stream, block, attempt.post.body)
        self._transmit(out)

    def _write(self, out: list[bytes], stream: int, block: bytes, body: bytes) -> None:
        length, size = len(block), len(body)
        if length > f.DEFAULT_FRAME_BYTES:
            out.extend(f.split_block(stream, block))
        else:
            out.append(f.HEAD.pack(length >> 8, length & 0xFF, f.HEADERS, f.END_HEADERS, stream))
            out.append(block)
        if self._uploads.fits(size):
            self._uploads.window -= size
            out.append(f.HEAD.pack(size >> 8, size & 0xFF, f.DATA, f.END_STREAM, stream))
            out.append(body)
        else:
            out.extend(self._uploads.start(stream, body))

    def _transmit(self, out: list[bytes]) -> None:
        try:
            self.tls.send(b"".join(out))
        except OSError as error:
            self._read_last_words(str(error))

    def read(self, now: float) -> None:
        """Everything the server has sent; ends the connection where it has to end."""
        if self.is_closed:
            return
        try:
            self._take(self.tls.receive())
        except BrokenRule as rule:
            self._break(rule.code, str(rule))
            return
        if self._unconfirmed > _RECEIVE_WINDOW // 2:
            self._replies.append(f.window_update(0, self._unconfirmed))
            self._unconfirmed = 0
        if self._replies:
            out, self._replies = self._replies, []
            self._transmit(out)
        if self._has_heard:
            self.heard_at, self._has_heard = now, False
        if self.tls.end:
            self.lose(_RESET, self.tls.end)

    def flush(self) -> None:
        """The kernel takes more again."""
        try:
            self.tls.flush()
        except OSError as error:
            self._read_last_words(str(error))

    def _read_last_words(self, reason: str) -> None:
        """We cannot send any more; what has already arrived may hold answers, or say what was not looked at."""
        with suppress(BrokenRule):
            self._take(self.tls.receive())
        self.lose(_RESET, f"the connection broke: {reason}")

    def expire(self, now: float) -> None:
        """Give up what was sent a deadline ago. Attempts stand in the order in which they were sent."""
        if self._late(now):
            self.read(now)  # answers may lie there unread, if the loop was away
        late = self._late(now)
        if not late:
            return
        if self.heard_at <= self.streams[late[0]].sent_at:
            self.is_leaving = True  # it has answered nothing since: the next posts get another connection
        for stream in late:
            self._replies.append(f.rst_stream(stream, Code.CANCEL))
            self._pop(stream).break_off(_TIMED_OUT, "no answer in time")
        out, self._replies = self._replies, []
        self._transmit(out)

    def _late(self, now: float) -> list[int]:
        late_before = now - self.limits.deadline_seconds
        return list(takewhile(lambda stream: self.streams[stream].sent_at <= late_before, self.streams))

    def lose(self, curl_code: int, message: str) -> None:
        """The connection has ended, and whatever was on it has to end too."""
        if self.is_closed:
            return
        self.is_closed, self.end = True, message
        for attempt in self.streams.values():
            attempt.break_off(curl_code, message)
        self.streams.clear()
        self._on_end(self)
        self.tls.close()
        if not self.ready.done():
            self.ready.set_result(False)

    def close(self, message: str) -> None:
        """We end it, politely."""
        if not self.is_closed:
            self._transmit([f.goaway(Code.NO_ERROR)])
            self.lose(_GUARD, message)

    def _break(self, code: Code, reason: str) -> None:
        self._transmit([f.goaway(code)])
        self.lose(_HTTP2, f"the server broke HTTP/2: {reason}")

    def _take(self, fresh: bytes) -> None:
        received = self._rest + fresh if self._rest else fresh
        position, end, takers = 0, len(received), self._takers
        while end - position >= f.HEAD_BYTES:
            high, low, kind, flags, stream = f.HEAD.unpack_from(received, position)
            length = high << 8 | low
            if length > f.DEFAULT_FRAME_BYTES:
                raise BrokenRule(Code.FRAME_SIZE_ERROR, "a frame longer than we allow")
            start = position + f.HEAD_BYTES
            if start + length > end:
                break
            position = start + length
            if self._block is not None and kind != f.CONTINUATION:
                raise BrokenRule(Code.PROTOCOL_ERROR, "a header block that does not go on")
            if not self._is_greeted and (kind != f.SETTINGS or flags & f.ACK):
                raise BrokenRule(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._idle_frames += 1
            if self._idle_frames > _MOST_IDLE_FRAMES:
                raise BrokenRule(Code.ENHANCE_YOUR_CALM, "frame upon frame and no answer")
            if (taker := takers.get(kind)) is not None:
                taker(flags, stream & f.STREAM_MASK, received[start:position])
        self._rest = received[position:] if position < end else b""

    def _on_data(self, flags: int, stream: int, payload: bytes) -> None:
        length = len(payload)
        self._unconfirmed += length
        attempt = self.streams.get(stream)
        if attempt is None:
            self._require_known(stream)
            return
        if flags & f.PADDED:
            payload = f.without_padding(flags, payload)
        if attempt.status < 200:
            self._reset(stream, Code.PROTOCOL_ERROR, "a body before its headers")
            return
        attempt.received += length
        if payload:
            attempt.parts.append(payload)
            self._note_progress()
        if flags & f.END_STREAM:
            self._finish(stream)
        elif attempt.received > self.limits.body_bytes:
            self._replies.append(f.rst_stream(stream, Code.CANCEL))
            self._finish(stream)

    def _finish(self, stream: int) -> None:
        attempt = self.streams.pop(stream)
        if self._uploads and self._uploads.drop(stream):
            self._replies.append(f.rst_stream(stream, Code.NO_ERROR))
        self._note_progress()
        self.is_proven = True
        attempt.succeed()

    def _note_progress(self) -> None:
        self._idle_frames = 0
        self._has_heard = True

    def _pop(self, stream: int) -> Attempt:
        self._uploads.drop(stream)
        return self.streams.pop(stream)

    def _reset(self, stream: int, code: Code, reason: str) -> None:
        """An answer that is none: only this stream has to end."""
        self._replies.append(f.rst_stream(stream, code))
        self._pop(stream).break_off(_HTTP2, reason)

    def _require_known(self, stream: int) -> None:
        """Raises BrokenRule for a stream that nobody has opened. Frames may still come for one that has ended."""
        if stream == 0 or stream % 2 == 0 or stream >= self._next_stream:
            raise BrokenRule(Code.PROTOCOL_ERROR, "a frame of a stream that does not exist")

    def _on_headers(self, flags: int, stream: int, payload: bytes) -> None:
        self._require_known(stream)
        if flags & (f.PADDED | f.HAS_PRIORITY):
            payload = f.without_padding(flags, payload)
            if flags & f.HAS_PRIORITY:
                if len(payload) < 5:
                    raise BrokenRule(Code.FRAME_SIZE_ERROR, "HEADERS of a broken length")
                payload = payload[5:]
        if flags & f.END_HEADERS:
            self._on_block(flags, stream, payload)
        else:
            self._block = (flags, stream, [payload])

    def _on_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None or self._block[1] != stream:
            raise BrokenRule(Code.PROTOCOL_ERROR, "CONTINUATION of nothing")
        first_flags, _, fragments = self._block
        fragments.append(payload)
        if len(fragments) > _MOST_FRAGMENTS or sum(map(len, fragments)) > _LONGEST_BLOCK:
            raise BrokenRule(Code.ENHANCE_YOUR_CALM, "headers without end")
        if flags & f.END_HEADERS:
            self._block = None
            self._on_block(first_flags, stream, b"".join(fragments))

    def _on_block(self, flags: int, stream: int, block: bytes) -> None:
        """The headers of an answer, of an interim answer (1xx), or those that follow a body."""
        attempt = self.streams.get(stream)
        if attempt is None:
            return
        ends = flags & f.END_STREAM
        if attempt.status < 200:
            attempt.status = read_status(block)
            if attempt.status >= 200:
                attempt.block = block
                self._note_progress()
            elif ends:
                self._reset(stream, Code.PROTOCOL_ERROR, "an interim answer and no other")
                return
        elif not ends:
            self._reset(stream, Code.PROTOCOL_ERROR, "headers in the middle of a body")
            return
        if ends:
            self._finish(stream)

    def _on_reset(self, _flags: int, stream: int, payload: bytes) -> None:
        code = f.read_uint(payload)
        self._require_known(stream)
        if stream not in self.streams:
            return
        attempt = self._pop(stream)
        if code == Code.REFUSED_STREAM:
            self._give_back(attempt)
        else:
            attempt.break_off(_HTTP2, f"the server reset the stream, code {code}")

    def _give_back(self, attempt: Attempt) -> None:
        """The server says that it has not seen the request."""
        if self.limits.trust_refusals and not attempt.status:
            self.unseen.append(attempt)
        else:
            attempt.break_off(_GUARD, "the server refused the stream")

    def _on_settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise BrokenRule(Code.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & f.ACK:
            if payload:
                raise BrokenRule(Code.FRAME_SIZE_ERROR, "an acknowledgement with content")
            return
        for name, value in f.read_settings(payload):
            before = self._allowance.window
            self._allowance.change(name, value)
            self._uploads.shift(self._allowance.window - before)
            if name == Setting.HEADER_TABLE_SIZE:
                self._headers.resize(value)
        self._is_greeted = True
        self._replies.append(f.frame(f.SETTINGS, f.ACK, 0))
        self._replies.extend(self._uploads.go_on())
        if not self.ready.done():
            self.ready.set_result(True)

    def _on_window(self, _flags: int, stream: int, payload: bytes) -> None:
        increment = f.read_uint(payload) & f.STREAM_MASK
        if stream:
            self._require_known(stream)
        if increment:
            self._uploads.widen(stream, increment)
            if self._uploads:
                self._replies.extend(self._uploads.go_on())
        elif stream == 0:
            raise BrokenRule(Code.PROTOCOL_ERROR, "a window update of nothing")
        elif stream in self.streams:
            self._reset(stream, Code.PROTOCOL_ERROR, "a window update of nothing")

    def _on_ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream or len(payload) != 8:
            raise BrokenRule(Code.PROTOCOL_ERROR if stream else Code.FRAME_SIZE_ERROR, "a broken PING")
        if not flags & f.ACK:
            self._replies.append(f.frame(f.PING, f.ACK, 0, payload))

    def _on_goaway(self, _flags: int, stream: int, payload: bytes) -> None:
        """No more requests on this connection; those above the last stream were not looked at."""
        if stream:
            raise BrokenRule(Code.PROTOCOL_ERROR, "GOAWAY of a stream")
        last, code, words = f.read_goaway(payload)
        self.is_leaving = True
        self.end = f"GOAWAY, code {code} {words[:200].decode('utf-8', 'replace')}".rstrip()
        for number in [number for number in self.streams if number > last]:
            self._give_back(self._pop(number))

    def _on_push(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise BrokenRule(Code.PROTOCOL_ERROR, "a push, which we forbade")
