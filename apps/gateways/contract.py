"""The whole vocabulary between the engine and a vendor: messages in, verdicts out.

A gateway never sees the database and never decides about retries; it makes one try and says what happened.
Source of the five verdicts: the vendors' code tables at the head of each gateway module.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

_NOTHING: Mapping[str, str] = MappingProxyType({})


START_BY: ContextVar[float] = ContextVar("start_by")
"""Until when (monotonic seconds) a call made in this context may leave; unset = whenever. Later it is not sent at all,
and its result is faults.too_late(): what was checked before the call holds no longer than that."""


class Verdict(StrEnum):
    """What one try means for the device, not for the request.

    CONFIG_BAD: nothing can be sent through this account now (keys, project, certificate, no access token).
    """

    ACCEPTED = "accepted"
    TOKEN_DEAD = "token_dead"
    MESSAGE_BAD = "message_bad"
    CONFIG_BAD = "config_bad"
    RETRY = "retry"


# Vendor codes that always are a TOKEN_DEAD, for whoever knows the code alone; "404" and "410" are Web Push's.
GONE_CODES = frozenset(
    {
        *("UNREGISTERED", "SENDER_ID_MISMATCH"),
        *("Unregistered", "ExpiredToken", "BadDeviceToken", "DeviceTokenNotForTopic"),
        *("404", "410", "endpoint_not_allowed", "keys_invalid"),
    }
)


class RetryReason(StrEnum):
    """Why a RETRY; `unknown_outcome` is the one where the vendor may have delivered."""

    THROTTLED = "throttled"
    SERVER = "server"
    NETWORK = "network"
    UNKNOWN_OUTCOME = "unknown_outcome"


class SendResult(NamedTuple):
    """One vendor answer. Like content and message a plain tuple, which is made three times as fast: millions are.

    vendor_code: the vendor's own word ("Unregistered", "UNREGISTERED", "410", "21610"); for a transport fault
    the transport's word ("timeout", "connection_refused"). token_dead_at: unix seconds, where the vendor says since
    when (APNs 410); the engine keeps a device registered later than that. whole_account: the wait is asked of the
    account, not of this device alone, so nothing else should be sent before either.
    """

    verdict: Verdict
    vendor_code: str = ""
    vendor_message_id: str = ""
    retry_after_seconds: float | None = None
    retry_reason: RetryReason | None = None
    detail: str = ""
    token_dead_at: float | None = None
    whole_account: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """An action under a notification. `link` empty: the app decides by `id`. icon: an image that browsers show."""

    id: str
    label: str
    link: str = ""
    icon: str = ""


def button_json(button: Button) -> dict[str, str]:
    """As apps read it in their own part of a payload."""
    said = {"id": button.id, "label": button.label, "link": button.link}
    return {**said, "icon": button.icon} if button.icon else said


class PushContent(NamedTuple):
    """What one device is to show, after rendering. Equal objects may be shared by many messages.

    Sharing matters: gateways encode a shared content once and splice in what differs per message.
    subtitle, interruption_level: iPhones alone. android_channel, android_icon (the name of a drawable of the app),
    lock_screen (public | private | secret: how much a locked phone shows): Android alone.
    """

    title: str
    body: str
    image_url: str = ""
    link: str = ""
    data: Mapping[str, str] = _NOTHING
    buttons: tuple[Button, ...] = ()
    badge: int | None = None
    sound: str = ""
    silent: bool = False
    urgency: str = "high"  # high | normal
    collapse_key: str = ""
    android_channel: str = ""
    interruption_level: str = ""
    subtitle: str = ""
    android_icon: str = ""
    lock_screen: str = ""


class PushMessage(NamedTuple):
    """One try at one device.

    notification_id: the signed delivery id; carried in the payload as `nid`, and as FCM tag, apns-collapse-id,
    Web Push Topic (hashed) unless content.collapse_key is given, so that a second copy replaces the first.
    address: FCM token or installation id, APNs hex token, Web Push endpoint. address_kind: "token" | "fid".
    webpush_p256dh, webpush_auth: base64url without padding, Web Push only. environment: APNs "production" | "sandbox".
    expires_at: unix seconds; a gateway sends the rest as TTL and never a TTL above the vendor's limit.
    """

    notification_id: str
    address: str
    content: PushContent
    expires_at: float
    address_kind: str = "token"
    environment: str = ""
    webpush_p256dh: str = ""
    webpush_auth: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One SMS. `to` is E.164; `callback_url` empty = no delivery report wanted."""

    reference: str
    to: str
    body: str
    callback_url: str = ""


class Gateway(Protocol):
    """One vendor account. One instance lives as long as its worker process and is used from one event loop."""

    async def open(self) -> None: ...

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        """As many results as messages, in order. Never raises for one message; one POST is one try."""
        ...

    async def close(self) -> None: ...


class TextGateway(Protocol):
    """One SMS provider account."""

    async def open(self) -> None: ...

    async def send(self, messages: Sequence[TextMessage]) -> list[SendResult]: ...

    async def close(self) -> None: ...


class Shelf(Protocol):
    """Where the processes of an installation leave a short-lived secret for one another (core.shelf).

    Blocks; may forget at any time; never raises. claim: True where it falls to the caller to fetch a new one.
    """

    def read(self, name: str) -> tuple[str, float] | None: ...

    def write(self, name: str, value: str, *, good_until: float, seconds: float) -> None: ...

    def claim(self, name: str, seconds: float) -> bool: ...

    def give_up(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class FcmCredentials:
    """service_account: the parsed JSON file that Google issues."""

    service_account: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ApnsCredentials:
    """key_p8: PEM text; topic: the app's bundle id."""

    key_p8: str
    key_id: str
    team_id: str
    topic: str


@dataclass(frozen=True, slots=True)
class VapidCredentials:
    """Keys base64url without padding (private: 32 bytes, public: 65 bytes); subject: mailto: or https:."""

    private_key: str
    public_key: str
    subject: str


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    """sender: E.164, short code or alphanumeric."""

    account_sid: str
    auth_token: str
    sender: str


WireKind = Literal["curl", "lean"]

Credentials = FcmCredentials | ApnsCredentials | VapidCredentials | TwilioCredentials


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the vendors are. Defaults are the real ones; the sandbox replaces them all.

    fcm_base_url: what stands before /v1/projects. ca_file: PEM to trust; "" = Mozilla's authorities (certifi).
    webpush_allowed_hosts: host suffixes beside the vendors' own to which subscriptions may point, also by plain HTTP.
    wire: how to get there (see wires.py).
    """

    fcm_base_url: str = "https://fcm.googleapis.com"
    apns_host: str = ""
    apns_port: int = 443
    webpush_allowed_hosts: tuple[str, ...] = ()
    sms_base_url: str = "https://api.twilio.com"
    ca_file: str = ""
    wire: WireKind = "lean"
