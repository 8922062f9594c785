"""What floors above add to the page of one message: whose audience it was, what was reported of it to whom.

This app knows only the shape, for it may not call what stands above it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.customers.models import Customer
from apps.deliveries.log_queries import Story


@dataclass(frozen=True, slots=True)
class StoryPart:
    """One card. context: what the template needs, None = nothing to say; order: small ones come first.

    style: a static stylesheet that the template needs.
    """

    key: str
    title: Any
    template: str
    context: Callable[[Story, Customer], dict[str, Any] | None]
    permission: str
    order: int
    style: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A card with something to say."""

    part: StoryPart
    context: dict[str, Any]


_registered: dict[str, StoryPart] = {}


def register(part: StoryPart) -> None:
    """Called once by each floor; the same key again replaces."""
    _registered[part.key] = part


def parts_of(story: Story, customer: Customer, user: Any) -> list[Shown]:
    """The cards that this user may see and that have something to say, in order."""
    told = []
    for part in sorted(_registered.values(), key=lambda one: one.order):
        context = part.context(story, customer) if user.has_perm(part.permission) else None
        if context is not None:
            told.append(Shown(part, context))
    return told
