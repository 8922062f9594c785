"""The dry run is the launch: the same counts by reason at the same moment; later, every difference has its cause."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.deliveries.policy import Policy
from apps.deliveries.services.plan import plan_dispatch, simulate_dispatch
from tests.deliveries import plan_worlds as worlds
from tests.deliveries.plan_worlds import SEND, Person
from tests.factories import NOW, make_plan

pytestmark = pytest.mark.django_db
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
PEOPLE = st.lists(worlds.people, min_size=1, max_size=8)


def agree(persons: list[Person], policy: Policy) -> None:
    """Simulate, then plan at the same moment: count by count, reason by reason, zone by zone."""
    with transaction.atomic():
        world = worlds.stored(persons)
        plan = make_plan(world.app, audience=world.audience, policy=policy)
        simulated = simulate_dispatch(**plan)
        dispatch = plan_dispatch(**plan)
        found = worlds.planned(dispatch)
        words = {word for word, _variant, _at in found.values()}
        people = {word: len({key[0] for key, one in found.items() if one[0] == word}) for word in words}
        devices = Counter(word for word, _variant, _at in found.values())
        excluded = {word: (people[word], devices[word]) for word in words - {SEND}}
        assert simulated.excluded == excluded
        assert (simulated.sending_people, simulated.sending_devices) == (people.get(SEND, 0), devices[SEND])
        assert (simulated.planned_people, simulated.planned_devices) == (
            dispatch.planned_people,
            dispatch.planned_devices,
        )
        assert simulated.planned_people == len({customer for customer, _device in found})
        released = Counter(at for word, _variant, at in found.values() if word == SEND)
        told: Counter[object] = Counter()
        for one in simulated.releases:
            told[one.moment.opens_at] += 0 if one.moment.reason else one.devices
        assert +told == released
        transaction.set_rollback(True)


def explained(persons: list[Person], policy: Policy, happened: list[tuple[str, int]], wait: timedelta) -> None:
    """Plan, undo it, let things happen, plan again: each other outcome has a cause, each cause an effect."""
    with transaction.atomic():
        world = worlds.stored(persons)
        plan = make_plan(world.app, audience=world.audience, policy=policy)
        with transaction.atomic():
            before = worlds.planned(plan_dispatch(**plan))
            transaction.set_rollback(True)
        for word, number in happened:
            worlds.happen(world, word, number)
        after = worlds.planned(plan_dispatch(**{**plan, "now": NOW + wait}))
        for key in sorted(before.keys() | after.keys()):
            was, is_now = before.get(key), after.get(key)
            if was != is_now:
                assert worlds.causes(world, key, was, is_now, is_later=bool(wait)), (key, was, is_now, world.changed)
        for (customer, _device), (word, _variant, _at) in after.items():
            done = world.changed.get(customer, set())
            assert "erased" not in done or word == "erased"
            assert "opted_out" not in done or word in ("no_consent", "erased")
        transaction.set_rollback(True)


def hold_out(persons: list[Person], policy: Policy) -> None:
    """The same audience with and without a hold-out: no other count moves, and none is lost."""
    with transaction.atomic():
        world = worlds.stored(persons)
        without, held = (
            simulate_dispatch(
                **make_plan(world.app, audience=world.audience, policy=replace(policy, holdout_percent=one))
            )
            for one in (0, 40)
        )
        excluded = dict(held.excluded)
        out_people, out_devices = excluded.pop("holdout", (0, 0))
        assert excluded == without.excluded
        assert held.sending_people + out_people == without.sending_people
        assert held.sending_devices + out_devices == without.sending_devices
        transaction.set_rollback(True)


@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies)
def test_simulated_is_executed(persons: list[Person], policy: Policy) -> None:
    agree(persons, policy)


@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies, happened=worlds.changes, wait=worlds.waits)
def test_every_difference_has_its_cause(
    persons: list[Person], policy: Policy, happened: list[tuple[str, int]], wait: timedelta
) -> None:
    explained(persons, policy, happened, wait)


@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies)
def test_a_holdout_is_taken_from_those_who_would_get_it(persons: list[Person], policy: Policy) -> None:
    hold_out(persons, policy)


@pytest.mark.long
@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies)
def test_a_holdout_is_taken_from_those_who_would_get_it_long(persons: list[Person], policy: Policy) -> None:
    hold_out(persons, policy)


@pytest.mark.long
@settings(max_examples=500, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies)
def test_simulated_is_executed_long(persons: list[Person], policy: Policy) -> None:
    agree(persons, policy)


@pytest.mark.long
@settings(max_examples=500, deadline=None, suppress_health_check=QUIET)
@given(persons=PEOPLE, policy=worlds.policies, happened=worlds.changes, wait=worlds.waits)
def test_every_difference_has_its_cause_long(
    persons: list[Person], policy: Policy, happened: list[tuple[str, int]], wait: timedelta
) -> None:
    explained(persons, policy, happened, wait)
