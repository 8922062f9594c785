"""What floors above show on a person's page: devices, segments, messages. Each registers its panel in its admin.

This app knows only the shape, for it may not call what stands above it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.customers.models import Customer


@dataclass(frozen=True, slots=True)
class Panel:
    """One card. context: what the template needs; permission: who sees it; order: small ones come first.

    is_wide: in the main column, else beside it. page, page_template: what the address `panel/?key=...` answers with,
    for cards that filter and go on; `page` is given the address's parameters.
    """

    key: str
    title: Any
    template: str
    context: Callable[[Customer], dict[str, Any]]
    permission: str
    order: int
    is_wide: bool = True
    page: Callable[[Customer, Mapping[str, str]], dict[str, Any]] | None = None
    page_template: str = ""


_registered: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    """Called once by each floor; the same key again replaces."""
    _registered[panel.key] = panel


def panels_for(user: Any) -> list[Panel]:
    """The panels this user may see, in order."""
    return sorted((one for one in _registered.values() if user.has_perm(one.permission)), key=lambda one: one.order)
