"""What the schema says of a push is what the server does: patterns neither stricter nor looser."""

import re
import unicodedata

import pytest

from apps.api.push_request import SEEN, SEEN_LINE
from apps.api.shapes import VISIBLE
from apps.core.text import clean_text
from apps.deliveries.rendering.visible import is_blank
from tests.factories import make_customer, make_device

# Characters that Unicode has given a meaning, of the plane that all scripts in use stand in.
ASSIGNED = [letter for letter in map(chr, range(0x10000)) if unicodedata.category(letter) not in ("Cn", "Cs")]


def test_what_may_be_seen_of_a_text() -> None:
    assert [letter for letter in ASSIGNED if bool(re.search(SEEN, letter)) is is_blank(letter)] == []


@pytest.mark.parametrize("title", ["Zażółć", "漢字", "💥", " a ", "a\tb"])
def test_a_title_that_fits_the_pattern_is_taken(title: str, api, app) -> None:
    assert re.search(SEEN_LINE, title)
    device = make_device(make_customer(app))
    assert api.post("/v2.1/push", {"device_tokens": [device.address], "title": title, "body": "ż"}).status_code == 202


@pytest.mark.parametrize("title", ["", " ", "\u200b", "\u3164", "a\nb", "a\r", "\x00a"])
def test_a_title_that_does_not_fit_is_refused(title: str, api, app) -> None:
    assert not re.search(SEEN_LINE, title)
    assert api.post("/v2.1/push", {"device_tokens": ["t"], "title": title, "body": "b"}).status_code == 400


def test_names_are_judged_as_the_pattern_says() -> None:
    def is_taken(text: str) -> bool:
        return clean_text(f"{text}", pointer="", limit=9, problems=[], is_required=True) is not None

    letters = [letter for letter in ASSIGNED if not letter.isspace() and letter not in "\x1c\x1d\x1e\x1f\x85"]
    assert [letter for letter in letters if bool(re.search(VISIBLE, letter)) is not is_taken(letter)] == []


def test_204_has_no_type(api, app) -> None:
    device = make_device(make_customer(app, external_id="c1"))
    answers = [api.delete(f"/v2.1/devices/{device.pk}"), api.delete("/v2.1/customers/c1")]
    assert [(one.status_code, one.headers.get("Content-Type")) for one in answers] == [(204, None)] * 2
