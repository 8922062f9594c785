"""What phones say back: receipts for taps, replies to texts, and where switched on a receipt for every arrival."""

import asyncio
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from apps.sandbox.emulators.sms_callbacks import signed_form_headers
from apps.sandbox.inbox import Arrival
from apps.sandbox.wire.client import CallFailed, LoopbackClient, NotLoopback
from apps.sandbox.world import World

log = logging.getLogger(__name__)

_BATCH = 500  # what POST /v2.1/receipts takes
_MOST_WAITING = 100_000
_PAUSE_SECONDS = 0.5
_KEPT_TAPS = 5_000


@dataclass(slots=True)
class SentReceipt:
    """One receipt of a tap. result: "sending", then the product's status code or why there was none."""

    type: str
    action: str
    result: str


@dataclass(frozen=True, slots=True)
class Product:
    """Where receipts go. app: the slug that the publishable key belongs to."""

    url: str
    key: str
    app: str


class Receipts:
    """Sends receipts and remembers what became of the taps. version: rises with every change."""

    def __init__(self, world: World, client: LoopbackClient, data_dir: Path, public_url: str) -> None:
        self._world = world
        self._client = client
        self._logins = data_dir / "demo-logins.json"
        self._public_url = public_url
        self._taps: OrderedDict[int, list[SentReceipt]] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[dict[str, str]] = []
        self.version = 0

    def of(self, arrival: Arrival) -> list[SentReceipt]:
        """The receipts that taps on this notification sent."""
        return self._taps.get(arrival.number, [])

    def tap(self, arrival: Arrival, type: str, action: str = "") -> None:
        """Tell the product what a person did; returns at once, the result is found with `of`."""
        sent = SentReceipt(type, action, "sending")
        self._taps.setdefault(arrival.number, []).append(sent)
        if len(self._taps) > _KEPT_TAPS:
            self._taps.popitem(last=False)
        self.version += 1
        task = asyncio.ensure_future(self._send_tap(arrival, sent))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send_tap(self, arrival: Arrival, sent: SentReceipt) -> None:
        product = self.product()
        if arrival.gateway == "sms":
            sent.result = await self._reply(product, arrival, sent.action)
        elif not arrival.notification_id:
            sent.result = "it carries no id"
        elif arrival.app != product.app:
            sent.result = f"only {product.app} has a key here"
        else:
            item = self._item(arrival, sent.type) | ({"action": sent.action} if sent.action else {})
            sent.result = await self._post(product, [item])
        self.version += 1

    async def _reply(self, product: Product, arrival: Arrival, text: str) -> str:
        """A text from the phone to its sender, as Twilio reports it to the account's owner."""
        account = self._world.credentials.app(arrival.app).sms
        url = f"{product.url}/v2.1/callbacks/sms/twilio"
        fields = {
            "AccountSid": account.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": text,
            "From": arrival.token,
            "MessageSid": "SM" + secrets.token_hex(16),
            "NumMedia": "0",
            "To": account.sender,
        }
        headers = signed_form_headers(account.auth_token, url, fields)
        return await self._call(url, headers, urlencode(fields).encode())

    def note(self, arrival: Arrival) -> None:
        """Queue `received` and `displayed` for an arrival, as an SDK would send them by itself."""
        if arrival.gateway != "sms" and arrival.notification_id and len(self._waiting) < _MOST_WAITING:
            self._waiting += [self._item(arrival, "received"), self._item(arrival, "displayed")]

    async def send_noted(self) -> None:
        """Send what `note` queued, in batches, for ever."""
        while True:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if batch:
                result = await self._post(self.product(), batch)
                if not result.startswith("2"):
                    log.warning("sandbox: %d receipts got %s", len(batch), result)
            await asyncio.sleep(0 if len(self._waiting) >= _BATCH else _PAUSE_SECONDS)

    def product(self) -> Product:
        """The product as the demo's logins describe it, read anew each time: the demo may come later."""
        try:
            logins: dict[str, Any] = json.loads(self._logins.read_text())
        except (OSError, ValueError):
            logins = {}
        key = logins.get("api_keys", {}).get("publishable", "")
        return Product(logins.get("url", self._public_url).rstrip("/"), key, logins.get("app", "shop"))

    def _item(self, arrival: Arrival, type: str) -> dict[str, str]:
        at = datetime.fromtimestamp(self._world.clock(), UTC).isoformat()
        return {"delivery_id": arrival.notification_id, "type": type, "at": at}

    async def _post(self, product: Product, items: Sequence[dict[str, str]]) -> str:
        headers = {"authorization": f"Bearer {product.key}", "content-type": "application/json"}
        return await self._call(f"{product.url}/v2.1/receipts", headers, json.dumps({"receipts": items}).encode())

    async def _call(self, url: str, headers: dict[str, str], body: bytes) -> str:
        """The status of the product's answer, or why there was none."""
        try:
            reply = await self._client.post(url, headers, body)
        except NotLoopback:
            return f"{url} is not on this machine"
        except CallFailed as reason:
            return str(reason)
        return str(reply.status)
