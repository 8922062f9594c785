"""Which wire a gateway uses: libcurl's, or our own lean one. Both keep the promises of `Wire`."""

from collections.abc import Sequence
from typing import Protocol

from apps.gateways.contract import Endpoints
from apps.gateways.wire import Answer, Post, Wire, WireLimits


class AnyWire(Protocol):
    """The connections of one vendor account, on one event loop."""

    async def post(self, posts: Sequence[Post]) -> list[Answer]: ...

    async def close(self) -> None: ...


def open_wire(endpoints: Endpoints, limits: WireLimits) -> AnyWire:
    """On the loop on which it will be used."""
    if endpoints.wire == "lean":
        from apps.gateways.lean.wire import LeanWire

        return LeanWire(ca_file=endpoints.ca_file, limits=limits)
    return Wire(ca_file=endpoints.ca_file, limits=limits)
