"""A gateway that sends nothing: where test keys end in production."""

from collections.abc import Sequence

from apps.gateways.contract import PushMessage, SendResult, Verdict


class RecordingGateway:
    """Accepts every message and lets it go nowhere; the ledger keeps the record."""

    async def open(self) -> None:
        """Nothing to open."""

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        """As the Gateway protocol says."""
        return [SendResult(Verdict.ACCEPTED, "recorded", message.notification_id) for message in messages]

    async def close(self) -> None:
        """Nothing to close."""
