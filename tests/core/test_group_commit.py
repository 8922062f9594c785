"""Group commit: one transaction for all that wait, and each its own answer."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident
from time import sleep

import pytest

from apps.core.group_commit import GroupCommit


class Slow:
    """Doubles numbers, refuses odd ones; the first group waits for `go`. Remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go = Event(), Event()

    def __call__(self, orders: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(list(orders))
        self.begun.set()
        assert self.go.wait(60)
        return [ValueError(order) if order % 2 else order * 2 for order in orders]


def outcomes(commit: Callable[[Sequence[int]], Sequence[int | Exception]], first: int, *, most: int) -> list[object]:
    """Of `first` numbers from 0 on, all but the first submitted while its group is under way."""
    together = GroupCommit[int, int](commit, most=most)

    def submit(number: int) -> object:
        try:
            return together.submit(number)
        except ValueError as error:
            return str(error)

    assert isinstance(commit, Slow)
    with ThreadPoolExecutor(first) as pool:
        begun = [pool.submit(submit, 0)]
        assert commit.begun.wait(60)
        begun += [pool.submit(submit, number) for number in range(1, first)]
        while len(together._waiting) < first - 1:
            sleep(0.001)
        commit.go.set()
        return [one.result(60) for one in begun]


def test_who_comes_meanwhile_shares_the_next_group() -> None:
    slow = Slow()
    outcomes(slow, 20, most=50)
    assert [len(group) for group in slow.groups] == [1, 19]


def test_each_gets_its_own_answer_or_exception() -> None:
    assert outcomes(Slow(), 6, most=50) == [0, "1", 4, "3", 8, "5"]


def test_a_group_has_at_most_so_many_and_the_lead_is_handed_on() -> None:
    slow = Slow()
    outcomes(slow, 20, most=8)
    assert [len(group) for group in slow.groups] == [1, 8, 8, 3]


def test_what_the_commit_raises_everyone_gets_and_the_next_group_goes_on() -> None:
    def fails_once(orders: Sequence[int]) -> Sequence[int]:
        if not failed.is_set():
            failed.set()
            raise ConnectionError("gone")
        return list(orders)

    failed = Event()
    together = GroupCommit[int, int](fails_once, most=50)
    with pytest.raises(ConnectionError):
        together.submit(1)
    assert together.submit(2) == 2


def test_a_commit_that_forgets_an_order_leaves_nobody_waiting() -> None:
    with pytest.raises(ValueError, match="1 orders, 0 answers"):
        GroupCommit[int, int](lambda orders: [], most=50).submit(1)


def test_a_lone_caller_stays_in_its_thread() -> None:
    together = GroupCommit[int, int](lambda orders: [get_ident()], most=50)
    assert together.submit(1) == get_ident()
