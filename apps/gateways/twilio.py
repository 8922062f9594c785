"""Twilio's Messages API. At most once: whatever may have been taken is `unknown_outcome` and is not sent again here.

| code | meaning | verdict |
|---|---|---|
| 21610 | the recipient has answered STOP | TOKEN_DEAD |
| 21211, 21217, 21614, 21635, 30005, 30006 | not a number, no mobile, unknown, landline | TOKEN_DEAD |
| 20429, 30001 | too many requests, queue full | RETRY throttled |
| 30003, 30008, 30017 | phone off, unknown, congestion | RETRY server |
| 20003, 20404, 21212, 21603, 21606, 21659, 21660, 30002 | login, account, sender | CONFIG_BAD |
| 21408, 21608 | this recipient's region is not enabled, or a trial account does not know them | MESSAGE_BAD |
| 21602, 21617, 30004, 30007, 30034 and any other | content, blocked, filtered, unregistered | MESSAGE_BAD |

| HTTP without a code | verdict |
|---|---|
| 201 | ACCEPTED |
| 401, 403, 404, 3xx | CONFIG_BAD |
| 429 | RETRY throttled |
| 503 | RETRY server |
| other 5xx | RETRY unknown_outcome |
| other 4xx | MESSAGE_BAD |

21408 and 21608 are settings of the account, but they concern one recipient: a channel that stopped for them would stop
for all. Source: twilio.com/docs/messaging/api/message-resource, twilio.com/docs/api/errors.
"""

import base64
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from apps.gateways.contract import (
    Endpoints,
    RetryReason,
    SendResult,
    TextMessage,
    TwilioCredentials,
    Verdict,
)
from apps.gateways.wire import Answer, Post, WireLimits
from apps.gateways.wires import open_wire

LIMITS = WireLimits(connections=10, streams=20, in_flight=100, trust_refusals=False)
OPTED_OUT = "21610"

_VERDICTS: Mapping[str, Verdict | RetryReason] = {
    **dict.fromkeys((OPTED_OUT, "21211", "21217", "21614", "21635", "30005", "30006"), Verdict.TOKEN_DEAD),
    **dict.fromkeys(("20429", "30001"), RetryReason.THROTTLED),
    **dict.fromkeys(("30003", "30008", "30017"), RetryReason.SERVER),
    **dict.fromkeys(("20003", "20404", "21212", "21603", "21606", "21659", "21660", "30002"), Verdict.CONFIG_BAD),
}
_HTTP_VERDICTS: Mapping[int, Verdict | RetryReason] = {
    401: Verdict.CONFIG_BAD,
    403: Verdict.CONFIG_BAD,
    404: Verdict.CONFIG_BAD,
    429: RetryReason.THROTTLED,
    503: RetryReason.SERVER,
}


class TwilioGateway:
    """One Twilio account and sender."""

    def __init__(self, credentials: TwilioCredentials, endpoints: Endpoints, *, limits: WireLimits = LIMITS) -> None:
        sid = credentials.account_sid
        login = base64.b64encode(f"{sid}:{credentials.auth_token}".encode()).decode()
        self._url = f"{endpoints.sms_base_url.rstrip('/')}/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json"
        self._headers = [f"Authorization: Basic {login}", "Content-Type: application/x-www-form-urlencoded"]
        self._sender, self._endpoints, self._limits = credentials.sender, endpoints, limits

    async def open(self) -> None:
        self._wire = open_wire(self._endpoints, self._limits)

    async def close(self) -> None:
        await self._wire.close()

    async def send(self, messages: Sequence[TextMessage]) -> list[SendResult]:
        """As the TextGateway protocol says."""
        results: list[SendResult] = [_UNENCODABLE] * len(messages)
        posts: dict[int, Post] = {}
        for place, message in enumerate(messages):
            try:
                posts[place] = Post(self._url, self._headers, self._form(message))
            except UnicodeEncodeError:
                continue
        answers = await self._wire.post(list(posts.values()))
        for place, answer in zip(posts, answers, strict=True):
            results[place] = judge(answer)
        return results

    def _form(self, message: TextMessage) -> bytes:
        """Raises UnicodeEncodeError for what UTF-8 cannot carry."""
        kind = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        fields = {"To": message.to, kind: self._sender, "Body": message.body}
        if message.callback_url:
            fields["StatusCallback"] = message.callback_url
        return urlencode(fields).encode()


def judge(answer: Answer) -> SendResult:
    """What one answer of Twilio means. vendor_code is Twilio's own number, where it said one."""
    if answer.fault is not None:
        return answer.fault
    said = answer.json_object()
    if 200 <= answer.status < 300:
        return SendResult(
            Verdict.ACCEPTED, str(said.get("error_code") or ""), vendor_message_id=str(said.get("sid", ""))
        )
    code = str(said.get("code", ""))
    detail = str(said.get("message", ""))[:300]
    found = _VERDICTS.get(code) or _HTTP_VERDICTS.get(answer.status) or _by_class(answer.status)
    if isinstance(found, Verdict):
        return SendResult(found, code or str(answer.status), detail=detail)
    wait = answer.retry_after_seconds
    return SendResult(
        Verdict.RETRY, code or str(answer.status), retry_after_seconds=wait, retry_reason=found, detail=detail
    )


def _by_class(status: int) -> Verdict | RetryReason:
    if status >= 500:
        return RetryReason.UNKNOWN_OUTCOME
    return Verdict.CONFIG_BAD if status < 400 else Verdict.MESSAGE_BAD


_UNENCODABLE = SendResult(Verdict.MESSAGE_BAD, "unencodable", detail="the text holds what UTF-8 cannot carry")
