"""What somebody may do with a row that sends, beside seeing and changing it: campaigns and automations alike."""

from typing import Any

from django.http import HttpRequest

from apps.accounts.admin_row_pages import RowPagesAdmin


class SendingAdmin(RowPagesAdmin):
    """Rows whose pages send: for real (`launch_<model>`), as a test (`try`), to paired devices (`pair`)."""

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
