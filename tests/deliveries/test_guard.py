"""Guard: canaries go first, and a dispatch that goes wrong stops by itself."""

from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.guard import canary_size, judge_dispatches
from apps.deliveries.services.lifecycle import resume
from apps.deliveries.services.plan import ContentDraft
from apps.deliveries.services.release import requeue_retries
from apps.devices.models import Device
from apps.gateways.contract import RetryReason, SendResult, Verdict
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)

BAD = SendResult(Verdict.MESSAGE_BAD, "INVALID_ARGUMENT")
DEAD = SendResult(Verdict.TOKEN_DEAD, "UNREGISTERED")
BUSY = SendResult(Verdict.RETRY, "503", retry_reason=RetryReason.SERVER)
CANARY = Policy(canary_devices=10)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def answer(phones: Phones, devices: list[Device], result: SendResult) -> None:
    phones.answers = {device.address: [result] for device in devices}


def test_the_rest_waits_for_the_canary_and_then_goes(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 40)
    dispatch = make_dispatch(app, policy=CANARY)
    assert (dispatch.guard, run_lane().devices) == ("canary", 10)
    assert judge_dispatches(now=NOW) == 1
    assert run_lane().devices == 30
    assert len(phones.inbox) == 40


def test_a_canary_that_is_not_answered_yet_holds_the_rest(app: App) -> None:
    make_people(app, 40)
    make_dispatch(app, policy=CANARY)
    assert judge_dispatches(now=NOW) == 0


def test_a_bad_canary_stops_it_and_the_rest_is_spared(app: App, phones: Phones, run_lane: Worker) -> None:
    answer(phones, make_people(app, 60), BAD)
    dispatch = make_dispatch(app, policy=Policy(canary_devices=20))
    run_lane()
    judge_dispatches(now=NOW)
    run_lane()
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.guard, sum(phones.calls.values())) == ("paused", "stopped", 20)
    assert "100%" in dispatch.reason
    assert "INVALID_ARGUMENT" in dispatch.reason


def test_a_person_who_resumes_has_the_last_word(app: App, phones: Phones, run_lane: Worker) -> None:
    answer(phones, make_people(app, 60), BAD)
    dispatch = make_dispatch(app, policy=Policy(canary_devices=20))
    run_lane()
    judge_dispatches(now=NOW)
    resume(dispatch_id=dispatch.pk, now=NOW)
    run_lane()
    assert judge_dispatches(now=NOW) == 0
    assert Delivery.objects.filter(outcome=3).count() == 60


def test_canaries_come_from_each_gateway_by_its_share(app: App) -> None:
    make_channel(app, "apns")
    make_people(app, 30)
    make_people(app, 10, gateway="apns")
    make_dispatch(app, policy=Policy(canary_devices=8))
    sizes = {batch.gateway: len(batch.device_ids) for batch in Batch.objects.filter(is_canary=True)}
    assert sizes == {1: 6, 2: 2}
    assert sum(len(batch.device_ids) for batch in Batch.objects.all()) == 40


def test_canaries_that_have_to_wait_are_tried_again_first(app: App, phones: Phones, run_lane: Worker) -> None:
    answer(phones, make_people(app, 40), BUSY)
    dispatch = make_dispatch(app, policy=CANARY)
    run_lane()
    assert (judge_dispatches(now=NOW), Retry.objects.count()) == (0, 10)
    phones.answers = {}
    later = NOW + timedelta(seconds=10)
    requeue_retries(now=later)
    assert run_lane(at=later).devices == 10
    judge_dispatches(now=later)
    dispatch.refresh_from_db()
    assert dispatch.guard == "watching"


def test_without_a_canary_it_stops_as_soon_as_enough_went_wrong(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 100)
    answer(phones, devices[:31], BAD)
    dispatch = make_dispatch(app)
    assert dispatch.guard == "watching"
    run_lane()
    judge_dispatches(now=NOW)
    assert Dispatch.objects.get().guard == "stopped"


@pytest.mark.parametrize(
    ("count", "wrong", "result", "policy"),
    [
        (100, 30, BAD, Policy()),
        (19, 19, BAD, Policy()),
        (100, 40, DEAD, Policy()),
        (40, 40, DEAD, Policy()),
        (100, 99, BAD, Policy(stop_error_percent=100)),
    ],
)
def test_it_goes_on(
    app: App, phones: Phones, run_lane: Worker, count: int, wrong: int, result: SendResult, policy: Policy
) -> None:
    answer(phones, make_people(app, count)[:wrong], result)
    make_dispatch(app, policy=policy)
    run_lane()
    assert judge_dispatches(now=NOW) == 0


def test_a_list_of_dead_addresses_stops_it(app: App, phones: Phones, run_lane: Worker) -> None:
    answer(phones, make_people(app, 60), DEAD)
    make_dispatch(app)
    run_lane()
    judge_dispatches(now=NOW)
    assert "dead" in Dispatch.objects.get().reason
    assert Device.objects.filter(state="quarantined").count() == 60


def test_texts_that_cannot_be_rendered_stop_it(app: App, run_lane: Worker) -> None:
    make_people(app, 25)
    make_dispatch(app, contents=[ContentDraft(0, "", {"title": "{{ no_such_trait }}", "body": ""})])
    run_lane()
    judge_dispatches(now=NOW)
    assert "empty_text" in Dispatch.objects.get().reason


def test_tests_are_not_guarded(app: App, phones: Phones, run_lane: Worker) -> None:
    answer(phones, make_people(app, 40), BAD)
    make_dispatch(app, kind="test", policy=CANARY)
    run_lane()
    assert (judge_dispatches(now=NOW), Dispatch.objects.get().guard) == (0, "")


@pytest.mark.parametrize(
    ("kind", "policy", "devices", "size"),
    [
        ("campaign", Policy(), 9_999, 0),
        ("campaign", Policy(), 10_000, 100),
        ("campaign", Policy(), 1_000_000, 200),
        ("transactional", Policy(), 1_000_000, 0),
        ("campaign", Policy(canary_devices=0), 1_000_000, 0),
        ("automation", Policy(canary_devices=50), 60, 50),
        ("campaign", Policy(canary_devices=50), 50, 0),
    ],
)
def test_how_many_go_first(kind: str, policy: Policy, devices: int, size: int) -> None:
    assert canary_size(kind, policy, devices) == size
