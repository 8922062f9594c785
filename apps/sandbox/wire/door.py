"""The first bytes of a connection decide its protocol: ALPN, or HTTP/2's client preface."""

import asyncio
import ssl
from pathlib import Path
from typing import cast

from apps.sandbox.wire.exchange import Respond
from apps.sandbox.wire.http1 import Http1Connection
from apps.sandbox.wire.http2 import Http2Connection

_PREFACE = b"PRI * HTTP/2.0"


class Door(asyncio.Protocol):
    """Hands its transport over to the HTTP/1.1 or HTTP/2 connection as soon as it knows which.

    http2_only: what begins otherwise is hung up on, as Apple does (which takes HTTP/2 without ALPN, too).
    """

    def __init__(self, respond: Respond, http2_only: bool = False, first_stream_limit: int = 250) -> None:
        self._respond = respond
        self._http2_only = http2_only
        self._first_stream_limit = first_stream_limit
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """ALPN `h2` settles it; everything else shows itself by its first bytes."""
        self._transport = cast(asyncio.Transport, transport)
        tls = transport.get_extra_info("ssl_object")
        self._scheme = "https" if tls else "http"
        if tls and tls.selected_alpn_protocol() == "h2":
            self._hand_over_http2()

    def data_received(self, data: bytes) -> None:
        """Wait for enough bytes to tell a request line from the HTTP/2 preface."""
        self._seen += data
        if self._seen.startswith(_PREFACE):
            self._hand_over_http2()
        elif not _PREFACE.startswith(self._seen[: len(_PREFACE)]):
            if self._http2_only:
                self._transport.close()
            else:
                self._hand_over(Http1Connection(self._respond, self._scheme))

    def _hand_over_http2(self) -> None:
        self._hand_over(Http2Connection(self._respond, self._scheme, self._first_stream_limit))

    def _hand_over(self, connection: asyncio.Protocol) -> None:
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        if self._seen:
            connection.data_received(self._seen)


def server_tls(folder: Path, protocols: list[str]) -> ssl.SSLContext:
    """A server context of TLS 1.2 or newer that offers `protocols` by ALPN, with the certificate of the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.set_alpn_protocols(protocols)
    return context
