"""Twilio's status callbacks: signed form posts, some time after the message was taken.

Source: twilio.com/docs/usage/security (X-Twilio-Signature) and .../messaging/guides/track-outbound-message-status.
"""

import asyncio
import base64
import hmac
import logging
from dataclasses import dataclass
from urllib.parse import urlencode

from apps.sandbox.wire.client import CallFailed, LoopbackClient, NotLoopback

log = logging.getLogger(__name__)

MOST_WAITING = 50_000
_AT_ONCE = 8
_TRIES = 3
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Callback:
    """One report to send."""

    url: str
    auth_token: str
    fields: dict[str, str]


def signature(auth_token: str, url: str, fields: dict[str, str]) -> str:
    """The X-Twilio-Signature of a form post."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()


def signed_form_headers(auth_token: str, url: str, fields: dict[str, str]) -> dict[str, str]:
    """What a form from Twilio comes with."""
    return {
        "content-type": "application/x-www-form-urlencoded",
        "user-agent": "TwilioProxy/1.1",
        "x-twilio-signature": signature(auth_token, url, fields),
    }


class CallbackSender:
    """Sends callbacks when they are due: a few at a time, and no more waiting than MOST_WAITING."""

    def __init__(self, client: LoopbackClient) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._waiting = 0

    def send_later(self, delay_seconds: float, callback: Callback) -> None:
        """Send one callback after a delay; past the bound it is dropped, which the log says."""
        if self._waiting >= MOST_WAITING:
            log.warning("sandbox: %d status callbacks wait already, one dropped", self._waiting)
            return
        self._waiting += 1
        asyncio.get_running_loop().call_later(delay_seconds, self._start, callback)

    def _start(self, callback: Callback) -> None:
        task = asyncio.ensure_future(self._send(callback))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, callback: Callback) -> None:
        try:
            async with self._slots:
                await self._try(callback)
        except NotLoopback:
            log.warning("sandbox: no status callback to %s, it is not plain http on this machine", callback.url)
        finally:
            self._waiting -= 1

    async def _try(self, callback: Callback) -> None:
        headers = signed_form_headers(callback.auth_token, callback.url, callback.fields)
        for _ in range(_TRIES):
            try:
                reply = await self._client.post(callback.url, headers, urlencode(callback.fields).encode())
            except CallFailed:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if reply.status < 500:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
