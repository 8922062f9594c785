"""Apple Push Notification service: POST /3/device/{token} over HTTP/2 with a provider token.

Source: developer.apple.com, "Sending notification requests to APNs" and "Handling notification responses from APNs".
The order of the checks is plausible, not documented: method, path, token, headers, login, topic, size.
"""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from apps.sandbox.credentials import AppCredentials
from apps.sandbox.emulators.apns_token import ProviderTokens, TokenRefused
from apps.sandbox.emulators.behaviours import perform
from apps.sandbox.fates import Behaviour
from apps.sandbox.strict_json import parse_json
from apps.sandbox.wire.exchange import Answer, Effect, Request
from apps.sandbox.world import Instruction, World

FIRST_STREAM_LIMIT = 1  # until a request with a good token was accepted
STREAM_LIMIT = 1000
MAX_PAYLOAD = 4096
MAX_VOIP_PAYLOAD = 5120
_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SUFFIXES = {
    "alert": "",
    "background": "",
    "voip": ".voip",
    "complication": ".complication",
    "fileprovider": ".pushkit.fileprovider",
    "location": ".location-query",
    "liveactivity": ".push-type.liveactivity",
    "pushtotalk": ".voip-ptt",
    "controls": ".push-type.controls",
    "widgets": ".push-type.widgets",
    "mdm": "",
}
_SINGLE = frozenset(
    ("authorization", "apns-id", "apns-topic", "apns-expiration", "apns-priority", "apns-push-type", "apns-collapse-id")
)


class _Refused(Exception):
    """Carries the status and Apple's reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ApnsEmulator:
    """One Apple, many teams."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens = ProviderTokens(world)

    def respond(self, request: Request) -> Answer:
        """Answer one call; every answer carries an apns-id."""
        apns_id = request.headers.get("apns-id", "")
        echoed = apns_id if _UUID.fullmatch(apns_id) else str(uuid.uuid4()).upper()
        try:
            token = _device_token(request)
            _check_headers(request)
            app = self._login(request)
            _check_topic(request, app)
            payload = _payload(request)
        except (_Refused, TokenRefused) as refusal:
            return _error(refusal.status, refusal.reason, echoed)
        return self._send(request, app, token, payload, echoed)

    def _login(self, request: Request) -> AppCredentials:
        """The team of the provider token; a connection keeps the first team it saw. Raises: TokenRefused, _Refused."""
        app = self._tokens.check(request.headers.get("authorization", "")).app
        peer = request.peer
        if peer.team_id and peer.team_id != app.apns.team_id:
            raise _Refused(403, "InvalidProviderToken")
        peer.team_id = app.apns.team_id
        return app

    def _send(self, request: Request, app: AppCredentials, token: str, payload: dict[str, Any], apns_id: str) -> Answer:
        instruction = self._world.instruction("apns", token)

        def deliver() -> Answer:
            self._keep(request, app, token, payload)
            if not request.peer.has_accepted:
                request.peer.has_accepted = True
                request.peer.stream_limit(STREAM_LIMIT)
            return Answer(200, [("apns-id", apns_id)])

        if instruction.behaviour is Behaviour.OK:
            return deliver()
        special = self._special(request, instruction, deliver, apns_id)
        if special is not None:
            return special
        return perform(instruction, deliver, self._refusals(instruction, apns_id))

    def _special(
        self, request: Request, instruction: Instruction, deliver: Callable[[], Answer], apns_id: str
    ) -> Answer | None:
        """Oddities seen in the field that only APNs has."""
        match instruction.behaviour:
            case Behaviour.UPPER_CASE_ID:
                deliver()
                return Answer(200, [("apns-id", apns_id.upper())])
            case Behaviour.ONE_STREAM:
                answer = deliver()
                request.peer.stream_limit(1)
                request.peer.has_accepted = False
                return answer
            case Behaviour.SPLIT_BODY:
                answer = _error(400, "BadDeviceToken", apns_id)
                answer.effect = Effect.SPLIT_BODY
                return answer
            case _:
                return None

    def _refusals(self, instruction: Instruction, apns_id: str) -> dict[Behaviour, Callable[[], Answer]]:
        scripted = instruction.script.timestamp if instruction.script else None
        since = int(self._world.clock() * 1000) if scripted is None else scripted

        def refusal(status: int, reason: str, timestamp: int | None = None) -> Callable[[], Answer]:
            return lambda: _error(status, reason, apns_id, timestamp)

        return {
            Behaviour.UNREGISTERED: refusal(410, "Unregistered", since),
            Behaviour.EXPIRED_TOKEN: refusal(410, "ExpiredToken", since),
            Behaviour.BAD_TOKEN: refusal(400, "BadDeviceToken"),
            Behaviour.NOT_FOR_TOPIC: refusal(400, "DeviceTokenNotForTopic"),
            Behaviour.SENDER_MISMATCH: refusal(400, "DeviceTokenNotForTopic"),
            Behaviour.PAYLOAD_BAD: refusal(413, "PayloadTooLarge"),
            Behaviour.CONFIG_BAD: refusal(403, "InvalidProviderToken"),
            Behaviour.THROTTLE: refusal(429, "TooManyRequests"),
            Behaviour.SERVER_ERROR: refusal(503, "ServiceUnavailable"),
        }

    def _keep(self, request: Request, app: AppCredentials, token: str, payload: dict[str, Any]) -> None:
        nid = payload.get("nid")
        self._world.inbox.add(
            gateway="apns",
            app=app.slug,
            token=token,
            notification_id=nid if isinstance(nid, str) else "",
            collapse_key=request.headers.get("apns-collapse-id", ""),
            payload=request.body,
            headers=request.plain_headers(),
            now=self._world.clock(),
        )


def _device_token(request: Request) -> str:
    """The token of the path, as it was sent. Raises: _Refused."""
    if request.method != "POST":
        raise _Refused(405, "MethodNotAllowed")
    prefix, token = "/3/device/", request.target
    if token.rstrip("/") == "/3/device":
        raise _Refused(400, "MissingDeviceToken")
    if not token.startswith(prefix):
        raise _Refused(404, "BadPath")
    token = token.removeprefix(prefix)
    if not _TOKEN.fullmatch(token):
        raise _Refused(400, "BadDeviceToken")
    return token


def _check_headers(request: Request) -> None:
    """Each header's syntax. Raises: _Refused."""
    headers = request.headers
    names = [name for name, _ in request.header_list if name in _SINGLE]
    if len(names) != len(set(names)):
        raise _Refused(400, "DuplicateHeaders")
    if "apns-id" in headers and not _UUID.fullmatch(headers["apns-id"]):
        raise _Refused(400, "BadMessageId")
    expiration = headers.get("apns-expiration", "0")
    if not expiration.isascii() or not expiration.isdigit():
        raise _Refused(400, "BadExpirationDate")
    if headers.get("apns-priority", "10") not in ("10", "5", "1"):
        raise _Refused(400, "BadPriority")
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        raise _Refused(400, "BadCollapseId")
    _check_push_type(headers)


def _check_push_type(headers: dict[str, str]) -> None:
    push_type = headers.get("apns-push-type", "alert")
    if push_type not in _SUFFIXES:
        raise _Refused(400, "InvalidPushType")
    if push_type == "background" and headers.get("apns-priority") == "10":
        raise _Refused(400, "BadPriority")


def _check_topic(request: Request, app: AppCredentials) -> None:
    """The topic is the app's bundle id plus the push type's suffix. Raises: _Refused."""
    topic = request.headers.get("apns-topic", "")
    if not topic:
        raise _Refused(400, "MissingTopic")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", topic):
        raise _Refused(400, "BadTopic")
    bundle = app.apns.topic
    if topic != bundle and not (topic.startswith(bundle) and topic[len(bundle) :] in _SUFFIXES.values()):
        raise _Refused(400, "TopicDisallowed")
    suffix = _SUFFIXES[request.headers.get("apns-push-type", "alert")]
    if suffix and topic != bundle + suffix:
        raise _Refused(400, "TopicDisallowed")


def _payload(request: Request) -> dict[str, Any]:
    """The body as an object within the size. Raises: _Refused."""
    limit = MAX_VOIP_PAYLOAD if request.headers.get("apns-push-type") == "voip" else MAX_PAYLOAD
    if len(request.body) > limit:
        raise _Refused(413, "PayloadTooLarge")
    try:
        payload = parse_json(request.body)
    except ValueError:
        raise _Refused(400, "PayloadEmpty") from None
    if not isinstance(payload, dict) or not payload:
        raise _Refused(400, "PayloadEmpty")
    return payload


def _error(status: int, reason: str, apns_id: str, timestamp: int | None = None) -> Answer:
    document: dict[str, str | int] = {"reason": reason}
    if timestamp is not None:
        document["timestamp"] = timestamp
    return Answer(status, [("apns-id", apns_id), ("content-type", "application/json")], json.dumps(document).encode())
