"""What floors above do with the people of a file: put them on a static list, say. Each registers its kind.

This app knows only the shape, for it may not call what stands above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from apps.accounts.models import App


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere the people of a file may go. key: "kind:id", as ImportRun.destination keeps it."""

    key: str
    name: str
    url: str


class ImportExtra(Protocol):
    """One kind of place. Its key is what stands before the colon in a Place's."""

    key: str

    def places(self, *, app: App) -> list[Place]:
        """Where people of this app may go."""

    def add(self, *, place: str, customer_ids: Sequence[int], now: datetime) -> None:
        """Put them there, in the transaction that stores them; who is there stays. place: what follows the colon."""

    def finish(self, *, place: str, now: datetime) -> None:
        """The file is through, or given up."""


_registered: dict[str, ImportExtra] = {}


def register(extra: ImportExtra) -> None:
    """Called once by each floor; the same key again replaces."""
    _registered[extra.key] = extra


def all_places(app: App) -> list[Place]:
    """Every place of every kind, for the form."""
    return [place for extra in _registered.values() for place in extra.places(app=app)]


def add(destination: str, customer_ids: Sequence[int], now: datetime) -> None:
    """Put people where a run says; nowhere is fine."""
    kind, _colon, place = destination.partition(":")
    if kind:
        _registered[kind].add(place=place, customer_ids=customer_ids, now=now)


def finish(destination: str, now: datetime) -> None:
    """A run that went there is over."""
    kind, _colon, place = destination.partition(":")
    if kind:
        _registered[kind].finish(place=place, now=now)
