"""A push service: POST /wp/{subscription id}, decrypted as the browser would.

Source: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (VAPID).
"""

import json
import re
import secrets
from collections import OrderedDict

from apps.sandbox.emulators.aes128gcm import CannotDecrypt, decrypt
from apps.sandbox.emulators.behaviours import perform
from apps.sandbox.emulators.vapid import Sender, VapidCheck, VapidRefused
from apps.sandbox.fates import Behaviour
from apps.sandbox.strict_json import parse_json
from apps.sandbox.subscriptions import BrowserKeys
from apps.sandbox.wire.exchange import Answer, Request, json_answer
from apps.sandbox.world import World

MAX_BODY = 4096
MAX_TTL_SECONDS = 28 * 86400
_ID = re.compile(r"[A-Za-z0-9_.~-]{1,200}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCIES = ("very-low", "low", "normal", "high")
_KEPT_KEYS = 20_000


class _Refused(Exception):
    """Carries the status and the reason in words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class WebPushEmulator:
    """One push service for all virtual browsers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._vapid = VapidCheck()
        self._keys: OrderedDict[str, BrowserKeys] = OrderedDict()

    def respond(self, request: Request) -> Answer:
        """Answer one call: resource, request headers, sender, size, encryption, then the browser."""
        subscription_id = request.path.removeprefix("/wp/")
        try:
            if request.path.startswith("/wp/m/"):
                return _message_resource(request)
            _check_request(request, subscription_id)
            sender = self._sender(request, subscription_id)
            plaintext = self._plaintext(request, subscription_id)
        except (_Refused, VapidRefused) as refusal:
            return _error(refusal.status, refusal.reason)
        return self._send(request, subscription_id, sender, plaintext)

    def _sender(self, request: Request, subscription_id: str) -> Sender:
        """The VAPID sender, who must be the one the subscription was made for. Raises: _Refused, VapidRefused."""
        origin = f"{request.peer.scheme}://{request.authority}"
        authorization = request.headers.get("authorization", "")
        sender = self._vapid.sender(authorization, origin, self._world.clock())
        if not self._world.credentials.is_bound(subscription_id, sender.public_key):
            raise _Refused(403, "the VAPID key is not the one this subscription was made with")
        return sender

    def _plaintext(self, request: Request, subscription_id: str) -> bytes:
        """What the service worker gets; a push without a body is allowed. Raises: _Refused."""
        if len(request.body) > MAX_BODY:
            raise _Refused(413, f"the body is longer than {MAX_BODY} bytes")
        if not request.body:
            return b""
        if request.headers.get("content-encoding", "") != "aes128gcm":
            raise _Refused(400, "Content-Encoding must be aes128gcm")
        try:
            return decrypt(request.body, self._browser(subscription_id))
        except CannotDecrypt as reason:
            raise _Refused(400, f"cannot decrypt: {reason}") from None

    def _browser(self, subscription_id: str) -> BrowserKeys:
        keys = self._keys.get(subscription_id)
        if keys is None:
            keys = self._keys[subscription_id] = self._world.credentials.browser_keys(subscription_id)
            if len(self._keys) > _KEPT_KEYS:
                self._keys.popitem(last=False)
        return keys

    def _send(self, request: Request, subscription_id: str, sender: Sender, plaintext: bytes) -> Answer:
        def deliver() -> Answer:
            self._keep(request, subscription_id, sender, plaintext)
            location = f"{request.peer.scheme}://{request.authority}/wp/m/{secrets.token_urlsafe(16)}"
            ttl = min(int(request.headers["ttl"]), MAX_TTL_SECONDS)
            return Answer(201, [("location", location), ("ttl", str(ttl))])

        return perform(self._world.instruction("webpush", subscription_id), deliver, _REFUSALS)

    def _keep(self, request: Request, subscription_id: str, sender: Sender, plaintext: bytes) -> None:
        payload, notification_id = _readable(plaintext)
        app = self._world.directory.find("vapid", sender.public_key)
        self._world.inbox.add(
            gateway="webpush",
            app=app.slug if app else "",
            token=subscription_id,
            notification_id=notification_id,
            collapse_key=request.headers.get("topic", ""),
            payload=payload,
            headers=request.plain_headers(),
            now=self._world.clock(),
        )


def _message_resource(request: Request) -> Answer:
    """The Location of an accepted push: DELETE takes an undelivered message back; ours are delivered at once."""
    if request.method != "DELETE":
        raise _Refused(405, "only DELETE is known here")
    return Answer(204)


def _check_request(request: Request, subscription_id: str) -> None:
    """Method, resource and RFC 8030's headers. Raises: _Refused."""
    headers = request.headers
    if request.method != "POST":
        raise _Refused(405, "push messages are sent with POST")
    if not _ID.fullmatch(subscription_id):
        raise _Refused(404, "no such subscription")
    ttl = headers.get("ttl", "")
    if not ttl.isascii() or not ttl.isdigit():
        raise _Refused(400, "TTL is required, in whole seconds")
    if headers.get("urgency", "normal") not in _URGENCIES:
        raise _Refused(400, f"Urgency is one of {', '.join(_URGENCIES)}")
    if "topic" in headers and not _TOPIC.fullmatch(headers["topic"]):
        raise _Refused(400, "Topic is at most 32 characters of base64url")


def _readable(plaintext: bytes) -> tuple[bytes, str]:
    """(payload as JSON, notification id); text that is not JSON becomes a JSON string."""
    try:
        document = parse_json(plaintext) if plaintext else None
    except ValueError:
        return json.dumps(plaintext.decode("utf-8", "replace")).encode(), ""
    nid = document.get("nid") if isinstance(document, dict) else None
    return plaintext or b"null", nid if isinstance(nid, str) else ""


def _error(status: int, reason: str) -> Answer:
    return json_answer({"code": status, "error": reason}, status)


_REFUSALS = {
    Behaviour.UNREGISTERED: lambda: _error(410, "the subscription is gone"),
    Behaviour.EXPIRED_TOKEN: lambda: _error(404, "the subscription has expired"),
    Behaviour.BAD_TOKEN: lambda: _error(404, "no such subscription"),
    Behaviour.NOT_FOR_TOPIC: lambda: _error(403, "the VAPID key is not the one this subscription was made with"),
    Behaviour.SENDER_MISMATCH: lambda: _error(403, "the VAPID key is not the one this subscription was made with"),
    Behaviour.PAYLOAD_BAD: lambda: _error(413, "the body is too long"),
    Behaviour.CONFIG_BAD: lambda: _error(401, "the VAPID token's signature is not good"),
    Behaviour.THROTTLE: lambda: _error(429, "too many messages"),
    Behaviour.SERVER_ERROR: lambda: _error(503, "try again later"),
}
