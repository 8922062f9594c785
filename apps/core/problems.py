"""Problem details (RFC 9457): how a refusal is worded, wherever it is shown.

A service refuses with InvalidInput holding every field's problem; doors turn it into their own form
(problem+json, a Django form's errors, a line on the terminal).
"""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field. pointer: RFC 6901 JSON pointer; code: stable word; came: what was received."""

    pointer: str
    code: str
    message: str
    came: str = ""


class InvalidInput(Exception):
    """The input breaks rules; `problems` has them all (at most MOST_SHOWN), `status` the HTTP meaning."""

    def __init__(self, problems: Sequence[FieldProblem], status: int = 400) -> None:
        self.problems = list(problems)[:MOST_SHOWN]
        self.status = status
        super().__init__("; ".join(f"{problem.pointer}: {problem.message}" for problem in self.problems))


class Conflict(Exception):
    """The request is well-formed but cannot be done now (HTTP 409), with a stable code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)
