"""What a gateway's verdict means for the device: an outcome, or another try.

Never more than the vendor said: a bad message or bad credentials say nothing about the address.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from apps.deliveries.states import OUTCOMES
from apps.gateways.contract import RetryReason, SendResult, Verdict

MOST_TRIES = 10
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 600.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
# Our own fault or the vendor's pace: waiting, not failing, however often.
_UNCOUNTED = {RetryReason.THROTTLED}
# Nobody was reached, so nobody refused: such tries lengthen the delay up to here, and give nobody up.
MOST_TRIES_IN_VAIN = 7

_OUTCOMES = {
    Verdict.ACCEPTED: OUTCOMES["accepted"],
    Verdict.TOKEN_DEAD: OUTCOMES["token_dead"],
    Verdict.MESSAGE_BAD: OUTCOMES["message_bad"],
}


@dataclass(frozen=True, slots=True)
class Final:
    """The device has its outcome."""

    outcome: int
    code: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The device goes to Retry. tries: how many have counted so far."""

    due_at: datetime
    tries: int
    reason: str
    may_have_arrived: bool


def decide(
    result: SendResult,
    *,
    tries: int,
    is_probe: bool = False,
    may_have_arrived: bool,
    resends_unknown: bool,
    expires_at: datetime,
    now: datetime,
    chance: Random,
) -> Final | TryAgain:
    """One answer. tries: counted before this one. resends_unknown: the dispatch prefers twice to never.

    is_probe: we sent it into a closed channel, so a refusal is no fault of this device and does not count.
    """
    if result.verdict in _OUTCOMES:
        return Final(_OUTCOMES[result.verdict], "" if result.verdict is Verdict.ACCEPTED else result.vendor_code)
    is_unknown = result.retry_reason is RetryReason.UNKNOWN_OUTCOME
    code = result.vendor_code or str(result.retry_reason or result.verdict)
    if is_unknown and not resends_unknown:
        return Final(OUTCOMES["unknown_outcome"], code)
    is_counted = not (is_probe or result.verdict is Verdict.CONFIG_BAD or result.retry_reason in _UNCOUNTED)
    tried = tries + 1 if is_counted else tries
    if result.retry_reason is RetryReason.NETWORK:
        tried = max(tries, min(tried, MOST_TRIES_IN_VAIN))
    due_at = now + timedelta(seconds=_delay(result, tries, chance))
    may_have_arrived = may_have_arrived or is_unknown
    if tried >= MOST_TRIES or due_at >= expires_at:
        return Final(OUTCOMES["unknown_outcome" if may_have_arrived else "gave_up"], code)
    return TryAgain(due_at, tried, code[:60], may_have_arrived)


def _delay(result: SendResult, tries: int, chance: Random) -> float:
    """Seconds: the vendor's own wish within reason, else doubling; both spread, lest a crowd return at once."""
    if result.retry_after_seconds is not None:
        wish = min(max(result.retry_after_seconds, 1.0), LONGEST_RETRY_AFTER_SECONDS)
        return wish * chance.uniform(1.0, 1.2)
    return min(FIRST_DELAY_SECONDS * 2**tries, LONGEST_DELAY_SECONDS) * chance.uniform(0.75, 1.25)
