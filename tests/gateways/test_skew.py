"""Our clock apart from Apple's by more than it bears: the channel closes with a reason, nobody fails, it heals."""

import secrets
import time

import pytest

from apps.gateways.apns import ApnsGateway
from apps.gateways.contract import SendResult, Verdict
from tests.fixtures_sandbox import RunningSandbox
from tests.gateways.conftest import push, run


@pytest.mark.parametrize(
    ("minutes", "code"), [(70, "InvalidProviderToken"), (-120, "ExpiredProviderToken")], ids=["ahead", "behind"]
)
def test_a_wrong_clock_closes_the_channel_until_it_is_set(sandbox: RunningSandbox, minutes: int, code: str) -> None:
    shift = [minutes * 60.0]
    gateway = ApnsGateway(sandbox.credentials.app().apns, sandbox.endpoints, now=lambda: time.time() + shift[0])
    phones = [push(secrets.token_hex(32)) for _ in range(5)]

    async def work() -> tuple[list[SendResult], list[SendResult]]:
        await gateway.open()
        wrong = await gateway.send(phones)
        shift[0] = 0.0
        right = await gateway.send(phones)
        await gateway.close()
        return wrong, right

    wrong, right = run(work())
    assert {(result.verdict, result.vendor_code) for result in wrong} == {(Verdict.CONFIG_BAD, code)}
    assert all("clock" in result.detail for result in wrong)
    assert {result.verdict for result in right} == {Verdict.ACCEPTED}


def test_seventy_minutes_behind_a_younger_token_is_tried_first(sandbox: RunningSandbox) -> None:
    """A token's age is 0 to 40 minutes, from then on 0 to 20: seventy minutes are too much either way."""
    gateway = ApnsGateway(sandbox.credentials.app().apns, sandbox.endpoints, now=lambda: time.time() - 70 * 60)

    async def work() -> list[SendResult]:
        await gateway.open()
        results = await gateway.send([push(secrets.token_hex(32))])
        await gateway.close()
        return results

    (result,) = run(work())
    assert (result.verdict, result.vendor_code) == (Verdict.CONFIG_BAD, "ExpiredProviderToken")
