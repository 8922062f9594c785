"""The ledger's pen keeps every word as it came, also those that COPY would read otherwise."""

from datetime import date

import pytest

from apps.deliveries.models import Delivery
from apps.deliveries.services.ledger import COPY_FROM_ROWS, LedgerRow, append_outcomes
from tests.factories import NOW

pytestmark = pytest.mark.django_db

ODD = ["a\tb", "a\nb", "a\\b", "a\rb", "\\N", "ż"]


def rows(code: str) -> list[LedgerRow]:
    """Enough for a COPY, the word in the first alone."""
    people = range(1, COPY_FROM_ROWS + 1)
    return [LedgerRow(date(2026, 3, 2), 1, n, n, 1, 1, 1, 1, 0, 1, "", code if n == 1 else "", "id") for n in people]


@pytest.mark.parametrize("word", ODD)
def test_an_odd_word_is_stored_as_it_is(word: str) -> None:
    append_outcomes(outcomes=rows(word), now=NOW, may_repeat=False)
    assert Delivery.objects.get(customer_id=1).code == word
    assert Delivery.objects.exclude(code="").count() == 1


def test_what_cannot_be_stored_is_left_out() -> None:
    append_outcomes(outcomes=rows("a\0b"), now=NOW, may_repeat=False)
    assert Delivery.objects.get(customer_id=1).code == "ab"
