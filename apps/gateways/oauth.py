"""Google's access tokens: one per service account for all processes, renewed before it expires, by one request.

google-auth signs the assertion and reads the answer; the exchange itself is libcurl's, under a deadline for the whole
of it and with a cap on the answer. It blocks, so it runs in an executor. Without a token nothing can be sent at all,
whoever is to blame: every failure is CONFIG_BAD, which closes the channel, fails nobody and is probed.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any

import certifi
import google.auth.exceptions
import pycurl
from firebase_admin import credentials

from apps.gateways.contract import SendResult, Shelf, Verdict
from apps.gateways.faults import judge_fault

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
RENEW_BEFORE_SECONDS = 300.0
DEADLINE_SECONDS = 10.0
# After a failure nobody asks Google again for so long.
REST_SECONDS = 5.0
BODY_BYTES = 64 * 1024
# google-auth tries three times where Google says so.
_CLAIM_SECONDS = 3 * DEADLINE_SECONDS + 10
# So long another process's exchange is waited for, before we make our own.
_PATIENCE_SECONDS = DEADLINE_SECONDS / 2
_LOOK_EVERY_SECONDS = 0.05


class NoShelf:
    """For a process that is alone."""

    def read(self, name: str) -> tuple[str, float] | None:
        return None

    def write(self, name: str, value: str, *, good_until: float, seconds: float) -> None:
        """Nobody would read it."""

    def claim(self, name: str, seconds: float) -> bool:
        return True

    def give_up(self, name: str) -> None:
        """Nothing was claimed."""


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
        self,
        service_account: Mapping[str, str],
        *,
        ca_file: str = "",
        now: Callable[[], float] = time.time,
        shelf: Shelf | None = None,
    ) -> None:
        certificate = credentials.Certificate(dict(service_account))
        self._google: Any = certificate.get_credential().with_scopes([SCOPE])
        self._now, self._ca_file, self._shelf = now, ca_file, shelf or NoShelf()
        # Whoever lacks the private key does not find the token of those who have it.
        parts = (service_account.get(name, "") for name in ("client_email", "private_key", "token_uri"))
        self._name = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        self._header, self._expires_at = "", 0.0
        self._renewal: asyncio.Task[None] | None = None
        self._rests_until = 0.0

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
        """The renewal under way, a new one, or the last one while it rests after its failure."""
        if self._renewal is None or (self._renewal.done() and time.monotonic() >= self._rests_until):
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(_look_at_exception)
        return self._renewal

    async def _wait(self, renewal: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(renewal), DEADLINE_SECONDS)
        except TimeoutError:
            raise NoAccessToken(_closed("oauth_timeout", "Google's token server did not answer in time")) from None
        except _Unreachable as error:
            raise NoAccessToken(error.result) from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise NoAccessToken(_judge(error)) from error
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # google-auth on an answer that is no token
            raise NoAccessToken(_closed("oauth_unreadable", f"Google's token server answered: {error}")) from error

    async def _renew(self) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, self._obtain)
        except BaseException:
            self._rests_until = time.monotonic() + REST_SECONDS
            raise
        self._header, self._expires_at = found

    def _obtain(self) -> tuple[str, float]:
        """Another token than ours: the one that another process has left, else a new one from Google, left for all."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            found = self._shelf.read(self._name)
            if found and found[0] != self._header and found[1] > self._now():
                return found
            if self._shelf.claim(self._name, _CLAIM_SECONDS) or time.monotonic() > give_up_at:
                break
            time.sleep(_LOOK_EVERY_SECONDS)
        try:
            return self._exchange()
        finally:
            self._shelf.give_up(self._name)

    def _exchange(self) -> tuple[str, float]:
        self._google.refresh(partial(_post, self._ca_file))
        header = f"Bearer {self._google.token}"
        expires_at = self._google.expiry.replace(tzinfo=UTC).timestamp()
        self._shelf.write(self._name, header, good_until=expires_at, seconds=expires_at - self._now())
        return header, expires_at


class _Unreachable(Exception):
    """No answer came from the token server."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        fault = judge_fault(code, message, sent=False)
        unreachable = _closed("oauth_unreachable", f"Google's token server cannot be reached: {message}")
        self.result = fault if fault.verdict is Verdict.CONFIG_BAD else unreachable


@dataclass(frozen=True, slots=True)
class _Answer:
    """What google-auth reads of one."""

    status: int
    data: bytes


def _post(ca_file: str, *, url: str, body: bytes, headers: Mapping[str, str], **_: object) -> _Answer:
    """What google-auth calls a request: one blocking POST by libcurl. Raises _Unreachable."""
    pieces: list[bytes] = []
    curl = pycurl.Curl()
    try:
        for option, value in (
            (pycurl.URL, url),
            (pycurl.POSTFIELDS, body),
            (pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()]),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | pycurl.PROTO_HTTP),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.CAINFO, ca_file or certifi.where()),
            (pycurl.TIMEOUT_MS, int(DEADLINE_SECONDS * 1000)),
            (pycurl.MAXFILESIZE_LARGE, BODY_BYTES),
            (pycurl.WRITEFUNCTION, pieces.append),
        ):
            curl.setopt(option, value)
        curl.perform()
        return _Answer(curl.getinfo(pycurl.RESPONSE_CODE), b"".join(pieces))
    except pycurl.error as error:
        raise _Unreachable(*error.args[:2]) from error
    finally:
        curl.close()


def _look_at_exception(task: asyncio.Task[None]) -> None:
    """A renewal that nobody waits for may fail: the next one reports it."""
    if not task.cancelled():
        task.exception()


def _judge(error: google.auth.exceptions.GoogleAuthError) -> SendResult:
    text = str(error)
    if getattr(error, "retryable", False):
        return _closed("oauth_unavailable", f"Google's token server is out of order: {text}")
    return _closed(_oauth_word(error), f"Google refused the service account: {text}")


def _oauth_word(error: google.auth.exceptions.GoogleAuthError) -> str:
    answer = error.args[1] if len(error.args) > 1 else None
    return str(answer["error"])[:64] if isinstance(answer, Mapping) and "error" in answer else "oauth_refused"


def _closed(code: str, detail: str) -> SendResult:
    return SendResult(Verdict.CONFIG_BAD, code, detail=detail)
