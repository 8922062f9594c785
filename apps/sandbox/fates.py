"""Tokens that carry their fate in a prefix, and the behaviours that fates and scripts can ask for."""

from enum import StrEnum


class Behaviour(StrEnum):
    """How a gateway can behave; every word works for every gateway where the protocol has a place for it."""

    OK = "ok"
    UNREGISTERED = "unregistered"
    BAD_TOKEN = "bad_token"
    PAYLOAD_BAD = "payload_bad"
    CONFIG_BAD = "config_bad"
    THROTTLE = "throttle"
    SERVER_ERROR = "server_error"
    SLOW = "slow"
    NEVER = "never"
    RESET = "reset"
    GOAWAY = "goaway"
    DROP_AFTER_ACCEPT = "drop_after_accept"
    HTML_ERROR = "html_error"
    # Beyond the contract: what single vendors do, for tests of our clients.
    ANSWER = "answer"  # the script's own status, headers and body
    EMPTY_ERROR = "empty_error"
    SPLIT_BODY = "split_body"
    DROP_BEFORE_HEADERS = "drop_before_headers"
    DROP_AFTER_HEADERS = "drop_after_headers"
    EXPIRED_TOKEN = "expired_token"
    NOT_FOR_TOPIC = "not_for_topic"
    SENDER_MISMATCH = "sender_mismatch"
    UPPER_CASE_ID = "upper_case_id"
    ONE_STREAM = "one_stream"


PREFIXES = {
    "ok-": Behaviour.OK,
    "dead-": Behaviour.UNREGISTERED,
    "slow-": Behaviour.SLOW,
    "flaky-": Behaviour.SERVER_ERROR,
    "bad-": Behaviour.BAD_TOKEN,
}

# APNs tokens are hex: eight digits, so that a random token hits one once in four thousand million.
APNS_PREFIXES = {
    "0c000000": Behaviour.OK,
    "dead0000": Behaviour.UNREGISTERED,
    "510e0000": Behaviour.SLOW,
    "f1a40000": Behaviour.SERVER_ERROR,
    "bad00000": Behaviour.BAD_TOKEN,
    "e4910000": Behaviour.EXPIRED_TOKEN,
    "70910000": Behaviour.NOT_FOR_TOPIC,
    "9b70be00": Behaviour.UPPER_CASE_ID,
}

# The numbers Twilio documents for test credentials, then ours for what a status callback reports later.
PHONE_NUMBERS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
PHONE_ENDINGS = {"0930": 30003, "0950": 30005, "0960": 30006, "0970": 30007}

SLOW_SECONDS = 2.0
_FLAKY = ("flaky-", "f1a40000")
_MEMORY = 100_000


class Fates:
    """Looks fates up; remembers which flaky token failed last."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def of(self, token: str) -> Behaviour:
        """The fate written in the token. A flaky one fails at every second call, beginning with the first."""
        if token.startswith(_FLAKY):
            return self._flaky(token)
        prefix = token[: token.find("-") + 1]
        return PREFIXES.get(prefix) or APNS_PREFIXES.get(token[:8]) or Behaviour.OK

    def _flaky(self, token: str) -> Behaviour:
        if token in self._failed:
            self._failed.discard(token)
            return Behaviour.OK
        if len(self._failed) >= _MEMORY:
            self._failed.clear()
        self._failed.add(token)
        return Behaviour.SERVER_ERROR
