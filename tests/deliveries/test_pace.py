"""Pace: what all workers together may open is exact over a minute, whenever they come and ask."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from apps.deliveries.models import PaceBucket
from apps.deliveries.services.claim import ChannelKey, Held
from apps.deliveries.services.pace import Purse, Wish, grant, size_at
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db


def held(batch_id: int = 1, **fields: Any) -> Held:
    """A batch in a worker's hand."""
    values: dict[str, Any] = {
        "fence": 1, "dispatch_id": 1, "app_id": 1, "gateway": 1, "channel": ChannelKey(1, NOW), "is_probe": False,
        "size": 1000, "opened": 0, "recorded": 0, "crashes": 0, "tries": 0, "may_have_arrived": False,
        "expires_at": NOW, "throttle_per_second": None, "pace_per_second": None, "project": "",
        "quota_per_second": None, "released_at": NOW,
    }  # fmt: skip
    return Held(batch_id, **{**values, **fields})


def visits(chance: Random, workers: int, seconds: float, longest: float) -> Iterator[datetime]:
    """When somebody asks: each worker on its own, at odd moments; their clocks are apart by some milliseconds."""
    moments = []
    for _ in range(workers):
        at = 0.0
        while (at := at + chance.uniform(0.01, longest)) < seconds:
            moments.append(at)
    for at in sorted(moments):
        yield NOW + timedelta(seconds=at + chance.uniform(-0.005, 0.005))


@pytest.mark.parametrize(("rate", "longest"), [(0.5, 1.0), (7.3, 0.3), (333.0, 0.1)])
@pytest.mark.parametrize("limit", ["throttle_per_second", "pace_per_second"])
def test_a_minute_is_exact_across_workers(rate: float, longest: float, limit: str) -> None:
    batch = held(**{limit: rate})
    owner = "dispatch:1" if limit == "throttle_per_second" else "channel:1"
    PaceBucket.objects.create(owner=owner, tokens=0, refilled_at=NOW)
    opened = 0
    for now in visits(Random(5), workers=3, seconds=60.0, longest=longest):
        (wish,) = grant(wishes=[Wish(batch, size_at(rate))], now=now)
        opened += wish.count
    assert opened == pytest.approx(60 * rate, rel=0.02, abs=1)


def test_what_the_channels_pace_refuses_is_given_back_to_the_throttle() -> None:
    batch = held(throttle_per_second=50.0, pace_per_second=5.0)
    for owner in ("dispatch:1", "channel:1"):
        PaceBucket.objects.create(owner=owner, tokens=0, refilled_at=NOW)
    opened = sum(
        grant(wishes=[Wish(batch, 5)], now=NOW + timedelta(seconds=second / 10))[0].count for second in range(600)
    )
    assert opened == pytest.approx(300, abs=6)
    assert PaceBucket.objects.get(owner="dispatch:1").tokens > 40


def test_a_pause_does_not_make_a_burst() -> None:
    PaceBucket.objects.create(owner="dispatch:1", tokens=0, refilled_at=NOW)
    (wish,) = grant(wishes=[Wish(held(throttle_per_second=10.0), 100)], now=NOW + timedelta(hours=1))
    assert wish.count == 11


def test_a_projects_quota_is_shared_by_all_processes_and_apps() -> None:
    batches = [held(number, app_id=number, project="shop", quota_per_second=200.0) for number in (1, 2, 3)]
    purses = [Purse(), Purse(), Purse()]
    opened = 0
    for step in range(600):  # a minute
        now = NOW + timedelta(seconds=step / 10)
        for purse, batch in zip(purses, batches, strict=True):
            purse.fill(held=[batch], now=now)
            opened += sum(wish.count for wish in purse.spend([Wish(batch, 100)]))
    assert 11_000 < opened <= 12_000


def test_the_first_push_need_not_wait_for_the_quota() -> None:
    assert Purse().spend([Wish(held(project="shop", quota_per_second=10.0), 1)])[0].count == 1


def test_what_a_process_did_not_use_goes_back() -> None:
    purse, batch = Purse(), held(project="shop", quota_per_second=1000.0)
    PaceBucket.objects.create(owner="project:shop", tokens=500, refilled_at=NOW)
    purse.fill(held=[batch], now=NOW)
    purse.spend([Wish(batch, 10)])
    purse.settle(now=NOW)
    assert PaceBucket.objects.get().tokens == 490


def test_what_was_spent_on_a_batch_that_was_given_back_at_once_is_paid() -> None:
    """It was never held when a cycle began, so nothing was taken ahead for it."""
    purse = Purse()
    PaceBucket.objects.create(owner="project:shop", tokens=500, refilled_at=NOW)
    purse.spend([Wish(held(project="shop", quota_per_second=1000.0), 10)])
    purse.settle(now=NOW)
    assert PaceBucket.objects.get().tokens == 490


@pytest.mark.django_db(transaction=True)
def test_a_channel_keeps_to_its_projects_quota(phones: Phones, run_lane: Worker) -> None:
    app = make_app()
    make_channel(app, project="shop", quota_per_minute=600)
    make_people(app, 60)
    make_dispatch(app)
    run_lane(slot_seconds=1)  # at a clock that stands still
    assert 1 <= len(phones.inbox) <= 12


@pytest.mark.django_db(transaction=True)
def test_a_slow_campaign_uses_no_more_of_its_projects_quota_than_it_sends(phones: Phones, run_lane: Worker) -> None:
    """What its own pace held back was taken from the quota too, which then held all others of the project."""
    app = make_app()
    make_channel(app, project="shop")
    make_people(app, 60)
    make_dispatch(app, throttle_per_second=5)
    PaceBucket.objects.create(owner="project:shop", tokens=5000, refilled_at=NOW)
    run_lane(slot_seconds=1)
    assert phones.inbox
    assert PaceBucket.objects.get(owner="project:shop").tokens == 5000 - len(phones.inbox)
