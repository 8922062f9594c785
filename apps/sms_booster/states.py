"""State words of the SMS booster."""

from apps.core.states import State, StateTable

FALLBACK_STATES = StateTable(
    "fallback",
    State("waiting", "the push's people still have time to answer", ("chosen", "cancelled")),
    State("chosen", "who had not answered has an SMS, or the reason why not"),
    State("cancelled", "the push was cancelled before"),
)

SMS_STATES = StateTable(
    "SMS",
    State("planned", "chosen; not yet handed to the provider", ("spared", "over_budget", "sending", "failed")),
    State("spared", "not needed any more: the push was opened, consent went, or it would come too late"),
    State("over_budget", "the number that the rule, or the app after pushes, allows was used up"),
    State(
        "sending",
        "committed just before the call; planned again only where the provider surely did not take it",
        ("accepted", "delivered", "undelivered", "failed", "unknown", "planned"),
    ),
    State("accepted", "the provider took it", ("delivered", "undelivered", "failed", "unknown")),
    State("delivered", "the provider reports it arrived"),
    State("undelivered", "the provider reports it did not arrive"),
    State("failed", "the provider refused it, or its text could not be made"),
    State("unknown", "no answer; shown and never resent", ("accepted", "delivered", "undelivered", "failed")),
)
