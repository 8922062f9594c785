"""When a campaign goes out, zone by zone, in words: beside the field, on Review, and on the campaign's page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.campaigns.models import Campaign
from apps.campaigns.services.local_time import begins_at, is_local, wall_of
from apps.core.problems import FieldProblem
from apps.core.templatetags.house import number
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import ZoneTurn, turns_by_zone
from apps.deliveries.services.freeze import Release, Waterfall
from apps.deliveries.services.moments import instant_of, usual_wall

ZONES_NAMED = 2
# More rows than these stand folded away.
FEW_ROWS = 6
# Of the turns of a launch that is under way.
SHOWN_OVER, SHOWN_COMING = 2, 6


class _OfZone(Protocol):
    @property
    def time_zone(self) -> str: ...
    @property
    def devices(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """Whoever is sent to at one moment. zones: in words, the largest first; local: their clocks' time, "" = various.

    done: of so many it is known what became of them; none before the launch.
    """

    at: datetime
    devices: int
    zones: str
    local: str
    done: int = 0

    @property
    def is_over(self) -> bool:
        return self.done >= self.devices


def turns_of(waterfall: Waterfall) -> list[Turn]:
    """In order; who is left out is in none."""
    found: dict[datetime, list[Release]] = {}
    for one in waterfall.releases:
        if not one.moment.reason:
            found.setdefault(one.moment.opens_at, []).append(one)
    return [_turn(at, sorted(together, key=lambda one: -one.devices)) for at, together in sorted(found.items())]


def turns_under_way(dispatch: Dispatch, now: datetime) -> dict[str, object]:
    """What the live page shows of a launch on each person's clock: the last turns done, what runs, and what is next."""
    if not dispatch.policy.get("local_at"):
        return {}
    found: dict[datetime, list[ZoneTurn]] = {}
    for one in turns_by_zone(dispatch):
        found.setdefault(one.at, []).append(one)
    turns = [_turn(at, together, sum(one.done for one in together)) for at, together in sorted(found.items())]
    over = [turn for turn in turns if turn.is_over]
    running = [turn for turn in turns if not turn.is_over and turn.at <= now]
    coming = [turn for turn in turns if not turn.is_over and turn.at > now]
    return {
        "zone_turns": [*over[-SHOWN_OVER:], *running, *coming[:SHOWN_COMING]],
        "zone_turns_over": len(over),
        "zone_turns_all": len(turns),
    }


def releases_shown(campaign: Campaign, waterfall: Waterfall, now: datetime) -> dict[str, object]:
    """What Review shows of it; nothing where everybody's turn is at once."""
    turns, begins = turns_of(waterfall), max(now, begins_at(campaign, now) or now)
    if not is_local(campaign) and all(turn.at <= begins for turn in turns):
        return {}
    return {
        "turns": turns,
        "most": max((turn.devices for turn in turns), default=0),
        "is_folded": len(turns) > FEW_ROWS,
        "last_turn": turns[-1] if turns else None,
        "turns_span": (turns[-1].at - turns[0].at).total_seconds() if len(turns) > 1 else 0,
        "settled_at": begins,
    }


def moment_advice(campaign: Campaign, waterfall: Waterfall, now: datetime) -> Iterator[FieldProblem]:
    """Whose hour has passed, and where a clock change moves it or makes it come twice. Stops nothing."""
    wall, pointer = wall_of(campaign, now), "/repeat_time" if campaign.timing == "repeat" else "/scheduled_at"
    if wall is None or not is_local(campaign):
        return
    people, _devices = waterfall.excluded.get("missed_hour", (0, 0))
    if people:
        message = ngettext(
            "%(count)s person would miss it: that hour has passed on their clock",
            "%(count)s people would miss it: that hour has passed on their clocks",
            people,
        )
        yield FieldProblem(pointer, "missed_hour", message % {"count": number(people)})
    changed: dict[tuple[datetime, datetime], list[str]] = {}
    for one in sorted(waterfall.releases, key=lambda one: -one.devices):
        if _is_known(one.time_zone) and not one.moment.reason:
            typed = usual_wall(wall, one.hour)
            if seen := _clock_change(typed, ZoneInfo(one.time_zone)):
                changed.setdefault((typed, seen), []).append(one.time_zone)
    for (typed, seen), zones in changed.items():
        yield FieldProblem(pointer, "clock_change", _change_words(typed, seen, _named(zones)))


def clock_change_words(wall: datetime, zone: ZoneInfo) -> str:
    """What a clock change does to this local time; "" on every other day."""
    seen = _clock_change(wall, zone)
    return _change_words(wall, seen, _named([zone.key])) if seen else ""


def _clock_change(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The local time that it becomes, the same where it comes twice; None where nothing happens to it."""
    instant = instant_of(wall, zone)
    seen = instant.astimezone(zone).replace(tzinfo=None)
    comes_twice = wall.replace(tzinfo=zone, fold=1).astimezone(UTC) != instant
    return seen if comes_twice or seen != wall else None


def _change_words(typed: datetime, seen: datetime, zones: str) -> str:
    words = {"typed": f"{typed:%H:%M}", "zones": zones, "seen": f"{seen:%H:%M}"}
    if seen != typed:
        return _("%(typed)s does not exist on that day in %(zones)s (clocks go forward): it is %(seen)s there") % words
    return _("%(typed)s comes twice on that day in %(zones)s (clocks go back): the first one counts, once") % words


def when_shown(campaign: Campaign, now: datetime) -> dict[str, object]:
    """For templates that say when: `span` in words and the time as everybody's own clock shows it."""
    return {"span": span_words(campaign, now), "wall": wall_of(campaign, now)}


def span_words(campaign: Campaign, now: datetime) -> str:
    """From the first zone's time to the last one's, on the project's clock; "" where there is one moment for all."""
    begins, wall = begins_at(campaign, now), wall_of(campaign, now)
    if not is_local(campaign) or begins is None or wall is None:
        return ""
    ends = begins + timedelta(hours=49 if campaign.clock == "habit" else 26)
    zone = ZoneInfo(campaign.app.time_zone)
    first, last = (date_format(at.astimezone(zone), "D j M, H:i") for at in (begins, ends))
    words = {"first": first, "last": last, "zone": zone.key.replace("_", " ")}
    return _("From %(first)s in the first zone to %(last)s in the last (on the clock of %(zone)s).") % words


def _turn(at: datetime, together: Sequence[_OfZone], done: int = 0) -> Turn:
    zones = [one.time_zone for one in together if _is_known(one.time_zone)]
    local = {date_format(at.astimezone(ZoneInfo(zone)), "D j M, H:i") for zone in zones}
    return Turn(at, sum(one.devices for one in together), _named(zones), local.pop() if len(local) == 1 else "", done)


def _named(zones: Sequence[str]) -> str:
    names = list(dict.fromkeys(zone.replace("_", " ") for zone in zones))
    shown = ", ".join(names[:ZONES_NAMED])
    if len(names) <= ZONES_NAMED:
        return shown
    return _("%(zones)s and %(count)d more") % {"zones": shown, "count": len(names) - ZONES_NAMED}


def _is_known(zone: str) -> bool:
    try:
        return bool(zone) and ZoneInfo(zone) is not None
    except (KeyError, ValueError, OSError):
        return False
