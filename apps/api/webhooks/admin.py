"""The staff's door to webhooks."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_row_pages import RowPagesAdmin
from apps.api.webhooks import admin_story_part as story_part
from apps.api.webhooks import admin_views as views
from apps.api.webhooks.admin_words import ENDPOINTS
from apps.api.webhooks.models import WebhookEndpoint
from apps.deliveries import story_parts

story_parts.register(story_part.PART)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(RowPagesAdmin):
    """Addresses that are told what became of pushes."""

    row_pages: ClassVar = {
        "test": (views.send_test, "change"),
        "rotate": (views.rotate, "change"),
        "disable": (views.disable, "change"),
        "enable": (views.enable, "change"),
        "revive": (views.revive, "change"),
        "replay": (views.replay, "change"),
        "stop-replay": (views.stop_replay, "change"),
        "remove": (views.remove, "remove"),
    }
    first_step = FirstStep(
        "webhook",
        _("No webhooks yet"),
        _(
            "A webhook tells your own systems what became of each push: sent, opened, clicked, or why not. We "
            "call an address of yours within seconds."
        ),
        _("Add a webhook"),
        "admin:api_webhookendpoint_add",
        "api.add_webhookendpoint",
    )
    list_display: ClassVar = ["where", "belongs", "standing", "told", "last"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state"]
    search_fields: ClassVar = ["url", "description"]
    ordering: ClassVar = ["-id"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).select_related("app")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Django's page would list every attempt; ours is a button on the webhook's page."""
        return False

    def has_remove_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may press that button."""
        return request.user.has_perm("api.delete_webhookendpoint")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.new_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            raise Http404
        if not self.has_view_permission(request, endpoint):
            raise PermissionDenied
        if request.method == "POST" and not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        return views.page(self, request, endpoint)

    @display(description=_("webhook"), ordering="url")
    def where(self, endpoint: WebhookEndpoint) -> str:
        return _cell("where", endpoint)

    @display(description=_("app"), ordering="app__name")
    def belongs(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.app.name

    @display(description=_("state"), ordering="state")
    def standing(self, endpoint: WebhookEndpoint) -> str:
        return _cell("state", endpoint)

    @display(description=_("is told"))
    def told(self, endpoint: WebhookEndpoint) -> str:
        return _cell("told", endpoint)

    @display(description=_("last success"), ordering="last_ok_at")
    def last(self, endpoint: WebhookEndpoint) -> str:
        return _cell("last", endpoint)


def _cell(name: str, endpoint: WebhookEndpoint) -> str:
    """One cell of the list, from templates/api/webhook/list/."""
    return render_to_string(f"api/webhook/list/{name}.html", {"endpoint": endpoint, "word": ENDPOINTS[endpoint.state]})
