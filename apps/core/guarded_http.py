"""A client for addresses that people typed: it cannot be talked into calling our own network.

The name is resolved once, every address it has is checked, and the connection goes to one that was checked. No redirect
is followed, no proxy variable read, and neither time nor body can exceed what is allowed.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Timer
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

MOST_BYTES = 65_536
MOST_ADDRESSES = 4
PORTS = {443, 8443}
# Where a network has no IPv4 of its own, its name servers write every IPv4 address so.
_NAT64 = IPv6Network("64:ff9b::/96")
# The last eight bytes of an ISATAP address begin so (without their flags), and end with an IPv4 address.
_ISATAP = 0x5EFE
# Taken for public by some version of Python, or public only by the IPv4 address that a tunnel hides somewhere in them.
# 168.63.129.16 is the virtual server inside of every machine at Azure.
_NOWHERE = tuple(
    ip_network(one)
    for one in (
        *("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"),
        *("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "3fff::/20", "fec0::/10"),
    )
)

type Resolve = Callable[[str, int], list[str]]


class RefusedUrl(Exception):
    """The address may not be called. code: url, scheme, userinfo, port, unresolved, private_address."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class CallFailed(Exception):
    """No answer, or none in time."""


@dataclass(frozen=True, slots=True)
class Answered:
    """status: of HTTP. seconds: from connecting to the last byte read. length: as the server says, if it does.

    headers: names in lower case.
    """

    status: int
    body: bytes
    seconds: float
    length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def check_url(url: str, *, allows_loopback: bool = False) -> SplitResult:
    """Its parts, as far as can be told without resolving. Raises RefusedUrl.

    https on 443 or 8443; where loopback is allowed, http and any port too.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedUrl("url", str(error)) from error
    if not host or any(ord(letter) <= 32 for letter in url):
        raise RefusedUrl("url", "not a URL")
    if parts.scheme != "https" and not (allows_loopback and parts.scheme == "http"):
        raise RefusedUrl("scheme", "only https is called")
    if parts.username is not None or parts.password is not None:
        raise RefusedUrl("userinfo", "user and password do not belong into the address")
    if port is not None and port not in PORTS and not allows_loopback:
        raise RefusedUrl("port", f"port {port} is not called; 443 and 8443 are")
    return parts


def get(url: str, *, seconds: float, allows_loopback: bool = False, resolve: Resolve | None = None) -> Answered:
    """One GET on a connection of its own. seconds: for everything after resolving. Raises RefusedUrl, CallFailed."""
    line = Line(url, allows_loopback=allows_loopback, resolve=resolve)
    try:
        return line.call("GET", headers={"Accept": "*/*", "Connection": "close"}, seconds=seconds)
    finally:
        line.close()


class Line:
    """Calls to one address, over one connection as long as it stands. For one thread at a time.

    The name is resolved and checked when the line is made; whoever keeps it long makes a new one now and then.
    """

    def __init__(self, url: str, *, allows_loopback: bool = False, resolve: Resolve | None = None) -> None:
        """Raises RefusedUrl."""
        parts = check_url(url, allows_loopback=allows_loopback)
        self.made_at = monotonic()
        self._host, self._is_tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._addresses = _checked_addresses(self._host, self._port, allows_loopback, resolve or _resolve)
        is_odd = not self._is_tls or self._port not in PORTS
        if is_odd and not all(ip_address(one.split("%")[0]).is_loopback for one in self._addresses):
            raise RefusedUrl("scheme", "only https on port 443 or 8443 is called, but on this machine")
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self,
        method: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        seconds: float,
    ) -> Answered:
        """One request. A kept connection that was closed meanwhile is replaced once. Raises CallFailed."""
        begun, was_kept = monotonic(), self._connection is not None
        try:
            return self._call(method, body, headers, begun, begun + seconds)
        except _Stale as stale:
            self.close()
            if was_kept:
                return self._call(method, body, headers, begun, begun + seconds)
            raise CallFailed("RemoteDisconnected: the connection was closed without an answer") from stale
        except CallFailed:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, body: bytes | None, headers: Mapping[str, str], begun: float, end: float) -> Answered:
        guard: Timer | None = None
        try:
            connection = self._connection or self._connect(end)
            sock = connection.sock
            sock.settimeout(max(0.001, end - monotonic()))
            # A server that sends a byte now and then would never run into the socket's own time-out.
            guard = Timer(max(0.0, end - monotonic()), _cut, [sock])
            guard.daemon = True
            guard.start()
            connection.request(method, self._path, body, headers={"User-Agent": "Heliograph", **headers})
            answer = connection.getresponse()
            length = answer.length
            read = answer.read(MOST_BYTES)
            if monotonic() > end:  # cut off amid its headers, it looks like an answer
                raise CallFailed("no answer in time")
            if not answer.isclosed() or answer.will_close:  # more than we read, or no more to come
                self.close()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answered(answer.status, read, monotonic() - begun, length, said)
        except http.client.RemoteDisconnected as error:
            if monotonic() > end:
                raise CallFailed("no answer in time") from error
            raise _Stale from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            if monotonic() > end:
                raise CallFailed("no answer in time") from error
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                raise _Stale from error
            raise CallFailed(f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            if guard is not None:
                guard.cancel()

    def _connect(self, end: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.auto_open = 0  # by itself it would resolve the name anew
        self._connection = connection
        connection.sock = sock = self._reach(end)
        if self._is_tls:
            sock.settimeout(max(0.001, end - monotonic()))
            connection.sock = _tls().wrap_socket(sock, server_hostname=self._host)
        return connection

    def _reach(self, end: float) -> socket.socket:
        """The first of the checked addresses that takes the connection."""
        for place, address in enumerate(self._addresses, start=1):
            left = max(0.001, end - monotonic()) / (len(self._addresses) - place + 1)
            try:
                return socket.create_connection((address, self._port), timeout=left)
            except OSError:
                if place == len(self._addresses):
                    raise
        raise OSError("the name has no address")


class _Stale(Exception):
    """The connection was closed before a byte of the answer came."""


@cache
def _tls() -> ssl.SSLContext:
    """Reading the bundle of roots takes 15 ms."""
    return ssl.create_default_context()


def is_public(address: str) -> bool:
    """Whether an address is out there, and not one of ours in disguise (IPv4 inside of IPv6, multicast)."""
    ip = ip_address(address.split("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
    if any(ip in network for network in _NOWHERE):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is called in truth."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    is_isatap = (int(ip) >> 32) & 0xFCFFFFFF == _ISATAP
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 or is_isatap else None


def _checked_addresses(host: str, port: int, allows_loopback: bool, resolve: Resolve) -> list[str]:
    addresses = list(dict.fromkeys(resolve(host, port)))
    for address in addresses:
        is_ours = allows_loopback and ip_address(address.split("%")[0]).is_loopback
        if not is_public(address) and not is_ours:
            raise RefusedUrl("private_address", f"{host} leads to {address}, which is not on the internet")
    return addresses[:MOST_ADDRESSES]


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedUrl("unresolved", f"{host} cannot be resolved") from error
    return [str(entry[4][0]) for entry in found]


def _cut(sock: Any) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
