"""The shape of a report in the schema, shared by campaigns and dispatches."""

from apps.api.calls import NUMBER, TEXT, map_of, record

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
    }
)
SIMULATION = record({"planned": PLANNED, "sending": PLANNED, "excluded": map_of(NUMBER)})
