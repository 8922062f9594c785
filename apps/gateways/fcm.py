"""Firebase Cloud Messaging, HTTP v1.

FcmError.errorCode decides first, then `status`, then the HTTP code.

| errorCode | status | HTTP | verdict |
|---|---|---|---|
| UNREGISTERED | NOT_FOUND | 404 | TOKEN_DEAD |
| SENDER_ID_MISMATCH | PERMISSION_DENIED | 403 | TOKEN_DEAD; most of a call: CONFIG_BAD (see mass.py) |
| INVALID_ARGUMENT | INVALID_ARGUMENT | 400 | MESSAGE_BAD; but without fieldViolations, about the registration token, |
| | | | and the same payload accepted for another device: TOKEN_DEAD |
| THIRD_PARTY_AUTH_ERROR, APNS_AUTH_ERROR | UNAUTHENTICATED | 401 | CONFIG_BAD |
| QUOTA_EXCEEDED | RESOURCE_EXHAUSTED | 429 | RETRY throttled, Retry-After or 60 s |
| INTERNAL | INTERNAL | 500 | RETRY server |
| UNAVAILABLE | UNAVAILABLE | 503 | RETRY server, Retry-After |
| none | NOT_FOUND, PERMISSION_DENIED | 404, 403 | CONFIG_BAD (project, API off) |
| none | UNAUTHENTICATED | 401 | access token renewed and sent once more, then CONFIG_BAD |
| none | none | 504 | RETRY unknown_outcome |
| none | none | other 5xx, or 200 that is not FCM's | RETRY server |
| none | none | 3xx | CONFIG_BAD (the address is not FCM's) |
| none | none | other 4xx | MESSAGE_BAD |

Source: firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from apps.gateways.contract import (
    Endpoints,
    FcmCredentials,
    PushMessage,
    RetryReason,
    SendResult,
    Shelf,
    Verdict,
)
from apps.gateways.fcm_message import HOLES, LONGEST_TTL_SECONDS, build_template
from apps.gateways.identifiers import collapse_name
from apps.gateways.mass import spare_tokens
from apps.gateways.oauth import AccessTokens, NoAccessToken
from apps.gateways.shape import EncodedContent, Shapes
from apps.gateways.splice import splice_text
from apps.gateways.wire import Answer, Post, WireLimits
from apps.gateways.wires import open_wire

_SUSPECT_CODES = frozenset({"SENDER_ID_MISMATCH"})
_QUOTA_SECONDS = 60.0
_PROVEN_COUNT = 2000
_COLLAPSE_LIMIT = 64

_VERDICTS: Mapping[str, Verdict | RetryReason] = {
    "UNREGISTERED": Verdict.TOKEN_DEAD,
    "SENDER_ID_MISMATCH": Verdict.TOKEN_DEAD,
    "INVALID_ARGUMENT": Verdict.MESSAGE_BAD,
    "THIRD_PARTY_AUTH_ERROR": Verdict.CONFIG_BAD,
    "APNS_AUTH_ERROR": Verdict.CONFIG_BAD,
    "QUOTA_EXCEEDED": RetryReason.THROTTLED,
    "INTERNAL": RetryReason.SERVER,
    "UNAVAILABLE": RetryReason.SERVER,
    # Words of google.rpc.Code that come without an errorCode.
    "NOT_FOUND": Verdict.CONFIG_BAD,
    "PERMISSION_DENIED": Verdict.CONFIG_BAD,
    "UNAUTHENTICATED": Verdict.CONFIG_BAD,
    "RESOURCE_EXHAUSTED": RetryReason.THROTTLED,
}
_HTTP_VERDICTS: Mapping[int, Verdict | RetryReason] = {
    401: Verdict.CONFIG_BAD,
    403: Verdict.CONFIG_BAD,
    404: Verdict.CONFIG_BAD,
    429: RetryReason.THROTTLED,
    504: RetryReason.UNKNOWN_OUTCOME,
}


class FcmGateway:
    """One Firebase project. Raises, on creation: ValueError where the service account is unusable."""

    def __init__(
        self,
        credentials: FcmCredentials,
        endpoints: Endpoints,
        *,
        limits: WireLimits | None = None,
        now: Callable[[], float] = time.time,
        shelf: Shelf | None = None,
    ) -> None:
        account = credentials.service_account
        project = account.get("project_id")
        if not project:
            raise ValueError("the service account names no project")
        self._url = f"{endpoints.fcm_base_url.rstrip('/')}/v1/projects/{quote(project)}/messages:send"
        self._tokens = AccessTokens(account, ca_file=endpoints.ca_file, now=now, shelf=shelf)
        self._endpoints, self._limits, self._now = endpoints, limits or _limits_for(self._url), now
        self._headers: list[str] = []
        self._shapes = Shapes(build_template, HOLES)
        self._proven: dict[int, None] = {}

    async def open(self) -> None:
        self._wire = open_wire(self._endpoints, self._limits)

    async def close(self) -> None:
        await self._wire.close()

    async def send(self, messages: Sequence[PushMessage]) -> list[SendResult]:
        """As the Gateway protocol says."""
        try:
            authorization = await self._tokens.header()
        except NoAccessToken as error:
            return [error.result] * len(messages)
        results: list[SendResult] = [_UNENCODABLE] * len(messages)
        bodies, contents = self._encode(messages, results)
        answers = await self._post(bodies, authorization)
        answers |= await self._post_again(bodies, answers, authorization)
        # One content object is usually shared by many messages, so the set is taken before the fingerprints.
        accepted = {id(contents[place]): contents[place] for place, answer in answers.items() if answer.status == 200}
        self._prove({content.fingerprint for content in accepted.values()})
        for place, answer in answers.items():
            proven = answer.status == 400 and contents[place].fingerprint in self._proven
            results[place] = judge(answer, payload_proven=proven)
        return spare_tokens(results, _SUSPECT_CODES, "these registration tokens belong to another Firebase project")

    def _encode(
        self, messages: Sequence[PushMessage], results: list[SendResult]
    ) -> tuple[dict[int, bytes], dict[int, EncodedContent]]:
        """Bodies by place; a message that cannot be encoded gets its result and no body."""
        encode = self._shapes.encoder()
        bodies: dict[int, bytes] = {}
        contents: dict[int, EncodedContent] = {}
        now = self._now()
        for place, message in enumerate(messages):
            try:
                content = encode(message.content)
                bodies[place] = _fill(content, message, now)
                contents[place] = content
            except ValueError as error:
                results[place] = SendResult(Verdict.MESSAGE_BAD, "unencodable", detail=str(error))
        return bodies, contents

    async def _post(self, bodies: Mapping[int, bytes], authorization: str) -> dict[int, Answer]:
        header = f"Authorization: {authorization}"
        if not self._headers or self._headers[0] != header:
            self._headers = [header, "Content-Type: application/json; charset=UTF-8"]
        answers = await self._wire.post([Post(self._url, self._headers, body) for body in bodies.values()])
        return dict(zip(bodies, answers, strict=True))

    async def _post_again(
        self, bodies: Mapping[int, bytes], answers: Mapping[int, Answer], authorization: str
    ) -> dict[int, Answer]:
        """401 = certainly not accepted, so a second POST with a new token is still one try.

        A third, where the new one was another process's and fared no better.
        """
        again: dict[int, Answer] = {}
        rejected = _rejected(answers)
        for _ in range(2 if rejected else 0):
            try:
                authorization = await self._tokens.renew(authorization)
            except NoAccessToken as error:
                return again | dict.fromkeys(rejected, Answer(fault=error.result))
            again |= await self._post({place: bodies[place] for place in rejected}, authorization)
            rejected = _rejected(again)
            if not rejected:
                break
        return again

    def _prove(self, fingerprints: set[int]) -> None:
        """Remember the contents that a device took."""
        for fingerprint in fingerprints:
            self._proven.pop(fingerprint, None)
            self._proven[fingerprint] = None
        while len(self._proven) > _PROVEN_COUNT:
            del self._proven[next(iter(self._proven))]


def _rejected(answers: Mapping[int, Answer]) -> list[int]:
    """Whose access token was not taken."""
    return [place for place, answer in answers.items() if answer.status == 401 and not _error_code(answer)]


def judge(answer: Answer, *, payload_proven: bool) -> SendResult:
    """What one answer of FCM means. payload_proven: the same payload has been accepted for another device."""
    if answer.fault is not None:
        return answer.fault
    if answer.status == 200:
        return _accepted(answer)
    error = _error_of(answer)
    code = _error_code(answer) or str(error.get("status", ""))
    found = _VERDICTS.get(code) or _HTTP_VERDICTS.get(answer.status) or _by_class(answer.status)
    detail = str(error.get("message", ""))[:500]
    if code == "INVALID_ARGUMENT" and payload_proven and _blames_token(error):
        found = Verdict.TOKEN_DEAD
    if isinstance(found, Verdict):
        return SendResult(found, code or str(answer.status), detail=detail)
    wait = answer.retry_after_seconds
    if found is RetryReason.THROTTLED and wait is None:
        wait = _QUOTA_SECONDS
    return SendResult(
        Verdict.RETRY,
        code or str(answer.status),
        retry_after_seconds=wait,
        retry_reason=found,
        detail=detail,
        whole_account=wait is not None,
    )


def _accepted(answer: Answer) -> SendResult:
    """200 counts even where its body broke off; a whole page that is not JSON is not FCM's.

    Of projects/<project>/messages/<id> the id alone is kept: as in Google's exports, and half the bytes a delivery.
    """
    if answer.body and not answer.body.lstrip().startswith(b"{"):
        return SendResult(Verdict.RETRY, "not_fcm", retry_reason=RetryReason.SERVER, detail="200 with a foreign body")
    name = str(answer.json_object().get("name", ""))
    return SendResult(Verdict.ACCEPTED, vendor_message_id=name.rpartition("/messages/")[2])


def _by_class(status: int) -> Verdict | RetryReason:
    if status >= 500:
        return RetryReason.SERVER
    return Verdict.CONFIG_BAD if status < 400 else Verdict.MESSAGE_BAD


def _error_of(answer: Answer) -> Mapping[str, Any]:
    error = answer.json_object().get("error")
    return error if isinstance(error, dict) else {}


def _details(error: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    details = error.get("details")
    if not isinstance(details, list):
        return []
    return [each for each in details if isinstance(each, dict) and str(each.get("@type", "")).endswith(kind)]


def _error_code(answer: Answer) -> str:
    found = _details(_error_of(answer), "google.firebase.fcm.v1.FcmError")
    return str(found[0].get("errorCode", "")) if found else ""


def _blames_token(error: Mapping[str, Any]) -> bool:
    violations = any(each.get("fieldViolations") for each in _details(error, "google.rpc.BadRequest"))
    return not violations and "registration token" in str(error.get("message", "")).lower()


def _fill(content: EncodedContent, message: PushMessage, now: float) -> bytes:
    """Values in the order of fcm_message.HOLES."""
    ttl = min(max(int(message.expires_at - now), 0), LONGEST_TTL_SECONDS)
    return content.fill(
        b"fid" if message.address_kind == "fid" else b"token",
        splice_text(message.address),
        splice_text(message.notification_id),
        splice_text(collapse_name(message.content.collapse_key or message.notification_id, _COLLAPSE_LIMIT)),
        b"%d" % ttl,
        b"%d" % (now + ttl),
    )


def _limits_for(url: str) -> WireLimits:
    """Plain HTTP (a sandbox) is HTTP/1.1, where a connection carries one request at a time."""
    return WireLimits() if url.startswith("https:") else WireLimits(connections=100, streams=1)


_UNENCODABLE = SendResult(Verdict.MESSAGE_BAD, "unencodable")
