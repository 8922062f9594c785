"""Which gateway a channel's messages go to."""

from apps.core.shelf import CacheShelf
from apps.devices.models import Channel
from apps.devices.services.channels import credentials_of
from apps.gateways.contract import Endpoints, Gateway
from apps.gateways.factory import make_gateway
from apps.gateways.recording import RecordingGateway


def gateway_of(channel: Channel, *, is_test: bool, endpoints: Endpoints, is_production: bool) -> Gateway:
    """The channel's own account; in production a test's messages are recorded and sent nowhere.

    Raises ValueError or WrongKey where the credentials are unusable.
    """
    if is_test and is_production:
        return RecordingGateway()
    shelf = CacheShelf("access-token")
    return make_gateway(channel.gateway, credentials_of(channel), endpoints, shelf=shelf)  # type: ignore[call-overload, no-any-return]
