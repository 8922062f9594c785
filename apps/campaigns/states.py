"""State words of campaigns. Once launched, the live state is the dispatch's."""

from apps.core.states import State, StateTable

CAMPAIGN_STATES = StateTable(
    "campaign",
    State("draft", "being written", ("awaiting_approval", "scheduled", "cancelled")),
    State("awaiting_approval", "frozen until an approver says yes", ("draft", "scheduled", "cancelled")),
    State(
        "scheduled",
        "frozen; launches by itself at its time, at each of its times, or when the API asks",
        ("launched", "draft", "cancelled"),
    ),
    State("launched", "handed to the engine; see its dispatch", ("finished", "cancelled")),
    State("finished", "its dispatch is done; its booster may run on"),
    State("cancelled", "stopped by a person"),
)

APPROVAL_STATES = StateTable(
    "approval",
    State("waiting", "asked for; the campaign is frozen", ("approved", "refused", "withdrawn", "expired", "void")),
    State("approved", "somebody else said yes to exactly this", ("used", "expired", "void")),
    State("used", "its campaign was launched"),
    State("refused", "somebody else said no"),
    State("withdrawn", "taken back before an answer"),
    State("expired", "nobody answered in time, or the launch came too late"),
    State("void", "what was asked for is no longer what would be sent"),
)

TRIGGER_STATES = StateTable(
    "trigger",
    State("waiting", "accepted; a worker plans it", ("planned", "refused")),
    State("planned", "handed to the engine; see its dispatch"),
    State("refused", "it could not be planned any more; code and reason say why"),
)

AUTOMATION_STATES = StateTable(
    "automation",
    State("draft", "being written", ("active", "ended")),
    State("active", "people enter and move on; its steps are frozen", ("paused", "ended")),
    State("paused", "nobody enters or moves on; who meets an exit still leaves", ("active", "ended")),
    State("ended", "over for good; who was inside has left"),
)

RUN_STATES = StateTable(
    "run",
    State("inside", "stands at a step until due_at", ("done", "left")),
    State("done", "went through every step"),
    State("left", "went out before the end; reason says why"),
)
