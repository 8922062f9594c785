"""Google's access tokens: one per service account and process, renewed before it expires, by one request for all.

google-auth signs and exchanges (blocking, so in an executor); `token_uri` of the service account is honoured.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import google.auth.exceptions
import google.auth.transport.requests
import requests
from firebase_admin import credentials

from apps.gateways.contract import RetryReason, SendResult, Verdict

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
RENEW_BEFORE_SECONDS = 300.0
DEADLINE_SECONDS = 10.0


class NoAccessToken(Exception):
    """Google gave no token. `result` is what that means for every message that waits for one."""

    def __init__(self, result: SendResult) -> None:
        super().__init__(result.detail)
        self.result = result


class AccessTokens:
    """The current access token of a service account. Use on one event loop.

    Raises, on creation: ValueError where the service account is unusable.
    """

    def __init__(
        self, service_account: Mapping[str, str], *, ca_file: str = "", now: Callable[[], float] = time.time
    ) -> None:
        certificate = credentials.Certificate(dict(service_account))
        self._google: Any = certificate.get_credential().with_scopes([SCOPE])
        self._now, self._ca_file = now, ca_file
        self._header, self._expires_at = "", 0.0
        self._renewal: asyncio.Task[None] | None = None

    async def header(self) -> str:
        """The value of `Authorization`. Waits only where there is no valid token. Raises NoAccessToken."""
        left = self._expires_at - self._now()
        if left < RENEW_BEFORE_SECONDS:
            renewal = self._start_renewal()
            if left <= 0:
                await self._wait(renewal)
        return self._header

    async def renew(self, rejected: str) -> str:
        """A header newer than `rejected`; callers rejected together share one exchange. Raises NoAccessToken."""
        if self._header == rejected:
            await self._wait(self._start_renewal())
        return self._header

    def _start_renewal(self) -> asyncio.Task[None]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._exchange())
            self._renewal.add_done_callback(_look_at_exception)
        return self._renewal

    async def _wait(self, renewal: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(renewal), DEADLINE_SECONDS)
        except TimeoutError:
            raise NoAccessToken(_retry("oauth_timeout", RetryReason.NETWORK, "no answer in time")) from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise NoAccessToken(_judge(error)) from error
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # google-auth on an answer that is no token
            raise NoAccessToken(_retry("oauth_unreadable", RetryReason.SERVER, str(error))) from error

    async def _exchange(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._exchange_blocking)
        self._header = f"Bearer {self._google.token}"
        self._expires_at = self._google.expiry.replace(tzinfo=UTC).timestamp()

    def _exchange_blocking(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self._ca_file or True
            call = google.auth.transport.requests.Request(session)
            self._google.refresh(functools.partial(call, timeout=DEADLINE_SECONDS))


def _look_at_exception(task: asyncio.Task[None]) -> None:
    """A renewal that nobody waits for may fail: the next one reports it."""
    if not task.cancelled():
        task.exception()


def _judge(error: google.auth.exceptions.GoogleAuthError) -> SendResult:
    text = str(error)
    if isinstance(error, google.auth.exceptions.TransportError):
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return SendResult(Verdict.CONFIG_BAD, "tls_untrusted", detail=text)
        return _retry("oauth_unreachable", RetryReason.NETWORK, text)
    if getattr(error, "retryable", False):
        return _retry("oauth_unavailable", RetryReason.SERVER, text)
    return SendResult(Verdict.CONFIG_BAD, _oauth_word(error), detail=f"Google refused the service account: {text}")


def _oauth_word(error: google.auth.exceptions.GoogleAuthError) -> str:
    answer = error.args[1] if len(error.args) > 1 else None
    return str(answer["error"])[:64] if isinstance(answer, Mapping) and "error" in answer else "oauth_refused"


def _retry(code: str, reason: RetryReason, detail: str) -> SendResult:
    return SendResult(Verdict.RETRY, code, retry_reason=reason, detail=detail)
