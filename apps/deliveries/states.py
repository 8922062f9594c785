"""State words of the engine, and the closed list of outcomes."""

from apps.core.states import State, StateTable

DISPATCH_STATES = StateTable(
    "dispatch",
    State("planning", "the audience is being frozen into batches", ("sending", "failed", "cancelled")),
    State("sending", "batches are waiting or under way", ("paused", "done", "cancelled")),
    State("paused", "no new gateway call starts; the reason says why", ("sending", "cancelled")),
    State("done", "every planned device has its outcome"),
    State("cancelled", "stopped by a person; what was not sent has the outcome cancelled"),
    State("failed", "could not be planned; nobody was sent anything"),
)

BATCH_STATES = StateTable(
    "batch",
    State("waiting", "may be claimed once it is released", ("leased", "done", "cancelled")),
    State("held", "waits for a decision (the rest of an A/B audience)", ("waiting", "done", "cancelled")),
    State("leased", "a worker has it until leased_until", ("waiting", "done")),
    State("done", "every device in it is in the ledger or in Retry"),
    State("cancelled", "closed without sending; its devices have the outcome cancelled"),
)

ALERT_STATES = StateTable(
    "critical alert",
    State("waiting", "is sent again at next_at, unless a receipt comes", ("acknowledged", "unanswered", "stopped")),
    State("acknowledged", "everybody who got it has answered with a receipt"),
    State("unanswered", "was sent as often as asked, or reached nobody; somebody has not answered"),
    State("stopped", "cancelled, or expired before all had answered"),
)

# Numbers are stored in the ledger: never renumber, only append.
OUTCOMES: dict[str, int] = {
    "accepted": 1,
    "token_dead": 2,
    "message_bad": 3,
    "expired": 4,
    "cancelled": 5,
    "gave_up": 6,
    "unknown_outcome": 7,
    "excluded:no_consent": 20,
    "excluded:no_live_device": 21,
    "excluded:capped": 22,
    "excluded:quiet_hours_past_expiry": 23,
    "excluded:holdout": 24,
    "excluded:duplicate_device": 25,
    "excluded:moved": 26,
    "excluded:erased": 27,
    "excluded:left_segment": 28,
    "excluded:stale": 29,
    "excluded:missed_hour": 30,
}
OUTCOME_WORDS = {number: word for word, number in OUTCOMES.items()}

RECEIPT_TYPES: dict[str, int] = {"received": 1, "displayed": 2, "opened": 3, "clicked": 4, "dismissed": 5}
RECEIPT_WORDS = {number: word for word, number in RECEIPT_TYPES.items()}
GATEWAY_NUMBERS: dict[str, int] = {"": 0, "fcm": 1, "apns": 2, "webpush": 3}
GATEWAY_WORDS = {number: word for word, number in GATEWAY_NUMBERS.items()}
PLATFORM_NUMBERS: dict[str, int] = {"": 0, "android": 1, "ios": 2, "web": 3}
PLATFORM_WORDS = {number: word for word, number in PLATFORM_NUMBERS.items()}
