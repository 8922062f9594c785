"""Many refused tokens at once are a mixed-up configuration."""

import pytest

from apps.gateways import apns, fcm, webpush
from apps.gateways.contract import GONE_CODES, SendResult, Verdict
from apps.gateways.mass import spare_tokens

OK = SendResult(Verdict.ACCEPTED)
SUSPECT = SendResult(Verdict.TOKEN_DEAD, "BadDeviceToken")
GONE = SendResult(Verdict.TOKEN_DEAD, "Unregistered")


@pytest.mark.parametrize(
    ("results", "dead"),
    [
        ([SUSPECT] * 9, 9),
        ([SUSPECT] * 10, 0),
        ([SUSPECT] * 10 + [OK] * 10, 0),
        ([SUSPECT] * 10 + [OK] * 11, 10),
        ([GONE] * 100, 100),
        ([GONE] * 10 + [SUSPECT] * 20, 10),
    ],
)
def test_suspect_codes_are_spared_where_they_are_the_rule(results: list[SendResult], dead: int) -> None:
    spared = spare_tokens(results, frozenset({"BadDeviceToken"}), "the wrong environment")
    assert sum(result.verdict is Verdict.TOKEN_DEAD for result in spared) == dead
    assert len(spared) == len(results)


def test_the_explanation_says_how_many() -> None:
    assert spare_tokens([SUSPECT] * 12, frozenset({"BadDeviceToken"}), "the wrong environment")[0].detail == (
        "12 of 12 tokens refused at once: the wrong environment"
    )


def test_codes_that_always_say_gone_are_those_of_the_tables() -> None:
    tables = [fcm._VERDICTS, apns._VERDICTS, webpush._VERDICTS]
    gone = {str(code) for table in tables for code, verdict in table.items() if verdict is Verdict.TOKEN_DEAD}
    assert gone <= GONE_CODES
