"""Web Push (RFC 8030) to the browsers' push services.

| HTTP | verdict |
|---|---|
| 2xx | ACCEPTED |
| 404, 410 | TOKEN_DEAD |
| 400, 413, other 4xx | MESSAGE_BAD |
| 401, 403 | CONFIG_BAD; but TOKEN_DEAD where this push service accepted the sender for another subscription (this one |
| | was made with another key), unless the reason blames our token or most of a call say so (see mass.py) |
| 406, 429 | RETRY throttled, Retry-After or 60 s |
| 504 | RETRY unknown_outcome |
| 5xx | RETRY server |
| 3xx | MESSAGE_BAD (never followed) |

Source: RFC 8030, RFC 8292, autopush's error table, Apple's "Sending web push notifications".
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apps.gateways.contract import (
    Endpoints,
    PushMessage,
    RetryReason,
    SendResult,
    VapidCredentials,
    Verdict,
)
from apps.gateways.identifiers import short_name
from apps.gateways.mass import spare_tokens
from apps.gateways.shape import EncodedContent, Shapes
from apps.gateways.splice import splice_text
from apps.gateways.vapid import VapidHeaders
from apps.gateways.webpush_encryption import encrypt
from apps.gateways.webpush_payload import HOLES, PAYLOAD_LIMIT, build_template
from apps.gateways.webpush_subscription import decode_key, endpoint_fault, origin_of
from apps.gateways.wire import Answer, Post, WireLimits
from apps.gateways.wires import open_wire

LIMITS = WireLimits(connections=30)
SHORTEST_TTL_SECONDS = 60
LONGEST_TTL_SECONDS = 28 * 86_400
_THROTTLED_SECONDS = 60.0
_PROVEN_COUNT = 1000
_SUSPECT_CODES = frozenset({"401", "403"})
_OUR_FAULT = frozenset({"BadJwtToken", "ExpiredJwtToken", "BadAuthorizationHeader"})

_VERDICTS: Mapping[int, Verdict | RetryReason] = {
    401: Verdict.CONFIG_BAD,
    403: Verdict.CONFIG_BAD,
    404: Verdict.TOKEN_DEAD,
    406: RetryReason.THROTTLED,
    410: Verdict.TOKEN_DEAD,
    429: RetryReason.THROTTLED,
    504: RetryReason.UNKNOWN_OUTCOME,
}


@dataclass(frozen=True, slots=True)
class _Letter:
    """An encrypted message. authorization: the VAPID header it goes out with."""

    origin: str
    authorization: str
    post: Post


class WebPushGateway:
    """One VAPID key pair. Raises, on creation: ValueError where it is unusable."""

    def __init__(
        self,
        credentials: VapidCredentials,
        endpoints: Endpoints,
        *,
        limits: WireLimits = LIMITS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._senders = VapidHeaders(credentials, now=now)
        self._endpoints, self._limits, self._now = endpoints, limits, now
        self._shapes = Shapes(build_template, HOLES)
        self._proven: dict[str, None] = {}

    async def open(self) -> None:
        self._wire = open_wire(self._endpoints, self._limits)

    async def close(self) -> None:
        await self._wire.close()

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        """As the Gateway protocol says."""
        results: list[SendResult] = [_UNSENT] * len(messages)
        letters = self._write(messages, results)
        answers = await self._wire.post([letter.post for letter in letters.values()])
        by_origin: defaultdict[str, list[int]] = defaultdict(list)
        for letter, answer in zip(letters.values(), answers, strict=True):
            if 200 <= answer.status < 300:
                self._prove(letter.authorization)
        for (place, letter), answer in zip(letters.items(), answers, strict=True):
            results[place] = judge(answer, sender_proven=letter.authorization in self._proven)
            by_origin[letter.origin].append(place)
        for origin, places in by_origin.items():
            explanation = f"{origin} does not take our VAPID key"
            spared = spare_tokens([results[place] for place in places], _SUSPECT_CODES, explanation)
            for place, result in zip(places, spared, strict=True):
                results[place] = result
        return results

    def _prove(self, authorization: str) -> None:
        if authorization not in self._proven:
            if len(self._proven) >= _PROVEN_COUNT:
                self._proven.clear()
            self._proven[authorization] = None

    def _write(self, messages: Sequence[PushMessage], results: list[SendResult]) -> dict[int, _Letter]:
        """Letters by place; a message that cannot go out gets its result and no letter."""
        encode = self._shapes.encoder()
        letters: dict[int, _Letter] = {}
        now = self._now()
        for place, message in enumerate(messages):
            fault = endpoint_fault(message.address, self._endpoints.webpush_allowed_hosts)
            if fault:
                results[place] = SendResult(Verdict.TOKEN_DEAD, "endpoint_not_allowed", detail=f"endpoint {fault}")
                continue
            try:
                plaintext = _plaintext(encode(message.content), message)
            except ValueError as error:
                results[place] = SendResult(Verdict.MESSAGE_BAD, "unencodable", detail=str(error))
                continue
            if len(plaintext) > PAYLOAD_LIMIT:
                detail = f"the payload has {len(plaintext)} bytes, browsers take {PAYLOAD_LIMIT}"
                results[place] = SendResult(Verdict.MESSAGE_BAD, "payload_too_large", detail=detail)
                continue
            try:
                letters[place] = self._seal(message, plaintext, now)
            except ValueError as error:
                results[place] = SendResult(Verdict.TOKEN_DEAD, "keys_invalid", detail=f"subscription keys: {error}")
        return letters

    def _seal(self, message: PushMessage, plaintext: bytes, now: float) -> _Letter:
        """Raises ValueError where the subscription's keys are unusable."""
        auth_secret = decode_key(message.webpush_auth)
        if len(auth_secret) != 16:
            raise ValueError("auth must be 16 bytes")
        body = encrypt(plaintext, browser_key=decode_key(message.webpush_p256dh), auth_secret=auth_secret)
        origin = origin_of(message.address)
        authorization = self._senders.header(origin)
        ttl = min(max(int(message.expires_at - now), SHORTEST_TTL_SECONDS), LONGEST_TTL_SECONDS)
        headers = [
            f"Authorization: {authorization}",
            "Content-Encoding: aes128gcm",
            "Content-Type: application/octet-stream",
            f"TTL: {ttl}",
            f"Urgency: {'high' if message.content.urgency == 'high' else 'normal'}",
            f"Topic: {short_name(_name(message))}",
        ]
        return _Letter(origin, authorization, Post(message.address, headers, body))


def judge(answer: Answer, *, sender_proven: bool) -> SendResult:
    """What one answer of a push service means. sender_proven: it accepted the same sender's token for another."""
    if answer.fault is not None:
        return answer.fault
    if 200 <= answer.status < 300:
        return SendResult(Verdict.ACCEPTED, vendor_message_id=answer.header("location"))
    found = _VERDICTS.get(answer.status) or (RetryReason.SERVER if answer.status >= 500 else Verdict.MESSAGE_BAD)
    code, detail = str(answer.status), _explanation(answer)
    if code in _SUSPECT_CODES and sender_proven and detail not in _OUR_FAULT:
        found = Verdict.TOKEN_DEAD
    if isinstance(found, Verdict):
        return SendResult(found, code, detail=detail)
    wait = answer.retry_after_seconds
    if found is RetryReason.THROTTLED and wait is None:
        wait = _THROTTLED_SECONDS
    return SendResult(
        Verdict.RETRY,
        code,
        retry_after_seconds=wait,
        retry_reason=found,
        detail=detail,
        whole_account=wait is not None,
    )


def _explanation(answer: Answer) -> str:
    """Apple's `reason`, Mozilla's `message`, Microsoft's header, else the text itself."""
    said = answer.json_object()
    words = said.get("reason") or said.get("message") or said.get("error")
    text = str(words or answer.header("x-wns-error-description") or answer.body[:300].decode("utf-8", "replace"))
    return text[:300]


def _plaintext(content: EncodedContent, message: PushMessage) -> bytes:
    """Values in the order of webpush_payload.HOLES."""
    return content.fill(splice_text(message.notification_id), splice_text(_name(message)))


def _name(message: PushMessage) -> str:
    """What a later copy shares with this one, so that it takes its place."""
    return message.content.collapse_key or message.notification_id


_UNSENT = SendResult(Verdict.MESSAGE_BAD, "unencodable")
