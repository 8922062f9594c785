"""What arrived: every accepted message, countable exactly, found by token, and bounded in memory.

Cost: about 950 bytes a message (measured at 300,000 FCM messages of 500 bytes, tokens of 150), 10 us to add one.
"""

import json
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

BLOCK = 512
KEPT_MESSAGES = 400_000


class _Block:
    """Payloads and headers of up to BLOCK messages, compressed together once the block is full."""

    __slots__ = ("_packed", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._packed = b""

    def add(self, content: bytes) -> int:
        """Keep one content; its position."""
        self._parts.append(content)
        return len(self._parts) - 1

    def pack(self) -> None:
        """Compress: messages of one campaign differ little, so this keeps about a tenth."""
        self._packed = zlib.compress(b"\n".join(self._parts), 1)
        self._parts = []

    def contents(self) -> list[bytes]:
        """All contents of the block."""
        return zlib.decompress(self._packed).split(b"\n") if self._packed else self._parts


@dataclass(slots=True, eq=False)
class Arrival:
    """One accepted message. app: the slug whose credentials sent it; received_at: unix seconds."""

    gateway: str
    app: str
    token: str
    notification_id: str
    received_at: float
    number: int
    replaced: bool
    block: _Block
    position: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which arrivals a question is about; empty fields do not narrow. limit: the newest so many, None = all."""

    token: str = ""
    gateway: str = ""
    notification_id: str = ""
    since: float = 0.0
    limit: int | None = None

    def takes(self, arrival: Arrival) -> bool:
        """Whether the arrival is meant."""
        return (
            arrival.received_at >= self.since
            and (not self.token or arrival.token == self.token)
            and (not self.gateway or arrival.gateway == self.gateway)
            and (not self.notification_id or arrival.notification_id == self.notification_id)
        )

    @property
    def is_everything(self) -> bool:
        """No narrowing at all: the exact totals answer it, also for messages no longer kept."""
        return not (self.token or self.gateway or self.notification_id or self.since)


class Inbox:
    """All virtual phones' received messages, oldest first. watch: told of every arrival."""

    def __init__(self, kept_messages: int = KEPT_MESSAGES) -> None:
        self._kept_blocks = max(kept_messages // BLOCK, 1)
        self.last_number = 0
        self.watch: Callable[[Arrival], None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget everything; the counts begin again, the numbers go on."""
        self._arrivals: list[Arrival] = []
        self._by_token: OrderedDict[str, list[Arrival]] = OrderedDict()
        self._shown: dict[int, Arrival] = {}
        self._waiting_keys: dict[str, list[int]] = {}
        self._distinct: set[int] = set()
        self._block = _Block()
        self.count = 0

    @property
    def distinct(self) -> int:
        """How many different notification ids arrived (64-bit digests: a clash is less likely than one in 10^8)."""
        return len(self._distinct)

    def add(
        self,
        *,
        gateway: str,
        app: str,
        token: str,
        notification_id: str,
        collapse_key: str,
        payload: bytes,
        headers: dict[str, str],
        now: float,
        most_keys: int = 0,
    ) -> None:
        """Keep one message. payload: a JSON document.

        An earlier one with the same collapse key on the same token counts as replaced; where `most_keys` is given,
        so does the oldest key's when one key too many is waiting.
        """
        content = json.dumps(headers).encode() + b"\t" + payload.replace(b"\n", b" ")
        self.count += 1
        self.last_number = number = self.last_number + 1
        position = self._block.add(content)
        arrival = Arrival(gateway, app, token, notification_id, now, number, False, self._block, position)
        self._distinct.add(_digest(notification_id or f"#{number}"))
        self._arrivals.append(arrival)
        self._by_token.setdefault(token, []).append(arrival)
        self._by_token.move_to_end(token)
        if collapse_key:
            self._replace(arrival, collapse_key, most_keys)
        if arrival.position == BLOCK - 1:
            self._turn_page()
        if self.watch is not None:
            self.watch(arrival)

    def _replace(self, arrival: Arrival, collapse_key: str, most_keys: int) -> None:
        key = _digest(f"{arrival.gateway}\n{arrival.token}\n{collapse_key}")
        earlier = self._shown.get(key)
        if earlier is not None:
            earlier.replaced = True
        self._shown[key] = arrival
        if most_keys:
            self._forget_oldest_key(arrival.token, key, most_keys)

    def _forget_oldest_key(self, token: str, key: int, most_keys: int) -> None:
        keys = self._waiting_keys.setdefault(token, [])
        if key in keys:
            keys.remove(key)
        keys.append(key)
        if len(keys) > most_keys and (oldest := self._shown.pop(keys.pop(0), None)) is not None:
            oldest.replaced = True

    def _turn_page(self) -> None:
        """Close the full block; where too many are kept, drop the oldest tenth."""
        self._block.pack()
        self._block = _Block()
        if len(self._arrivals) >= (self._kept_blocks + 1) * BLOCK:
            self._drop_oldest(max(self._kept_blocks // 10, 1) * BLOCK)

    def _drop_oldest(self, count: int) -> None:
        dropped, self._arrivals = self._arrivals[:count], self._arrivals[count:]
        first_kept = self._arrivals[0].number if self._arrivals else self.last_number + 1
        for token in {arrival.token for arrival in dropped}:
            rest = [arrival for arrival in self._by_token[token] if arrival.number >= first_kept]
            if rest:
                self._by_token[token] = rest
            else:
                del self._by_token[token]
                self._waiting_keys.pop(token, None)
        self._shown = {key: arrival for key, arrival in self._shown.items() if arrival.number >= first_kept}

    def find(self, wanted: Filter) -> list[Arrival]:
        """The arrivals that the filter takes, oldest first."""
        pool = self.of_token(wanted.token) if wanted.token else self._arrivals
        found = list(pool) if wanted.is_everything else [arrival for arrival in pool if wanted.takes(arrival)]
        return found if wanted.limit is None else found[len(found) - min(wanted.limit, len(found)) :]

    def counts(self, wanted: Filter) -> tuple[int, int]:
        """(arrivals, distinct notification ids) under the filter, its limit apart."""
        if wanted.is_everything:
            return self.count, self.distinct
        pool = self.of_token(wanted.token) if wanted.token else self._arrivals
        ids = [arrival.notification_id or f"#{arrival.number}" for arrival in pool if wanted.takes(arrival)]
        return len(ids), len(set(ids))

    def of_token(self, token: str) -> list[Arrival]:
        """What one token received, oldest first."""
        return self._by_token.get(token, [])

    def recent_tokens(self) -> Iterator[tuple[str, list[Arrival]]]:
        """Tokens with their messages, the most recently reached first."""
        return iter(reversed(self._by_token.items()))

    def tokens_like(self, part: str) -> Iterator[tuple[str, list[Arrival]]]:
        """Tokens that contain `part`, the most recently reached first."""
        return ((token, arrivals) for token, arrivals in self.recent_tokens() if part in token)


def contents(arrivals: list[Arrival]) -> Iterator[tuple[Arrival, dict[str, str], Any]]:
    """Each arrival with its headers and payload. Cost: one decompression per run of neighbours."""
    block: _Block | None = None
    parts: list[bytes] = []
    for arrival in arrivals:
        if arrival.block is not block:
            block, parts = arrival.block, arrival.block.contents()
        headers, _, payload = parts[arrival.position].partition(b"\t")
        yield arrival, json.loads(headers), json.loads(payload)


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
