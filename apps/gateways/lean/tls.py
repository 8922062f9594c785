"""TLS over a socket that nobody waits for: bytes of many records per system call, both ways.

OpenSSL on the socket itself reads twice per record; between two memory buffers it reads none, and one recv() brings
the answers of many requests.
"""

import asyncio
import socket
import ssl
from contextlib import suppress

_CHUNK = 64 * 1024
_MOST_CHUNKS = 16
_RECORD = 32 * 1024


class TlsSocket:
    """A connected socket. Call only from the loop's thread."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self.socket = plain
        self.end = ""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._buffer = bytearray(_CHUNK)
        self._view = memoryview(self._buffer)
        self._unsent: bytes | memoryview = b""

    async def shake_hands(self, loop: asyncio.AbstractEventLoop) -> str | None:
        """The chosen protocol. Raises OSError, of which ssl.SSLError is one."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self.socket, self._outgoing.read())
                await self._await_more(loop)
        await loop.sock_sendall(self.socket, self._outgoing.read())
        return self._tls.selected_alpn_protocol()

    async def _await_more(self, loop: asyncio.AbstractEventLoop) -> None:
        received = await loop.sock_recv(self.socket, _CHUNK)
        if not received:
            raise ssl.SSLError("the server hung up during the TLS handshake")
        self._incoming.write(received)

    @property
    def is_congested(self) -> bool:
        """Whether the kernel has not yet taken what was sent."""
        return bool(self._unsent)

    def send(self, plaintext: bytes) -> None:
        """Encrypts and sends what the kernel takes; the rest goes with `flush`. Raises OSError."""
        if plaintext:
            self._tls.write(plaintext)
        self.flush()

    def flush(self) -> None:
        if self._outgoing.pending:
            fresh = self._outgoing.read()
            self._unsent = bytes(self._unsent) + fresh if self._unsent else fresh
        if not self._unsent:
            return
        try:
            taken = self.socket.send(self._unsent)
        except BlockingIOError:
            return
        self._unsent = memoryview(self._unsent)[taken:] if taken < len(self._unsent) else b""

    def receive(self) -> bytes:
        """All plaintext that is there, also before an end; where there is an end, `end` says which."""
        for _ in range(_MOST_CHUNKS):
            try:
                count = self.socket.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError as error:
                self.end = f"the connection broke: {error}"
                break
            if not count:
                self.end = "the server closed the connection"
                break
            self._incoming.write(self._view[:count])
            if count < _CHUNK:
                break
        return self._decrypt()

    def _decrypt(self) -> bytes:
        records: list[bytes] = []
        try:
            while self._incoming.pending or self._tls.pending():
                records.append(self._tls.read(_RECORD))
            self.flush()  # an answer to the server's key update
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.end = self.end or "the server closed the connection"
        except OSError as error:
            self.end = self.end or f"the connection broke: {error}"
        return records[0] if len(records) == 1 else b"".join(records)

    def close(self) -> None:
        """Says goodbye if the kernel has room for it."""
        with suppress(OSError, ValueError):
            self._tls.unwrap()
        with suppress(OSError):
            self.flush()
        self.socket.close()
