"""State words of segments."""

from apps.core.states import State, StateTable

SEGMENT_STATES = StateTable(
    "segment",
    State("fresh", "members are right as of refreshed_at", ("due", "refreshing")),
    State("due", "its rule or time says that members must be computed again", ("refreshing", "broken")),
    State("refreshing", "members are being computed", ("fresh", "due", "broken")),
    State("broken", "the rule cannot be computed; the last members stay but are not sent to", ("due", "refreshing")),
)
