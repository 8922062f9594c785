"""Which release a process is of, as PostgreSQL shows it to all others: in the name of each of its connections."""

from typing import Final

# What rows this release can read. Goes up where rows get a form that a release before could not read: such rows are
# written only once nobody of before is connected (customers.services.sealing_start). The first releases named nothing.
READS: Final = 1


def connection_name(given: str) -> str:
    """`application_name`; given: the operator's word for these connections, which stays behind ours."""
    return f"heliograph/{READS} {given}".strip()
