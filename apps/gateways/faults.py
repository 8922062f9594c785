"""What a broken connection means for the message that was on it: libcurl's code -> SendResult.

The question is always "may bytes have left?". `sent` False = the request was never handed to a connection.

| libcurl | word | certainly not sent | may have been sent |
|---|---|---|---|
| 6 | dns | RETRY network | - |
| 7 | connection_refused | RETRY network | - |
| 28 | connect_timeout / timeout | RETRY network | RETRY unknown_outcome |
| 35 | tls_handshake | RETRY network | - |
| 60, 58, 77, 83, 91 | tls_untrusted | CONFIG_BAD | - |
| 1, 3 | bad_url | CONFIG_BAD | - |
| 16, 92 | http2 | RETRY network | RETRY unknown_outcome |
| 42 | connection_lost (our guard against a silent resend) | - | RETRY unknown_outcome |
| 52 | empty_reply | RETRY network | RETRY unknown_outcome |
| 55, 56, 18 | connection_reset | RETRY network | RETRY unknown_outcome |
| other | curl_<code> | RETRY network | RETRY unknown_outcome |
"""

from apps.gateways.contract import RetryReason, SendResult, Verdict

TOO_LATE = "too_late"
_TLS_UNTRUSTED = frozenset({58, 60, 77, 83, 91})
_BAD_URL = frozenset({1, 3})
_NEVER_SENT = frozenset({6, 7, 35})
_WORDS = {
    6: "dns",
    7: "connection_refused",
    16: "http2",
    18: "connection_reset",
    28: "timeout",
    35: "tls_handshake",
    42: "connection_lost",
    52: "empty_reply",
    55: "connection_reset",
    56: "connection_reset",
    92: "http2",
}


def judge_fault(curl_code: int, message: str, *, sent: bool) -> SendResult:
    """The result of a try that got no answer."""
    if curl_code in _TLS_UNTRUSTED:
        detail = f"The server's TLS certificate is not trusted: {message}"
        return SendResult(Verdict.CONFIG_BAD, "tls_untrusted", detail=detail)
    if curl_code in _BAD_URL:
        return unusable_request(message)
    word = _WORDS.get(curl_code, f"curl_{curl_code}")
    if curl_code in _NEVER_SENT or not sent:
        word = "connect_timeout" if word == "timeout" else word
        return SendResult(Verdict.RETRY, word, retry_reason=RetryReason.NETWORK, detail=message)
    return SendResult(Verdict.RETRY, word, retry_reason=RetryReason.UNKNOWN_OUTCOME, detail=message)


def unusable_request(reason: str) -> SendResult:
    """libcurl cannot even take the address or a header: a mistake in the settings or credentials."""
    return SendResult(Verdict.CONFIG_BAD, "bad_url", detail=f"The gateway address is unusable: {reason}")


def refused_stream() -> SendResult:
    """The server declared, by REFUSED_STREAM or GOAWAY, that it has not looked at the request."""
    return SendResult(Verdict.RETRY, "stream_refused", retry_reason=RetryReason.NETWORK)


def queued_too_long() -> SendResult:
    """No connection had room in time: the vendor allows fewer streams than we would use."""
    return SendResult(Verdict.RETRY, "queue_timeout", retry_reason=RetryReason.THROTTLED, whole_account=True)


def too_late() -> SendResult:
    """Not sent: it could not leave before contract.START_BY. No channel is judged by it: it may be our own fault."""
    return SendResult(Verdict.RETRY, TOO_LATE, retry_reason=RetryReason.NETWORK)


def broken_refusal(status: int) -> SendResult:
    """The server's refusal broke off before its reason could be read: not accepted, cause unknown."""
    return SendResult(Verdict.RETRY, "broken_answer", retry_reason=RetryReason.SERVER, detail=f"HTTP {status}")
