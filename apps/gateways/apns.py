"""Apple Push Notification service, HTTP/2 with a provider token.

| HTTP | reason | verdict |
|---|---|---|
| 200 | - | ACCEPTED |
| 400 | BadDeviceToken, DeviceTokenNotForTopic | TOKEN_DEAD; most of a call: CONFIG_BAD (see mass.py) |
| 400 | BadTopic, MissingTopic, TopicDisallowed | CONFIG_BAD |
| 400 | IdleTimeout | RETRY network |
| 400 | any other | MESSAGE_BAD |
| 403 | ExpiredProviderToken | a younger token and one more POST, then CONFIG_BAD (our clock) |
| 403 | any other | CONFIG_BAD |
| 404, 405, 413 | any | MESSAGE_BAD |
| 410 | Unregistered (with its time), ExpiredToken | TOKEN_DEAD |
| 429 | TooManyProviderTokenUpdates | RETRY throttled, 20 minutes |
| 429 | TooManyRequests (this device) | RETRY throttled, 5 minutes |
| 500 | InternalServerError | RETRY server, 15 minutes |
| 503 | ServiceUnavailable, Shutdown | RETRY server |
| 504 | any | RETRY unknown_outcome |
| other 5xx | any | RETRY server |
| 3xx | any | CONFIG_BAD (the address is not Apple's) |

Source: developer.apple.com, "Handling notification responses from APNs".
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from aioapns.common import PRIORITY_HIGH, PRIORITY_NORMAL, PushType

from apps.gateways.apns_payload import HOLES, PAYLOAD_LIMIT, build_template
from apps.gateways.apns_token import ProviderTokens
from apps.gateways.contract import (
    ApnsCredentials,
    Endpoints,
    PushContent,
    PushMessage,
    RetryReason,
    SendResult,
    Verdict,
)
from apps.gateways.identifiers import apns_id, collapse_name
from apps.gateways.mass import spare_tokens
from apps.gateways.shape import Shapes
from apps.gateways.splice import splice_text
from apps.gateways.wire import Answer, Post, WireLimits
from apps.gateways.wires import open_wire

LIMITS = WireLimits(connections=4, streams=1000)
LONGEST_TTL_SECONDS = 30 * 86_400
_COLLAPSE_LIMIT = 64
_HOSTS = {"production": "api.push.apple.com", "sandbox": "api.sandbox.push.apple.com"}
_TOPIC = re.compile(r"[A-Za-z0-9.-]+")
_ADDRESS = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_SUSPECT_CODES = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_NO_TIME = 1e13  # milliseconds: the year 2286

_VERDICTS: Mapping[str, Verdict | RetryReason] = {
    "BadDeviceToken": Verdict.TOKEN_DEAD,
    "DeviceTokenNotForTopic": Verdict.TOKEN_DEAD,
    "Unregistered": Verdict.TOKEN_DEAD,
    "ExpiredToken": Verdict.TOKEN_DEAD,
    "BadTopic": Verdict.CONFIG_BAD,
    "MissingTopic": Verdict.CONFIG_BAD,
    "TopicDisallowed": Verdict.CONFIG_BAD,
    "IdleTimeout": RetryReason.NETWORK,
}
_HTTP_VERDICTS: Mapping[int, Verdict | RetryReason] = {
    403: Verdict.CONFIG_BAD,
    410: Verdict.TOKEN_DEAD,
    429: RetryReason.THROTTLED,
    504: RetryReason.UNKNOWN_OUTCOME,
}
_WAITS = {"TooManyProviderTokenUpdates": 1200.0, "TooManyRequests": 300.0, "InternalServerError": 900.0}


class ApnsGateway:
    """One key of one team, for one bundle id. Raises, on creation: ValueError where key or topic are unusable."""

    def __init__(
        self,
        credentials: ApnsCredentials,
        endpoints: Endpoints,
        *,
        limits: WireLimits = LIMITS,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not _TOPIC.fullmatch(credentials.topic):
            raise ValueError("the topic is no bundle id")
        self._tokens = ProviderTokens(credentials, now=now)
        self._shapes = Shapes(build_template, HOLES)
        self._topic, self._endpoints, self._limits, self._now = credentials.topic, endpoints, limits, now

    async def open(self) -> None:
        self._wire = open_wire(self._endpoints, self._limits)

    async def close(self) -> None:
        await self._wire.close()

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        """As the Gateway protocol says."""
        authorization = self._tokens.get_header()
        results: list[SendResult] = [_BAD_ADDRESS] * len(messages)
        bodies = self._encode(messages, results)
        answers = await self._post(messages, bodies, authorization)
        expired = {place: bodies[place] for place, answer in answers.items() if _says_expired(answer)}
        if expired and (younger := self._tokens.renew(authorization)) != authorization:
            answers |= await self._post(messages, expired, younger)
        for place, answer in answers.items():
            results[place] = judge(answer, apns_id(messages[place].notification_id))
        return spare_tokens(results, _SUSPECT_CODES, "the wrong environment, or the wrong bundle id")

    def _encode(self, messages: Sequence[PushMessage], results: list[SendResult]) -> dict[int, bytes]:
        """Bodies by place; a message that cannot go out gets its result and no body."""
        encode = self._shapes.encoder()
        bodies: dict[int, bytes] = {}
        for place, message in enumerate(messages):
            if not _ADDRESS.fullmatch(message.address):
                continue
            try:
                body = encode(message.content).fill(splice_text(message.notification_id))
            except ValueError as error:
                results[place] = SendResult(Verdict.MESSAGE_BAD, "unencodable", detail=str(error))
                continue
            if len(body) > PAYLOAD_LIMIT:
                detail = f"the payload has {len(body)} bytes, APNs takes {PAYLOAD_LIMIT}"
                results[place] = SendResult(Verdict.MESSAGE_BAD, "PayloadTooLarge", detail=detail)
                continue
            bodies[place] = body
        return bodies

    async def _post(
        self, messages: Sequence[PushMessage], bodies: Mapping[int, bytes], authorization: str
    ) -> dict[int, Answer]:
        now = self._now()
        shared: dict[int, list[str]] = {}
        posts = []
        for place, body in bodies.items():
            message = messages[place]
            headers = shared.get(id(message.content))
            if headers is None:
                headers = shared[id(message.content)] = self._shared_headers(message.content, authorization)
            posts.append(Post(self._url(message), [*headers, *_own_headers(message, now)], body))
        return dict(zip(bodies, await self._wire.post(posts), strict=True))

    def _shared_headers(self, content: PushContent, authorization: str) -> list[str]:
        push_type = PushType.BACKGROUND if content.silent else PushType.ALERT
        is_urgent = content.urgency == "high" and not content.silent
        return [
            f"authorization: {authorization}",
            f"apns-topic: {self._topic}",
            f"apns-push-type: {push_type.value}",
            f"apns-priority: {PRIORITY_HIGH if is_urgent else PRIORITY_NORMAL}",
            "content-type: application/json",
        ]

    def _url(self, message: PushMessage) -> str:
        host = self._endpoints.apns_host or _HOSTS.get(message.environment, _HOSTS["production"])
        return f"https://{host}:{self._endpoints.apns_port}/3/device/{message.address}"


def judge(answer: Answer, sent_id: str) -> SendResult:
    """What one answer of APNs means. sent_id: the apns-id of the request, which Apple echoes."""
    if answer.fault is not None:
        return answer.fault
    if answer.status == 200:
        return SendResult(Verdict.ACCEPTED, vendor_message_id=sent_id)
    said = answer.json_object()
    reason = str(said.get("reason", "")) or str(answer.status)
    found = _VERDICTS.get(reason) or _HTTP_VERDICTS.get(answer.status) or _by_class(answer.status)
    if isinstance(found, Verdict):
        return SendResult(found, reason, detail=_HINTS.get(reason, ""), token_dead_at=_dead_at(said.get("timestamp")))
    told = answer.retry_after_seconds
    return SendResult(
        Verdict.RETRY,
        reason,
        retry_after_seconds=_WAITS.get(reason) if told is None else told,
        retry_reason=found,
        whole_account=reason == "TooManyProviderTokenUpdates" or (told is not None and reason != "TooManyRequests"),
    )


def _by_class(status: int) -> Verdict | RetryReason:
    if status >= 500:
        return RetryReason.SERVER
    return Verdict.CONFIG_BAD if status < 400 else Verdict.MESSAGE_BAD


def _dead_at(timestamp: object) -> float | None:
    """Apple's milliseconds as seconds; None for what is no time."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float) or not 0 < timestamp < _NO_TIME:
        return None
    return timestamp / 1000


def _says_expired(answer: Answer) -> bool:
    return answer.status == 403 and answer.json_object().get("reason") == "ExpiredProviderToken"


def _own_headers(message: PushMessage, now: float) -> tuple[str, str, str]:
    """apns-expiration 0 = try once, keep nothing."""
    expires_at = min(int(message.expires_at), int(now) + LONGEST_TTL_SECONDS)
    name = collapse_name(message.content.collapse_key or message.notification_id, _COLLAPSE_LIMIT)
    return (
        f"apns-id: {apns_id(message.notification_id)}",
        f"apns-collapse-id: {name}",
        f"apns-expiration: {expires_at if expires_at > now else 0}",
    )


_BAD_ADDRESS = SendResult(Verdict.TOKEN_DEAD, "BadDeviceToken", detail="not a device token: 64 to 200 hex digits")
_HINTS = {
    "ExpiredProviderToken": "APNs calls a fresh provider token expired: this machine's clock is wrong",
    "TopicDisallowed": "this key's team has no app with this bundle id",
    "BadTopic": "the bundle id is malformed",
    "InvalidProviderToken": "key, key id and team id are no set, the key was revoked, or our clock is ahead",
}
