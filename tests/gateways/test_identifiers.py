"""Names derived from a notification id."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.gateways.identifiers import apns_id, collapse_name, short_name

NAMESPACE = uuid.UUID("5b0c9d0e-6c0f-4d7c-9a49-6f3d2f1c1a10")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_an_apns_id_is_the_uuid_of_its_notification(nid: str) -> None:
    assert apns_id(nid) == str(uuid.uuid5(NAMESPACE, nid))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_a_name_for_a_header_is_short_visible_ascii(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", short_name(text))
    assert re.fullmatch(r"[ -~]{0,64}", collapse_name(text, 64))


@pytest.mark.parametrize(("text", "is_kept"), [("a" * 64, True), ("a" * 65, False), ("ż", False), ("a\n", False)])
def test_a_fitting_name_is_kept(text: str, is_kept: bool) -> None:
    assert (collapse_name(text, 64) == text) is is_kept
