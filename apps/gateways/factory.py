"""A gateway by its name. A vendor's module, and its libraries, are imported by processes that speak to it."""

from typing import Literal, overload

from apps.gateways.contract import (
    ApnsCredentials,
    Credentials,
    Endpoints,
    FcmCredentials,
    Gateway,
    Shelf,
    TextGateway,
    TwilioCredentials,
    VapidCredentials,
)

GatewayKind = Literal["fcm", "apns", "webpush", "sms"]
PushKind = Literal["fcm", "apns", "webpush"]


@overload
def make_gateway(
    kind: PushKind, credentials: Credentials, endpoints: Endpoints, *, shelf: Shelf | None = None
) -> Gateway: ...
@overload
def make_gateway(kind: Literal["sms"], credentials: Credentials, endpoints: Endpoints) -> TextGateway: ...
def make_gateway(
    kind: GatewayKind, credentials: Credentials, endpoints: Endpoints, *, shelf: Shelf | None = None
) -> Gateway | TextGateway:
    """A gateway that is still to be opened. Raises ValueError where the credentials are unusable.

    shelf: where access tokens are shared with other processes; None = this one is alone.
    """
    match kind:
        case "fcm":
            from apps.gateways.fcm import FcmGateway

            return FcmGateway(_of(FcmCredentials, credentials), endpoints, shelf=shelf)
        case "apns":
            from apps.gateways.apns import ApnsGateway

            return ApnsGateway(_of(ApnsCredentials, credentials), endpoints)
        case "webpush":
            from apps.gateways.webpush import WebPushGateway

            return WebPushGateway(_of(VapidCredentials, credentials), endpoints)
        case "sms":
            from apps.gateways.twilio import TwilioGateway

            return TwilioGateway(_of(TwilioCredentials, credentials), endpoints)
        case _:
            raise ValueError(f"no gateway is called {kind!r}")


def _of[T](wanted: type[T], credentials: object) -> T:
    if not isinstance(credentials, wanted):
        raise ValueError(f"this gateway wants {wanted.__name__}, not {type(credentials).__name__}")
    return credentials
