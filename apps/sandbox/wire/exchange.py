"""What the emulators see of HTTP: a request, an answer, and what to do to the connection instead of answering."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

HeaderList = list[tuple[str, str]]


class Effect(StrEnum):
    """What the wire does with an answer when its delay is over."""

    ANSWER = "answer"
    SILENCE = "silence"  # the request is never answered; the connection stays open
    RESET = "reset"  # RST_STREAM on HTTP/2, TCP reset on HTTP/1.1
    CUT = "cut"  # the connection is closed without an answer
    GOAWAY = "goaway"  # HTTP/2: this stream and later ones were not processed; HTTP/1.1: closed unanswered
    SPLIT_BODY = "split_body"  # HTTP/2: the body in two DATA frames
    CUT_AFTER_HEADERS = "cut_after_headers"  # the status line or HEADERS, then the connection is closed


@dataclass(slots=True)
class Peer:
    """What one connection remembers between requests.

    stream_limit: asks the connection to announce another SETTINGS_MAX_CONCURRENT_STREAMS (nothing on HTTP/1.1).
    """

    scheme: str
    is_http2: bool
    team_id: str = ""
    has_accepted: bool = False
    stream_limit: Callable[[int], None] = lambda _limit: None


@dataclass(slots=True)
class Request:
    """One request, whole. Header names are lower case; where one is repeated, `headers` has the last value."""

    method: str
    target: str
    authority: str
    header_list: HeaderList
    headers: dict[str, str]
    body: bytes
    peer: Peer

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, undecoded."""
        return self.target.partition("?")[2]

    def plain_headers(self) -> dict[str, str]:
        """The headers without pseudo-headers and without the secret one."""
        return {name: value for name, value in self.header_list if name != "authorization"}


@dataclass(slots=True)
class Answer:
    """One answer. `stream` replaces `body` where the whole would be too large to hold."""

    status: int = 200
    headers: HeaderList = field(default_factory=list)
    body: bytes = b""
    delay_seconds: float = 0.0
    effect: Effect = Effect.ANSWER
    stream: Iterator[bytes] | None = None


Respond = Callable[[Request], Answer]


def json_answer(document: Any, status: int = 200, headers: HeaderList | None = None) -> Answer:
    """An answer with a JSON body."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, [("content-type", "application/json; charset=UTF-8"), *(headers or [])], body)
