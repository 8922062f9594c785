"""Sending: one try of one message, and what its answer means. Knows neither database nor queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from apps.core.guarded_http import Answered, CallFailed, Line, RefusedUrl

PATIENCE_SECONDS = 15.0
LONGEST_PAUSE = timedelta(hours=24)
_ABORT = ("webhook-delivery", "abort-message")
_GONE = 410


@dataclass(frozen=True, slots=True)
class Try:
    """What came of one request. result: delivered, refused (3xx, 4xx), failed (5xx), no_answer, not_called.

    is_final: the endpoint said that it does not want this message; is_gone: nor any other. pause: as it asked for.
    """

    result: str
    status: int = 0
    seconds: float = 0.0
    detail: str = ""
    is_final: bool = False
    is_gone: bool = False
    pause: timedelta | None = None

    @property
    def is_ok(self) -> bool:
        return self.result == "delivered"


def try_once(
    line: Line, *, headers: Mapping[str, str], body: bytes, now: datetime, seconds: float = PATIENCE_SECONDS
) -> Try:
    """POST the body. Never raises."""
    try:
        answer = line.call("POST", body, headers={"Content-Type": "application/json", **headers}, seconds=seconds)
    except CallFailed as failure:
        return Try("no_answer", detail=_short(str(failure)), seconds=0.0)
    return judged(answer, now=now)


def not_called(refusal: RefusedUrl) -> Try:
    """The address may not be called (any more); which address it led to is nobody's business."""
    told = "resolves to a private address" if refusal.code == "private_address" else str(refusal)
    return Try("not_called", detail=_short(told))


def judged(answer: Answered, *, now: datetime) -> Try:
    """What an answer means. A redirect is a refusal: it is not followed."""
    name, value = _ABORT
    is_final = answer.headers.get(name, "").strip().lower() == value
    if 200 <= answer.status < 300:
        return Try("delivered", answer.status, answer.seconds)
    return Try(
        "refused" if answer.status < 500 else "failed",
        answer.status,
        answer.seconds,
        _short(answer.body.decode("utf-8", "replace")),
        is_final=is_final,
        is_gone=answer.status == _GONE,
        pause=_pause(answer.headers.get("retry-after", ""), now),
    )


def _pause(asked: str, now: datetime) -> timedelta | None:
    """Retry-After, in seconds or as a date; None where there is none that can be read."""
    asked = asked.strip()
    if asked.isascii() and asked.isdigit():
        return min(timedelta(seconds=int(asked[:9])), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(asked)
        return min(max(until - now, timedelta()), LONGEST_PAUSE)
    except (ValueError, TypeError, OverflowError):
        return None


def _short(text: str) -> str:
    """One line that can be stored and shown."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:600]).strip()[:200]
