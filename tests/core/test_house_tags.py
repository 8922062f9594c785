"""How pages write numbers, shares, durations and small charts."""

from datetime import UTC, datetime

import pytest

from apps.core.templatetags import house
from apps.core.words import spoken


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (1, 3, "33 %"),
        (2, 3, "67 %"),
        (7, 200, "3.5 %"),
        (119, 2_000, "6.0 %"),
        (9_998, 10_000, "99.9 %"),
        (5, 5, "100 %"),
        (1, 100_000, "< 0.1 %"),
        (0, 5, "0 %"),
        (5, 0, "–"),
        (None, 5, "–"),
    ],
)
def test_a_share_is_as_exact_as_it_is_useful(part: int | None, whole: int, words: str) -> None:
    assert house.share(part, whole) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (60, "1 minute"),
        (89, "89 seconds"),
        (600, "10 minutes"),
        (3 * 3600, "3 hours"),
        (2 * 86400, "2 days"),
        (None, "–"),
    ],
)
def test_a_duration_has_one_unit(seconds: float | None, words: str) -> None:
    assert house.span(seconds) == words


@pytest.mark.parametrize(("per_second", "words"), [(1200, "1,200 a second"), (0.5, "30 a minute"), (0, "–")])
def test_a_pace_is_said_in_words(per_second: float, words: str) -> None:
    assert house.rate(per_second) == words


def test_a_moment_shows_its_zone_and_utc() -> None:
    shown = house.zoned(datetime(2026, 7, 1, 10, 0, tzinfo=UTC), "America/New_York")
    assert "1 Jul 2026, 06:00" in shown
    assert "America/New York" in shown
    assert 'title="1 Jul 2026, 10:00 UTC"' in shown


def test_a_bar_is_never_longer_than_its_place() -> None:
    assert 'style="--part: 1.0000"' in house.meter(9, 10, 0.5)
    assert 'style="--part: 0.0000"' in house.meter(9, 0)


def test_columns_stand_in_proportion_and_in_a_table() -> None:
    places = [house.Column("Mon", (10, 5)), house.Column("Tue", (20, 0))]
    chart = house.columns(places, "Sent|Opened", "Caption")
    heights = [[rect["height"] for rect in bar["rects"]] for bar in chart["bars"]]
    assert heights == [["20.000", "10.000"], ["40.000", "0.000"]]
    assert chart["places"] == places
    many = house.columns(places, "Sent|Opened", "Caption", labels=3)
    assert [bar["label"] for bar in many["bars"]] == ["Mon", ""]  # a quarter of the axis each


def test_a_key_is_spoken_with_blanks() -> None:
    assert [spoken(key) for key in ("add_to_cart", "City", "_", "")] == ["add to cart", "City", "_", ""]
