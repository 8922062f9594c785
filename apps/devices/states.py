"""State words of devices and channels."""

from apps.core.states import State, StateTable

DEVICE_STATES = StateTable(
    "device",
    State("active", "may be sent to", ("stale", "dead", "quarantined")),
    State(
        "stale",
        "not seen for 30 days; still sent to unless the policy asks",
        ("active", "dead", "quarantined"),
    ),
    State("dead", "the vendor says this address will never work again", ("active", "quarantined")),
    State("quarantined", "retired in a suspicious mass loss; waits for a person", ("active", "dead")),
)

CHANNEL_STATES = StateTable(
    "channel",
    State("active", "open for sending", ("paused",)),
    State("paused", "closed, with a reason; waiting recipients stay waiting", ("active",)),
)
