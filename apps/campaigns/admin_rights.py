"""What somebody may do with a row that sends, beside seeing and changing it: campaigns and automations alike."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from apps.accounts.admin_row_pages import RowPagesAdmin, RowView

_pages_from_above: dict[str, tuple[RowView, str]] = {}


def register_row_pages(pages: Mapping[str, tuple[RowView, str]]) -> None:
    """Pages that a floor above adds to every row that sends; called where it declares its admin."""
    _pages_from_above.update(pages)


class SendingAdmin(RowPagesAdmin):
    """Rows whose pages send: for real (`launch_<model>`), as a test (`try`), to paired devices (`pair`)."""

    def all_row_pages(self) -> Mapping[str, tuple[RowView, str]]:
        return {**self.row_pages, **_pages_from_above}

    def has_launch_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_see_and(f"campaigns.launch_{self.opts.model_name}", request, obj)

    def has_try_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_see_and("campaigns.try_campaign", request, obj)

    def has_pair_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_see_and("devices.add_paireddevice", request, obj)

    def may_see_and(self, right: str, request: HttpRequest, obj: Any) -> bool:
        """Whether this person has a right and may see the row, too."""
        has_right: bool = request.user.has_perm(right)  # type: ignore[union-attr]
        return has_right and self.has_view_permission(request, obj)
