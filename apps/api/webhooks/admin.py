"""The staff's door to webhooks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_pages import refuse_method
from apps.accounts.admin_scope import AppScopedAdmin
from apps.api.webhooks import admin_story_part as story_part
from apps.api.webhooks import admin_views as views
from apps.api.webhooks.admin_words import ENDPOINTS
from apps.api.webhooks.models import WebhookEndpoint
from apps.deliveries import story_parts

story_parts.register(story_part.PART)

# <name>: view of one webhook; all answer to POST only.
PAGES: Mapping[str, Callable[..., HttpResponse]] = {
    "test": views.send_test,
    "rotate": views.rotate,
    "disable": views.disable,
    "enable": views.enable,
    "revive": views.revive,
    "replay": views.replay,
    "stop-replay": views.stop_replay,
    "remove": views.remove,
}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(AppScopedAdmin):
    """Addresses that are told what became of pushes."""

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

    def get_urls(self) -> list[Any]:
        return [*self._pages(), *super().get_urls()]

    def _pages(self) -> Iterator[Any]:
        for name, view in PAGES.items():
            door = self.admin_site.admin_view(self._door(view, "delete" if name == "remove" else "change"))
            yield path(f"<int:endpoint_id>/{name}/", door, name=f"api_webhookendpoint_{name}")

    def _door(self, view: Callable[..., HttpResponse], verb: str) -> Callable[..., HttpResponse]:
        """Finds the webhook among the person's own apps, asks for the permission, opens the page."""

        def door(request: HttpRequest, endpoint_id: int) -> HttpResponse:
            endpoint = self.get_object(request, str(endpoint_id))
            if endpoint is None:
                raise Http404
            if not request.user.has_perm(f"api.{verb}_webhookendpoint"):
                raise PermissionDenied
            if request.method != "POST":
                back = reverse("admin:api_webhookendpoint_change", args=[endpoint.pk])
                return refuse_method(request, "POST", back)
            return view(self, request, endpoint)

        return door

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
