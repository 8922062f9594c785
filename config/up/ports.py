"""Whether the ports that `up` was given are free."""

import socket
from collections.abc import Iterable, Mapping

from config.up.errors import Refused

LOOPBACK = "127.0.0.1"


def require_free(wanted: Mapping[int, str]) -> None:
    """`wanted`: port -> the option that moves it. Raises: Refused, naming each port that is in use."""
    taken = [(port, option) for port, option in wanted.items() if not _is_free(port)]
    if taken:
        raise Refused("; ".join(f"port {port} is in use, choose another with {option}" for port, option in taken))


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def all_answer(ports: Iterable[int]) -> bool:
    return all(answers(port) for port in ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
