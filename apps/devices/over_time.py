"""Devices and consent over time, as the pages and their CSV say it: daily counts put together."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from django.utils.formats import date_format

from apps.core.csv import safe_cell
from apps.core.templatetags.lines import Line
from apps.customers.models import ConsentDay
from apps.devices.models import PLATFORMS, DeviceDay

COUNTS = ("active", "stale", "dead", "quarantined", "opted_in", "opted_out", "blocked")


@dataclass(slots=True)
class Standing:
    """Devices of one or more apps and platforms on one day."""

    active: int = 0
    stale: int = 0
    dead: int = 0
    quarantined: int = 0
    opted_in: int = 0
    opted_out: int = 0
    blocked: int = 0

    @property
    def live(self) -> int:
        return self.active + self.stale

    @property
    def percent(self) -> float | None:
        """Of the live devices, how many may be sent to."""
        return percent(self.opted_in, self.live)

    def add(self, row: DeviceDay) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(row, one.name))


def percent(part: int, whole: int) -> float | None:
    """With one decimal; None where there is no whole."""
    return round(100 * part / whole, 1) if whole else None


def grouped[K](rows: Iterable[DeviceDay], key: Callable[[DeviceDay], K]) -> dict[K, Standing]:
    """Daily rows added up by a key, in the order in which keys come."""
    found: dict[K, Standing] = {}
    for row in rows:
        found.setdefault(key(row), Standing()).add(row)
    return found


def days_of(rows: Iterable[DeviceDay | ConsentDay]) -> list[date]:
    return sorted({row.day for row in rows})


@dataclass(frozen=True, slots=True)
class Covered:
    """What a chart really covers, which may be less than was asked for."""

    first: date
    last: date
    is_short: bool

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def covered(rows: Iterable[DeviceDay | ConsentDay], *, asked_days: int) -> Covered | None:
    """None where nothing was counted. A day short is not told: today's count may still be to come."""
    days = days_of(rows)
    if not days:
        return None
    return Covered(days[0], days[-1], is_short=(days[-1] - days[0]).days + 1 < asked_days)


def labels(days: Sequence[date]) -> list[str]:
    """ "3 Jun" for each day."""
    return [date_format(day, "j M") for day in days]


def opt_in_lines(rows: Sequence[DeviceDay]) -> list[Line]:
    """A line for each platform that has devices: of its live ones, how many percent may be sent to."""
    found = grouped(rows, lambda row: (row.day, row.platform))
    days = days_of(rows)
    shown = {row.platform for row in rows}
    return [
        Line(name, [found[day, platform].percent if (day, platform) in found else None for day in days])
        for platform, name in PLATFORMS
        if platform in shown
    ]


def state_lines(rows: Sequence[DeviceDay], names: Mapping[str, Any]) -> list[Line]:
    """A line for each state; names: {state: what it is called}."""
    found = grouped(rows, lambda row: row.day)
    return [Line(name, [getattr(one, state) for one in found.values()]) for state, name in names.items()]


def consent_lines(rows: Sequence[ConsentDay], names: Mapping[str, Any]) -> list[Line]:
    """A line for each channel: how many percent of the people said yes."""
    days = days_of(rows)
    counts: dict[tuple[date, str], list[int]] = {}
    for row in rows:
        one = counts.setdefault((row.day, row.channel), [0, 0])
        one[0] += row.granted
        one[1] += row.granted + row.refused + row.unsaid
    return [
        Line(name, [percent(*counts[day, channel]) if (day, channel) in counts else None for day in days])
        for channel, name in names.items()
    ]


def deaths_by_reason(rows: Iterable[DeviceDay]) -> list[tuple[str, int]]:
    """Devices retired in these days, by reason, the most common first."""
    found: dict[str, int] = {}
    for row in rows:
        for reason, count in row.deaths.items():
            found[reason] = found.get(reason, 0) + count
    return sorted(found.items(), key=lambda entry: -entry[1])


class _Echo:
    """A file that hands back what is written into it, line by line."""

    def write(self, line: str) -> str:
        return line


def devices_csv(rows: Iterable[DeviceDay]) -> Iterator[str]:
    """The daily counts as they are stored, formula-safe."""
    writer = csv.writer(_Echo())
    yield writer.writerow(["day", "app", "platform", *COUNTS, "opt_in_percent", "is_reconstructed"])
    for row in rows:
        counts = [getattr(row, name) for name in COUNTS]
        share = percent(row.opted_in, row.active + row.stale)
        yield writer.writerow(
            [
                row.day,
                safe_cell(row.app.slug),
                row.platform,
                *counts,
                "" if share is None else share,
                row.is_reconstructed,
            ]
        )


def people_csv(rows: Iterable[ConsentDay]) -> Iterator[str]:
    """What people said to each channel, day by day."""
    writer = csv.writer(_Echo())
    yield writer.writerow(["day", "app", "channel", "granted", "refused", "unsaid", "is_reconstructed"])
    for row in rows:
        said = [row.granted, row.refused, row.unsaid]
        yield writer.writerow([row.day, safe_cell(row.app.slug), row.channel, *said, row.is_reconstructed])
