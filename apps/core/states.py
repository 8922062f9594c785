"""State tables: the words a row's state may be, what each means, and who may follow whom.

A table is declared once in an app's states.py; the check constraint, the README table and `show_states` are
made from it, and `move` is the only way a state changes: compare-and-set, so two doors can never both win.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.db.models import CheckConstraint, Q, QuerySet


@dataclass(frozen=True, slots=True)
class State:
    """One word. `then` names the states that may follow; empty = terminal."""

    word: str
    meaning: str
    then: tuple[str, ...] = ()


class InvalidTransition(Exception):
    """The row is not in a state from which this step may be taken (code `invalid_transition`)."""

    def __init__(self, table: "StateTable", current: str, wanted: str) -> None:
        self.current, self.wanted = current, wanted
        self.allowed = table.followers(current)
        allowed = ", ".join(self.allowed) or "nothing: it is final"
        super().__init__(f"{table.noun} is {current}, so it cannot become {wanted}; allowed now: {allowed}")


def repeatable[**P](step: Callable[P, object]) -> Callable[P, None]:
    """The step for callers who may ask twice, their first answer being lost: what is so already stays so."""

    @wraps(step)
    def at_least_once(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            step(*args, **kwargs)
        except InvalidTransition as refused:
            if refused.current != refused.wanted:
                raise

    return at_least_once


class StateTable:
    """All states of one noun. Raises ValueError at import when a state names an unknown follower."""

    def __init__(self, noun: str, *states: State) -> None:
        self.noun = noun
        self.states: Mapping[str, State] = {state.word: state for state in states}
        for state in states:
            for word in state.then:
                if word not in self.states:
                    raise ValueError(f"{noun}: {state.word} leads to the unknown state {word}")

    @property
    def words(self) -> list[str]:
        return list(self.states)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """For a model field."""
        return [(word, word.replace("_", " ")) for word in self.states]

    def followers(self, word: str) -> tuple[str, ...]:
        return self.states[word].then if word in self.states else ()

    def leaders(self, word: str) -> list[str]:
        """The states from which `word` may be reached."""
        return [state.word for state in self.states.values() if word in state.then]

    def constraint(self, table: str, field: str = "state") -> CheckConstraint:
        """The check constraint that holds the words in the database."""
        return CheckConstraint(condition=Q(**{f"{field}__in": self.words}), name=f"{table}_{field}_known")

    def move(self, rows: QuerySet[Any], to: str, *, field: str = "state", **changes: Any) -> int:
        """Compare-and-set `rows` to `to`; rows in a state that may not lead there are left alone.

        Returns the number of rows moved. Touches only `field` and `changes`.
        """
        return rows.filter(**{f"{field}__in": self.leaders(to)}).update(**{field: to}, **changes)

    def require(self, rows: QuerySet[Any], to: str, *, field: str = "state", **changes: Any) -> None:
        """`move` for exactly one row. Raises InvalidTransition when it did not move."""
        if self.move(rows, to, field=field, **changes) != 1:
            current = rows.values_list(field, flat=True).first()
            raise InvalidTransition(self, current or "gone", to)

    def as_markdown(self) -> str:
        """The table printed in the app's README and by `show_states`."""
        head = ["| state | means | may become |", "|---|---|---|"]
        body = [
            f"| {state.word} | {state.meaning} | {', '.join(state.then) or 'final'} |" for state in self.states.values()
        ]
        return "\n".join(head + body)
