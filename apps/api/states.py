"""State words of what the machine door sends by itself: webhooks."""

from apps.core.states import State, StateTable

WEBHOOK_ENDPOINT_STATES = StateTable(
    "webhook endpoint",
    State("active", "is told what happens", ("failing", "disabled")),
    State("failing", "five tries in a row failed: it is tried now and then, all else waits", ("active", "disabled")),
    State("disabled", "nothing is sent; what happens meanwhile is sent once it is switched on", ("active",)),
)

WEBHOOK_MESSAGE_STATES = StateTable(
    "webhook message",
    State("waiting", "is tried until the endpoint takes it; then its row goes", ("dead",)),
    State("dead", "nobody took it in three days, or it was refused for good", ("waiting",)),
)

WEBHOOK_REPLAY_STATES = StateTable(
    "webhook replay",
    State("running", "what was recorded in its time is being sent once more", ("done", "cancelled")),
    State("done", "all of it was made into messages"),
    State("cancelled", "stopped by a person"),
)
