"""A small HTTP/1.1 client for what the sandbox sends itself: status callbacks and receipts.

It calls loopback addresses only, so that no demo ever posts into the world.
"""

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10.0
_MAX_BODY = 256 * 1024
_IDLE_CONNECTIONS = 8

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NotLoopback(Exception):
    """The address is not on this machine (or not plain http); nothing was sent."""


class CallFailed(Exception):
    """No whole answer came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side answered."""

    status: int
    body: bytes


class LoopbackClient:
    """Posts to servers on this machine, keeping a few connections open."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[_Streams]] = {}

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """One POST, repeated once where a kept connection turns out to be dead. Raises: NotLoopback, CallFailed."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        if parts.scheme != "http" or not is_loopback(host):
            raise NotLoopback(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = {"host": parts.netloc, "content-length": str(len(body)), **headers}
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        message = "\r\n".join(lines).encode() + body
        kept = self._idle.setdefault((host, port), [])
        if kept:
            try:
                return await self._exchange(kept, kept.pop(), message)
            except CallFailed:
                pass
        return await self._exchange(kept, await _connect(host, port), message)

    def close(self) -> None:
        """Drop the kept connections."""
        for kept in self._idle.values():
            for _, writer in kept:
                writer.close()
        self._idle.clear()

    async def _exchange(self, kept: list[_Streams], streams: _Streams, message: bytes) -> Reply:
        reader, writer = streams
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                writer.write(message)
                await writer.drain()
                reply, is_reusable = await _read_reply(reader)
        except (OSError, ValueError, TimeoutError, EOFError) as reason:
            writer.close()
            raise CallFailed(str(reason) or type(reason).__name__) from None
        if is_reusable and len(kept) < _IDLE_CONNECTIONS:
            kept.append(streams)
        else:
            writer.close()
        return reply


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


async def _connect(host: str, port: int) -> _Streams:
    try:
        return await asyncio.wait_for(asyncio.open_connection(host, port), _TIMEOUT_SECONDS)
    except (OSError, TimeoutError) as reason:
        raise CallFailed(str(reason) or "timeout") from None


async def _read_reply(reader: asyncio.StreamReader) -> tuple[Reply, bool]:
    """The reply and whether the connection may be used again."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _read_chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(_bounded(int(headers["content-length"])))
    else:
        body = b"" if status in (204, 304) else await reader.read(_MAX_BODY)
        return Reply(status, body), status in (204, 304)
    return Reply(status, body), headers.get("connection", "").lower() != "close"


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        body += await reader.readexactly(_bounded(size + len(body)) - len(body))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


def _bounded(size: int) -> int:
    if size > _MAX_BODY:
        raise ValueError(f"a body of {size} bytes")
    return size
