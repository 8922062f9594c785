"""What a gateway's answers mean for one device, try after try."""

from datetime import timedelta
from random import Random

import pytest

from apps.deliveries.services.verdicts import LONGEST_DELAY_SECONDS, MOST_TRIES, Final, TryAgain, decide
from apps.deliveries.states import OUTCOMES
from apps.gateways.contract import RetryReason, SendResult, Verdict
from tests.factories import NOW

BUSY = SendResult(Verdict.RETRY, "503", retry_reason=RetryReason.SERVER)
AWAY = SendResult(Verdict.RETRY, "dns", retry_reason=RetryReason.NETWORK)
SLOWER = SendResult(Verdict.RETRY, "429", retry_reason=RetryReason.THROTTLED, retry_after_seconds=60)
DENIED = SendResult(Verdict.CONFIG_BAD, "InvalidProviderToken")
SILENT = SendResult(Verdict.RETRY, "timeout", retry_reason=RetryReason.UNKNOWN_OUTCOME)


def after(*results: SendResult) -> Final | TryAgain:
    """What becomes of a device that got these, one after the other."""
    chance, tries, may_have_arrived = Random(1), 0, False
    for result in results:
        decision = decide(
            result,
            tries=tries,
            may_have_arrived=may_have_arrived,
            resends_unknown=True,
            expires_at=NOW + timedelta(days=1),
            now=NOW,
            chance=chance,
        )
        if isinstance(decision, Final):
            return decision
        tries, may_have_arrived = decision.tries, decision.may_have_arrived
    return decision


def test_a_vendor_that_refuses_ten_times_is_believed() -> None:
    assert isinstance(after(*[BUSY] * (MOST_TRIES - 1)), TryAgain)
    assert after(*[BUSY] * MOST_TRIES) == Final(OUTCOMES["gave_up"], "503")


def test_silence_in_the_end_is_an_unknown_outcome() -> None:
    assert after(*[SILENT] * MOST_TRIES) == Final(OUTCOMES["unknown_outcome"], "timeout")


@pytest.mark.parametrize("result", [AWAY, SLOWER, DENIED], ids=["away", "throttled", "denied"])
def test_what_is_not_the_vendors_refusal_gives_nobody_up(result: SendResult) -> None:
    assert isinstance(after(*[result] * 100), TryAgain)


def test_after_an_outage_a_refusal_does_not_end_it_at_once() -> None:
    assert isinstance(after(*[AWAY] * 100, BUSY, BUSY), TryAgain)


def test_an_outage_lengthens_the_delay() -> None:
    decision = after(*[AWAY] * 20)
    assert isinstance(decision, TryAgain)
    assert 0.75 <= (decision.due_at - NOW).total_seconds() / LONGEST_DELAY_SECONDS <= 1.25


def test_the_messages_expiry_ends_everything() -> None:
    decision = decide(
        AWAY,
        tries=0,
        may_have_arrived=False,
        resends_unknown=True,
        expires_at=NOW + timedelta(seconds=1),
        now=NOW,
        chance=Random(1),
    )
    assert decision == Final(OUTCOMES["gave_up"], "dns")
