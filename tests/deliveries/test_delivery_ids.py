"""Delivery ids: deterministic, short enough for every gateway, and not to be made by anybody else."""

from datetime import date

import pytest

from apps.deliveries.delivery_ids import DeliveryKey, make_delivery_id, read_delivery_id

KEY = DeliveryKey(planned_on=date(2026, 6, 1), dispatch_id=7, device_id=2**40, variant=0)


def made(key: DeliveryKey) -> str:
    return make_delivery_id(
        planned_on=key.planned_on, dispatch_id=key.dispatch_id, device_id=key.device_id, variant=key.variant
    )


@pytest.mark.parametrize("variant", [0, 4, -1])
def test_an_id_gives_back_what_it_was_made_from(variant: int) -> None:
    key = DeliveryKey(KEY.planned_on, KEY.dispatch_id, KEY.device_id, variant)
    assert read_delivery_id(made(key)) == key


def test_an_id_fits_a_collapse_id_and_is_the_same_every_time() -> None:
    assert len(made(KEY)) == 40
    assert made(KEY) == made(KEY)


@pytest.mark.parametrize("position", range(40))
def test_an_id_changed_in_any_place_is_refused(position: int) -> None:
    text = made(KEY)
    other = "A" if text[position] != "A" else "B"
    assert read_delivery_id(text[:position] + other + text[position + 1 :]) is None


@pytest.mark.parametrize("text", ["", "x", "=" * 40, "ł" * 40, "A" * 40, "A" * 41, "A" * 36 + "AA=="])
def test_what_is_no_id_is_refused(text: str) -> None:
    assert read_delivery_id(text) is None
