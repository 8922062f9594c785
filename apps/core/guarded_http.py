"""A client for addresses that people typed: it cannot be talked into calling our own network.

The name is resolved once, every address it has is checked, and the connection goes to one that was checked. No redirect
is followed, no proxy variable read, and neither time nor body can exceed what is allowed.
"""

import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

MOST_BYTES = 65_536
PORTS = {443, 8443}
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_ODD = ("192.0.0.", "192.88.99.")

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
    """status: of HTTP. seconds: from resolving to the last byte read. length: as the server says, if it does."""

    status: int
    body: bytes
    seconds: float
    length: int | None = None


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
    """One GET. seconds: for everything after resolving. Raises RefusedUrl, CallFailed."""
    parts = check_url(url, allows_loopback=allows_loopback)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    begun = monotonic()
    address = _checked_address(host, port, allows_loopback, resolve or _resolve)
    connection = http.client.HTTPConnection(host, port)
    guard: Timer | None = None
    started = monotonic()
    try:
        connection.sock = sock = socket.create_connection((address, port), timeout=seconds)
        # A server that sends a byte now and then would never run into the socket's own time-out.
        guard = Timer(seconds, _cut, [sock])
        guard.start()
        if is_tls:
            connection.sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": "Heliograph", "Accept": "*/*", "Connection": "close"})
        answer = connection.getresponse()
        length = answer.length
        body = answer.read(MOST_BYTES)
        if monotonic() - started > seconds:  # cut off amid its headers, it looks like an answer
            raise CallFailed(f"no answer in {seconds:g} s")
        return Answered(answer.status, body, monotonic() - begun, length)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise CallFailed(f"{type(error).__name__}: {error}"[:200]) from error
    finally:
        if guard is not None:
            guard.cancel()
        connection.close()


def is_public(address: str) -> bool:
    """Whether an address is out there, and not one of ours in disguise (IPv4 inside of IPv6, multicast)."""
    ip = ip_address(address.split("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
    if str(ip).startswith(_ODD) or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    return ip.is_global and not getattr(ip, "is_site_local", False)


def _inner(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _COMPATIBLE or any(ip in network for network in _NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def _checked_address(host: str, port: int, allows_loopback: bool, resolve: Resolve) -> str:
    addresses = resolve(host, port)
    for address in addresses:
        is_ours = allows_loopback and ip_address(address.split("%")[0]).is_loopback
        if not is_public(address) and not is_ours:
            raise RefusedUrl("private_address", f"{host} leads to {address}, which is not on the internet")
    return addresses[0]


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
