"""From an origin to a TLS connection that speaks HTTP/2, or to the reason why there is none.

Addresses are tried one after the other, each a little before the one ahead of it has failed (RFC 8305).
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from apps.gateways.contract import SendResult
from apps.gateways.faults import judge_fault
from apps.gateways.lean.tls import TlsSocket
from apps.gateways.pump import set_patience

_DNS, _REFUSED, _TLS, _UNTRUSTED = 6, 7, 35, 60
_HEAD_START_SECONDS = 0.2
_KEEPALIVE_SECONDS = 60

type _Address = tuple[int, int, int, str, tuple[str | int, ...]]


class NoConnection(Exception):
    """What that means for every post that waits for one."""

    def __init__(self, curl_code: int, message: str) -> None:
        super().__init__(message)
        self.result: SendResult = judge_fault(curl_code, message, sent=False)


class NotHttp2(Exception):
    """The server can be trusted, but chose another protocol."""


def make_context(ca_file: str) -> ssl.SSLContext:
    """Verifies chain and host name. As libcurl, without the stricter reading of certificates that Python adds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def dial(origin: str, context: ssl.SSLContext, *, patience_seconds: float) -> TlsSocket:
    """patience_seconds: see `set_patience`. Raises NoConnection, NotHttp2; is to be called under a time-out."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    plain = await _connect(await _resolve(host, parts.port or 443))
    try:
        _prepare(plain, patience_seconds)
        tls = TlsSocket(plain, context, host)
        if await tls.shake_hands(asyncio.get_running_loop()) != "h2":
            raise NotHttp2
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise NoConnection(_UNTRUSTED, f"certificate: {error.verify_message}") from error
    except OSError as error:
        plain.close()
        raise NoConnection(_TLS, str(error)) from error
    except BaseException:
        plain.close()
        raise
    return tls


async def _resolve(host: str, port: int) -> Sequence[_Address]:
    loop = asyncio.get_running_loop()
    try:
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]
    except (OSError, UnicodeError) as error:
        raise NoConnection(_DNS, f"{host}: {error}") from error


async def _connect(addresses: Sequence[_Address]) -> socket.socket:
    """The first that connects. Raises NoConnection with the last address's reason."""
    waiting, running = list(addresses), set[asyncio.Task[socket.socket]]()
    reason = "no address"
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connect_one(waiting.pop(0))))
            done, running = await asyncio.wait(
                running,
                timeout=_HEAD_START_SECONDS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if task.exception() is None:
                    return task.result()
                reason = str(task.exception())
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)
    raise NoConnection(_REFUSED, reason)


async def _connect_one(address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    plain = socket.socket(family, kind, protocol)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, where)
    except BaseException:
        plain.close()
        raise
    return plain


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _prepare(plain: socket.socket, patience_seconds: float) -> None:
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        with suppress(AttributeError, OSError):
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), _KEEPALIVE_SECONDS)
    set_patience(plain.fileno(), patience_seconds)
