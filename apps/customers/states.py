"""State words of customers."""

from apps.core.states import State, StateTable

IMPORT_STATES = StateTable(
    "import",
    State("waiting", "uploaded, not started", ("running", "cancelled")),
    State("running", "lines are being stored", ("done", "failed", "cancelled")),
    State("done", "every line stored or refused with its reason"),
    State("failed", "stopped by an error; lines stored so far stay"),
    State("cancelled", "stopped by a person; lines stored so far stay"),
)
