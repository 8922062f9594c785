"""The exclusion waterfall as lines for a terminal."""

from collections.abc import Iterator

from apps.deliveries.services.freeze import Waterfall


def waterfall_lines(waterfall: Waterfall) -> Iterator[str]:
    """From everybody in the audience down to those who will be sent to, in people and devices."""
    yield f"{'':<26}{'people':>12}{'devices':>12}"
    yield _line("audience", waterfall.planned_people, waterfall.planned_devices)
    for reason, (people, devices) in sorted(waterfall.excluded.items()):
        yield _line(f"- {reason}", people, devices)
        if reason == "capped" and waterfall.capped_by_topic[0]:
            yield _line("    by the topic's cap", *waterfall.capped_by_topic)
    yield _line("= will be sent", waterfall.sending_people, waterfall.sending_devices)
    turns = sorted(one.moment.opens_at for one in waterfall.releases if not one.moment.reason)
    if turns and turns[0] != turns[-1]:
        yield f"first at {turns[0]:%Y-%m-%d %H:%M} UTC, last at {turns[-1]:%Y-%m-%d %H:%M} UTC"


def _line(label: str, people: int, devices: int) -> str:
    return f"{label:<26}{people:>12,}{devices:>12,}"
