"""A device is told of at every moment, also while it moves: from a batch into the ledger, into Retry, and back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.api.queries import push_page
from apps.customers.models import Customer
from apps.deliveries.explanation import explain_dispatch
from apps.deliveries.models import Batch, Dispatch, Retry
from apps.deliveries.push_queries import push_state
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOMES, PLATFORM_NUMBERS
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch

pytestmark = pytest.mark.django_db

type Move = Callable[[Dispatch], object]


def into_the_ledger(dispatch: Dispatch) -> None:
    batch = Batch.objects.get(dispatch=dispatch)
    row = LedgerRow(
        dispatch.planned_on, dispatch.pk, batch.customer_ids[0], batch.device_ids[0], dispatch.app_id,
        OUTCOMES["accepted"], GATEWAY_NUMBERS["fcm"], PLATFORM_NUMBERS["android"], 0, 1, "", "", "",
    )  # fmt: skip
    append_outcomes(outcomes=[row], now=NOW, may_repeat=True)
    Batch.objects.filter(pk=batch.pk).update(state="done", opened=1, recorded=1)


def into_retry(dispatch: Dispatch) -> None:
    batch = Batch.objects.get(dispatch=dispatch)
    Retry.objects.create(
        dispatch=dispatch, device_id=batch.device_ids[0], customer_id=batch.customer_ids[0], app_id=dispatch.app_id,
        gateway=batch.gateway, variant=0, tries=1, reason="503", due_at=NOW, expires_at=NOW + timedelta(hours=1),
        batch=batch,
    )  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(state="done", opened=1, recorded=1)


def back_into_a_batch(dispatch: Dispatch) -> None:
    Retry.objects.filter(dispatch=dispatch).delete()
    Batch.objects.filter(dispatch=dispatch).update(state="waiting", opened=0, recorded=0)


class MovesBehind:
    """Lets the device move once so many statements were run, as another worker might."""

    def __init__(self, count: int, move: Callable[[], object]) -> None:
        self.left, self.move = count, move

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        answer = execute(*statement)
        self.left -= 1
        if self.left == 0:
            self.move()
        return answer


@pytest.mark.parametrize("behind", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("before", "move"),
    [(None, into_the_ledger), (None, into_retry), (into_retry, back_into_a_batch)],
    ids=["ledger", "retry", "batch"],
)
def test_a_device_that_moves_between_two_reads_is_told_of(before: Move | None, move: Move, behind: int) -> None:
    app = make_app()
    jane: Customer = make_customer(app)
    device = make_device(jane)

    def listed(dispatch: Dispatch, **filters: Any) -> list[Dispatch]:
        found, _cursor = push_page(app, filters, cursor=None, limit=20)
        return [one for one in found if one.pk == dispatch.pk]

    questions: list[Callable[[Dispatch], Any]] = [
        lambda dispatch: push_state(dispatch)["deliveries"],
        lambda dispatch: explain_dispatch(dispatch=dispatch, customer=jane, now=NOW).reasons,
        lambda dispatch: listed(dispatch, customer=jane.external_id),
        lambda dispatch: listed(dispatch, address_hash=device.address_hash),
    ]
    for question in questions:
        dispatch = make_dispatch(app)
        if before:
            before(dispatch)
        with connection.execute_wrapper(MovesBehind(behind, lambda: move(dispatch))):  # noqa: B023
            assert len(question(dispatch)) == 1
