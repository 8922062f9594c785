"""The winner of an A/B test: decided once, released whole, and nobody of the held rest is ever lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from apps.accounts.models import App
from apps.core.states import InvalidTransition
from apps.deliveries.models import Batch, Delivery, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.lifecycle import CLOSED_AT_ONCE, cancel, finish_dispatches, pause
from apps.deliveries.services.plan import ContentDraft
from apps.deliveries.services.winner import AlreadyDecided, UnknownVariant, choose_winner
from apps.deliveries.states import OUTCOME_WORDS
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_device, make_dispatch, make_people

pytestmark = pytest.mark.django_db
TESTED = Policy(shares=(20, 20), salt="s")
TEXTS = [ContentDraft(number, "", {"title": word, "body": "."}) for number, word in enumerate(("A", "B"))]


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def split_dispatch(app: App) -> Dispatch:
    """A dispatch with two variants for 40 % and a held rest."""
    make_people(app, 40)
    return make_dispatch(app, policy=TESTED, contents=TEXTS)


def held_devices() -> int:
    return sum(len(batch.device_ids) for batch in Batch.objects.filter(state="held"))


def outcomes() -> Counter[tuple[str, str, int]]:
    return Counter((OUTCOME_WORDS[row.outcome], row.code, row.variant) for row in Delivery.objects.all())


def test_the_rest_gets_the_winner_and_the_dispatch_ends(app: App, run_lane: Worker, phones: Phones) -> None:
    dispatch = split_dispatch(app)
    rest = held_devices()
    run_lane()
    finish_dispatches(now=NOW)
    assert 0 < len(phones.inbox) == 40 - rest
    assert choose_winner(dispatch_id=dispatch.pk, variant=1, by="ada", now=NOW).devices == rest
    run_lane()
    finish_dispatches(now=NOW)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.winner, dispatch.decided_by, len(phones.inbox)) == ("done", 1, "ada", 40)
    assert Counter(message.content.title for message in phones.inbox[40 - rest :]) == {"B": rest}
    assert check_ledger(dispatch.pk) == []


def test_the_same_decision_again_changes_nothing(app: App) -> None:
    dispatch = split_dispatch(app)
    first = choose_winner(dispatch_id=dispatch.pk, variant=1, by="ada", now=NOW)
    again = choose_winner(dispatch_id=dispatch.pk, variant=1, by="beat", now=NOW + timedelta(hours=1))
    assert (again.by, again.at, again.devices) == (first.by, NOW, 0)
    with pytest.raises(AlreadyDecided):
        choose_winner(dispatch_id=dispatch.pk, variant=0, by="bob", now=NOW)
    assert {variant for batch in Batch.objects.all() for variant in batch.variants} == {0, 1}


def test_a_decision_killed_before_its_commit_has_not_happened(app: App) -> None:
    dispatch = split_dispatch(app)
    rest = held_devices()
    with transaction.atomic():
        choose_winner(dispatch_id=dispatch.pk, variant=1, by="ada", now=NOW)
        transaction.set_rollback(True)
    assert (held_devices(), Dispatch.objects.get().decided_at) == (rest, None)
    assert choose_winner(dispatch_id=dispatch.pk, variant=0, by="bob", now=NOW).devices == rest


@pytest.mark.django_db(transaction=True)
def test_of_two_beats_one_decides(app: App) -> None:
    dispatch = split_dispatch(app)
    rest = held_devices()

    def decide(number: int) -> int:
        try:
            return choose_winner(dispatch_id=dispatch.pk, variant=number % 2, by=f"beat {number}", now=NOW).devices
        except AlreadyDecided:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        released = list(pool.map(decide, range(6)))
    assert sorted(released) == [0, 0, 0, 0, 0, rest]
    winner = Dispatch.objects.get().winner
    assert {v for batch in Batch.objects.filter(state="waiting") for v in batch.variants} <= {0, 1}
    assert sum(batch.variants.count(winner) for batch in Batch.objects.all()) >= rest


def test_nobody_of_the_rest_may_be_chosen_too(app: App) -> None:
    dispatch = split_dispatch(app)
    rest = held_devices()
    choose_winner(dispatch_id=dispatch.pk, variant=None, by="ada", now=NOW)
    assert outcomes() == {("cancelled", "not_chosen", -1): rest}
    assert check_ledger(dispatch.pk) == []


def test_a_large_rest_is_dropped_by_and_by(app: App) -> None:
    make_people(app, CLOSED_AT_ONCE + 20)
    dispatch = make_dispatch(app, policy=Policy(shares=(0.0001,), salt="s"), contents=TEXTS)
    _cut_into_single_batches(dispatch)
    choose_winner(dispatch_id=dispatch.pk, variant=None, by="ada", now=NOW)
    assert Batch.objects.filter(state="held").count() == 20
    finish_dispatches(now=NOW)
    dispatch.refresh_from_db()
    assert (Delivery.objects.count(), dispatch.state) == (CLOSED_AT_ONCE + 20, "done")


def test_what_nobody_decided_expires_by_that_name(app: App, run_lane: Worker) -> None:
    dispatch = split_dispatch(app)
    rest = held_devices()
    run_lane()
    finish_dispatches(now=dispatch.expires_at)
    dispatch.refresh_from_db()
    assert (outcomes()["expired", "undecided", -1], dispatch.state) == (rest, "done")
    with pytest.raises(InvalidTransition):
        choose_winner(dispatch_id=dispatch.pk, variant=1, by="late", now=NOW)


def test_a_paused_dispatch_is_decided_and_sends_nothing(app: App, run_lane: Worker, phones: Phones) -> None:
    dispatch = split_dispatch(app)
    pause(dispatch_id=dispatch.pk, reason="wait", now=NOW)
    choose_winner(dispatch_id=dispatch.pk, variant=0, by="ada", now=NOW)
    run_lane()
    assert (held_devices(), phones.inbox) == (0, [])


def test_a_cancelled_dispatch_is_not_decided(app: App) -> None:
    dispatch = split_dispatch(app)
    cancel(dispatch_id=dispatch.pk, now=NOW)
    with pytest.raises(InvalidTransition):
        choose_winner(dispatch_id=dispatch.pk, variant=0, by="ada", now=NOW)


def test_a_variant_that_is_none_is_refused(app: App) -> None:
    with pytest.raises(UnknownVariant):
        choose_winner(dispatch_id=split_dispatch(app).pk, variant=2, by="ada", now=NOW)


def test_all_devices_of_a_person_and_every_planning_draw_the_same(app: App) -> None:
    for device in make_people(app, 30):
        make_device(device.customer)
        make_device(device.customer, gateway="apns")
    drawn = [_variants_of_people(make_dispatch(app, policy=TESTED, contents=TEXTS)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert all(len(variants) == 1 for variants in drawn[0].values())
    assert {0, 1, -1} == set().union(*drawn[0].values())


def _variants_of_people(dispatch: Dispatch) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for batch in Batch.objects.filter(dispatch=dispatch):
        for customer, variant in zip(batch.customer_ids, batch.variants, strict=True):
            found.setdefault(customer, set()).add(variant)
    return found


def _cut_into_single_batches(dispatch: Dispatch) -> None:
    batch = Batch.objects.get(dispatch=dispatch)
    devices, customers = batch.device_ids, batch.customer_ids
    for device, customer in zip(devices[1:], customers[1:], strict=True):
        batch.pk, batch.device_ids, batch.customer_ids, batch.variants = None, [device], [customer], [-1]
        batch._state.adding = True
        batch.save()
    Batch.objects.order_by("pk").filter(dispatch=dispatch, device_ids__len__gt=1).update(
        device_ids=devices[:1], customer_ids=customers[:1], variants=[-1]
    )
