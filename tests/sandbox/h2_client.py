"""A bare HTTP/2 client for tests: it sends the headers it is given and tells frames apart."""

import contextlib
import socket
import ssl
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

_CONFIG = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8")
Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Seen:
    """What came back on one stream. data: the body, frame by frame."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    data: list[bytes] = field(default_factory=list)
    is_ended: bool = False
    is_reset: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.data)


class H2Client:
    """One connection. last_stream: what a GOAWAY named; is_closed: the server hung up."""

    def __init__(self, port: int, ca_file: str) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        config = H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
        )
        self._h2 = H2Connection(config)
        self._seen: dict[int, Seen] = {}
        self.stream_limits: list[int] = []
        self.last_stream: int | None = None
        self.debug = b""
        self.is_closed = False
        self._h2.initiate_connection()
        self._flush()

    def request(self, headers: Headers, body: bytes = b"") -> int:
        """Start a request; its stream."""
        stream = self._h2.get_next_available_stream_id()
        self._seen[stream] = Seen()
        self._h2.send_headers(stream, headers, end_stream=not body)
        if body:
            self._h2.send_data(stream, body, end_stream=True)
        self._flush()
        return stream

    def widen(self, stream: int) -> None:
        """Give the server more window on a stream, as libcurl does before there is an answer."""
        self._h2.increment_flow_control_window(65536, stream)
        self._flush()

    def wait(self, stream: int, seconds: float = 60) -> Seen:
        """Read until the stream is answered, reset, or the connection or the time is over."""
        seen = self._seen[stream]
        self._socket.settimeout(seconds)
        while not (seen.is_ended or seen.is_reset or self.is_closed):
            try:
                octets = self._socket.recv(65536)
            except TimeoutError:
                break
            except OSError:
                octets = b""
            self.is_closed = not octets
            for event in self._h2.receive_data(octets) if octets else []:
                self._take(event)
            self._flush()
        return seen

    def is_answered(self, stream: int) -> bool:
        """By what has been read so far."""
        return self._seen[stream].is_ended

    def _take(self, event: object) -> None:
        match event:
            case ResponseReceived():
                headers = {str(name): str(value) for name, value in event.headers}
                self._seen[event.stream_id].status = int(headers[":status"])
                self._seen[event.stream_id].headers = headers
            case DataReceived():
                self._seen[event.stream_id].data.append(event.data)
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self._seen[event.stream_id].is_ended = True
            case StreamReset():
                self._seen[event.stream_id].is_reset = True
            case ConnectionTerminated():
                self.last_stream, self.debug = event.last_stream_id, event.additional_data or b""
                self._h2.state_machine.state = ConnectionState.CLIENT_OPEN  # earlier streams are still answered
            case RemoteSettingsChanged():
                change = event.changed_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)
                if change is not None:
                    self.stream_limits.append(change.new_value)

    def forget_stream_limit(self) -> None:
        """From now on open more streams than the server allows."""
        self._h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 100
        self._h2.remote_settings.acknowledge()

    def close(self) -> None:
        self._socket.close()

    def _flush(self) -> None:
        with contextlib.suppress(OSError):  # the server may have hung up: reading tells
            self._socket.sendall(self._h2.data_to_send())
