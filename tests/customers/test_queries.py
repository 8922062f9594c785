"""What a text may say about a person."""

import pytest

from apps.customers.queries import facts_of
from tests.factories import make_app, make_customer

pytestmark = pytest.mark.django_db


def test_facts_are_the_filled_columns_over_the_traits():
    traits = {"city": "Paris", "first_name": "trait", "country": "trait"}
    customer = make_customer(make_app(), first_name="Ada", country="", traits=traits)
    known = facts_of(customer)
    assert (known["first_name"], known["country"], known["city"]) == ("Ada", "trait", "Paris")
    assert "last_name" not in known
