"""The SMS provider of an app, opened once a process and kept while its credentials stay the same."""

from collections.abc import Sequence
from datetime import datetime

from apps.devices.models import Channel
from apps.devices.services.channels import credentials_of
from apps.gateways import loop
from apps.gateways.contract import START_BY, Endpoints, SendResult, TextGateway, TextMessage
from apps.gateways.factory import make_gateway

_open: dict[int, tuple[datetime, TextGateway]] = {}


def provider_of(channel: Channel, endpoints: Endpoints) -> TextGateway:
    """The channel's provider, ready to send. Raises ValueError or WrongKey where its credentials are unusable."""
    stored_at, provider = _open.get(channel.pk, (None, None))
    if provider is not None and stored_at == channel.updated_at:
        return provider
    fresh = make_gateway("sms", credentials_of(channel), endpoints)
    loop.run(fresh.open())
    if provider is not None:
        loop.run(provider.close())
    _open[channel.pk] = (channel.updated_at, fresh)
    return fresh


def send_texts(provider: TextGateway, texts: Sequence[TextMessage], *, start_by: float) -> list[SendResult]:
    """One try each; as many results as texts, in their order. No call leaves after start_by (monotonic seconds)."""
    return loop.run(_sent(provider, texts, start_by))


async def _sent(provider: TextGateway, texts: Sequence[TextMessage], start_by: float) -> list[SendResult]:
    START_BY.set(start_by)  # of this task alone
    return await provider.send(texts)
