"""The staff's door to devices and channels."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_row_pages import RowPagesAdmin
from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.queries import apps_of
from apps.customers.admin_panels import register
from apps.devices import admin_views as views
from apps.devices.admin_panel import PANEL
from apps.devices.admin_words import DEVICES, channel_state_of, state_of
from apps.devices.models import Channel, Device
from apps.devices.queries import counts_by_state
from apps.devices.services import hygiene

register(PANEL)


@admin.register(Device)
class DeviceAdmin(AppScopedAdmin):
    """Devices, newest first: read, and brought back."""

    first_step = FirstStep(
        "smartphone",
        _("No devices yet"),
        _(
            "Every phone and browser with your app registers itself here when it starts: the SDK does it, or a "
            "call to POST /v2.1/devices."
        ),
    )
    audits_values = False
    list_display: ClassVar = ["what", "whose", "gateway", "standing", "seen"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state", "platform", "gateway"]
    search_fields: ClassVar = ["customer__external_id__startswith", "address__exact"]
    search_help_text = _("Customer id, or the whole token")
    ordering: ClassVar = ["-id"]
    list_per_page = 25
    show_full_result_count = False
    actions: ClassVar = ["restore_devices"]
    change_list_template = "devices/change_list.html"
    fields: ClassVar = [
        "app",
        "customer",
        "platform",
        "gateway",
        "model",
        "os_version",
        "app_version",
        "locale",
        "time_zone",
        "permission",
        "state",
        "retired_reason",
        "address",
        "created_at",
        "registered_at",
        "last_seen_at",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        return super().get_queryset(request).select_related("customer", "app")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Devices register themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a device says about itself only the device changes; restoring is an action of the list."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The ledger names them; erasing their person empties them."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        counts = counts_by_state(list(apps_of(request.user).values_list("pk", flat=True)))
        tiles = [{"state": state, "word": word, "count": counts.get(state, 0)} for state, word in DEVICES.items()]
        return super().changelist_view(request, {**(extra_context or {}), "tiles": tiles})

    @action(description=_("Restore the chosen devices"), permissions=["change"])
    def restore_devices(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        chosen = Device.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        for device in chosen.exclude(state="active"):
            self.log_change(request, device, [{"restored": {"was": device.state}}])
        count = hygiene.restore(devices=chosen, now=timezone.now())
        text = ngettext("%(count)d device is active again.", "%(count)d devices are active again.", count)
        messages.success(request, text % {"count": count})

    @display(description=_("device"), ordering="platform")
    def what(self, device: Device) -> str:
        return device_cell("what", device)

    @display(description=_("customer"))
    def whose(self, device: Device) -> str:
        return device_cell("whose", device)

    @display(description=_("state"), ordering="state")
    def standing(self, device: Device) -> str:
        return device_cell("state", device)

    @display(description=_("seen"))
    def seen(self, device: Device) -> str:
        return device_cell("seen", device)


@admin.register(Channel)
class ChannelAdmin(RowPagesAdmin):
    """An app's accounts at the gateways."""

    row_pages: ClassVar = {
        "pause": (views.pause, "change"),
        "resume": (views.resume, "change"),
        "restore": (views.restore, "change"),
        "believe": (views.believe, "change"),
    }
    list_display: ClassVar = ["name", "belongs", "standing", "pace", "checked"]
    list_display_links = None
    list_filter: ClassVar = ["app", "gateway", "state"]
    ordering: ClassVar = ["app__name", "gateway"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).select_related("app")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.new_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        channel = self.get_object(request, object_id)
        if channel is None:
            raise Http404
        if not self.has_view_permission(request, channel):
            raise PermissionDenied
        return views.page(self, request, channel)

    @display(description=_("channel"), ordering="gateway")
    def name(self, channel: Channel) -> str:
        return channel_cell("name", channel)

    @display(description=_("app"), ordering="app__name")
    def belongs(self, channel: Channel) -> str:
        return channel.app.name

    @display(description=_("state"), ordering="state")
    def standing(self, channel: Channel) -> str:
        return channel_cell("state", channel)

    @display(description=_("pace"), ordering="pace_per_second")
    def pace(self, channel: Channel) -> str:
        return channel_cell("pace", channel)

    @display(description=_("checked"), ordering="verified_at")
    def checked(self, channel: Channel) -> str:
        return channel_cell("checked", channel)


def device_cell(name: str, device: Device) -> str:
    """One cell of the list of devices, from templates/devices/list/."""
    return render_to_string(f"devices/list/{name}.html", {"device": device, "word": state_of(device)})


def channel_cell(name: str, channel: Channel) -> str:
    """One cell of the list of channels, from templates/devices/channel/list/."""
    shown = {"channel": channel, "word": channel_state_of(channel)}
    return render_to_string(f"devices/channel/list/{name}.html", shown)
