"""Where a key may be used: networks of servers, origins of pages."""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput

type Network = IPv4Network | IPv6Network

MOST_PLACES = 50
_LOCAL = ("localhost", "127.0.0.1")


def clean_networks(typed: Sequence[str]) -> list[str]:
    """As 192.0.2.0/24, without repeats. Raises InvalidInput."""
    problems, networks = _too_many("/allowed_networks", typed), []
    for one in typed:
        try:
            networks.append(str(ip_network(one.strip(), strict=False)))
        except ValueError:
            message = _("“%s” is no address or network, such as 192.0.2.17 or 192.0.2.0/24") % one[:60]
            problems.append(FieldProblem("/allowed_networks", "format", message))
    if problems:
        raise InvalidInput(problems)
    return list(dict.fromkeys(networks))


def clean_origins(typed: Sequence[str]) -> list[str]:
    """As browsers write them: https://shop.example, a port only where it is not the usual one. Raises InvalidInput."""
    problems, origins = _too_many("/allowed_origins", typed), []
    for one in typed:
        origin = _origin(one.strip())
        if not origin:
            message = _("“%s” is no origin, such as https://shop.example (http only of this machine)") % one[:60]
            problems.append(FieldProblem("/allowed_origins", "format", message))
        origins.append(origin)
    if problems:
        raise InvalidInput(problems)
    return list(dict.fromkeys(origins))


def is_in(address: str, networks: Collection[Network]) -> bool:
    """Whether the address lies in one of the networks; what is no address lies nowhere."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return any(known in network for network in networks)


def _origin(typed: str) -> str:
    """ "" where it is none."""
    try:
        url = urlsplit(typed.rstrip("/").lower())
        host, port = url.hostname or "", url.port
    except ValueError:
        return ""
    if url.path or url.query or url.fragment or url.username or url.password or not host.isascii():
        return ""
    if url.scheme not in ("https", "http") or (url.scheme == "http" and host not in _LOCAL) or not host:
        return ""
    is_usual = port is None or port == {"https": 443, "http": 80}[url.scheme]
    return f"{url.scheme}://{host}" if is_usual else f"{url.scheme}://{host}:{port}"


def _too_many(pointer: str, typed: Sequence[str]) -> list[FieldProblem]:
    return [FieldProblem(pointer, "too_many", _("at most %d") % MOST_PLACES)] if len(typed) > MOST_PLACES else []
