"""The shape of a report in the schema, shared by campaigns and dispatches."""

from datetime import datetime
from typing import Any

from apps.api.calls import NULLABLE_TEXT, NUMBER, TEXT, TIME, list_of, map_of, record
from apps.deliveries.models import Dispatch
from apps.deliveries.pace_story import pace_story

PLANNED = record({"people": NUMBER, "devices": NUMBER})
REPORT = record(
    {
        "state": TEXT,
        "dispatch_id": {"type": ["integer", "null"]},
        "planned": PLANNED,
        "outcomes": map_of(NUMBER),
        "excluded": map_of(NUMBER),
        "receipts": map_of(NUMBER),
        "by_platform": {"type": "object"},
        "by_variant": {"type": "object"},
        "by_hour": {"type": ["object", "array"]},
        "pace": {"type": ["object", "null"]},
        "experiment": {"type": "object"},
        "holdout": {"type": "object"},
        "launches": list_of(
            record(
                {
                    "day": {"type": ["string", "null"], "format": "date"},
                    "at": TIME,
                    "outcome": {"type": "string", "enum": ["launched", "missed", "skipped"]},
                    "reason": TEXT,
                    "dispatch_id": {"type": ["integer", "null"]},
                }
            )
        ),
    },
    optional=("experiment", "holdout", "launches"),
)
_RELEASE = record(
    {"at": TIME, "time_zone": TEXT, "hour": {"type": ["integer", "null"]}, "devices": NUMBER, "excluded": NULLABLE_TEXT}
)
SIMULATION = record(
    {
        "planned": PLANNED,
        "sending": PLANNED,
        "excluded": map_of(NUMBER),
        "capped_by_topic": PLANNED,
        "releases": list_of(_RELEASE),
    }
)


def with_pace(shown: dict[str, Any], dispatch: Dispatch | None, now: datetime) -> dict[str, Any]:
    """A report, and why it is slow or stopped: {kind, text, advice}, null where nothing holds it back."""
    story = pace_story(dispatch, now=now) if dispatch is not None else None
    return {**shown, "pace": story.as_json() if story else None}
