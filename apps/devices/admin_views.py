"""The pages of a channel: choose the gateway, paste its credentials, stop and open it."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import draw_page
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.problems import InvalidInput
from apps.core.templatetags.house import number
from apps.devices.admin_forms import CredentialsForm, NewChannelForm
from apps.devices.admin_words import channel_state_of
from apps.devices.models import GATEWAYS, Channel
from apps.devices.queries import set_aside_count
from apps.devices.services.channels import (
    FIELDS,
    pause_channel,
    resume_channel,
    save_credentials,
    set_pace,
    set_quota,
    shown_credentials,
)
from apps.devices.services.hygiene import believe_deaths, restore_quarantined
from apps.devices.standing import standing_of

type Admin = ModelAdmin[Channel]


def new_page(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """First which gateway (and app), then its credentials. One that exists opens instead."""
    apps = apps_of(request.user).filter(is_active=True)
    form = NewChannelForm(apps, request.GET if "gateway" in request.GET else None)
    if not form.is_valid():
        taken = set(Channel.objects.filter(app__in=apps).values_list("app__slug", "gateway"))
        only = apps[:2]
        context = {
            "title": _("Connect a channel"),
            "apps": apps,
            "only": only[0] if len(only) == 1 else None,
            "taken": {gateway for slug, gateway in taken if len(only) == 1 and slug == only[0].slug},
        }
        return draw_page(model_admin, request, "devices/channel/new.html", context)
    app, gateway = form.cleaned_data["app"], form.cleaned_data["gateway"]
    known = Channel.objects.filter(app=app, gateway=gateway).first()
    if known is not None:
        return redirect("admin:devices_channel_change", known.pk)
    return _editor(model_admin, request, app, gateway, None)


def page(model_admin: Admin, request: HttpRequest, channel: Channel) -> HttpResponse:
    """An existing channel."""
    return _editor(model_admin, request, channel.app, channel.gateway, channel)


def pause(model_admin: Admin, request: HttpRequest, channel: Channel) -> HttpResponse:
    """Stop it, with the reason everybody then reads."""
    reason = request.POST.get("reason", "").strip() or _("stopped by %(who)s") % {"who": request.user.get_username()}
    if pause_channel(channel_id=channel.pk, reason=reason, now=timezone.now()):
        model_admin.log_change(request, channel, [{"paused": {"reason": reason}}])
        messages.success(request, _("Stopped. Those who wait stay waiting."))
    return redirect("admin:devices_channel_change", channel.pk)


def resume(model_admin: Admin, request: HttpRequest, channel: Channel) -> HttpResponse:
    """Open it again."""
    if resume_channel(channel_id=channel.pk, now=timezone.now()):
        model_admin.log_change(request, channel, [{"resumed": {}}])
        messages.success(request, _("Open again."))
    return redirect("admin:devices_channel_change", channel.pk)


def restore(model_admin: Admin, request: HttpRequest, channel: Channel) -> HttpResponse:
    """The devices set aside in a mass death are active again."""
    count = restore_quarantined(channel=channel, now=timezone.now())
    model_admin.log_change(request, channel, [{"restored": {"devices": count}}])
    messages.success(request, _("%(count)s devices are active again.") % {"count": number(count)})
    return redirect("admin:devices_channel_change", channel.pk)


def believe(model_admin: Admin, request: HttpRequest, channel: Channel) -> HttpResponse:
    """The devices set aside in a mass death are dead."""
    count = believe_deaths(channel=channel, now=timezone.now())
    model_admin.log_change(request, channel, [{"believed": {"devices": count}}])
    messages.success(request, _("%(count)s devices are retired.") % {"count": number(count)})
    return redirect("admin:devices_channel_change", channel.pk)


def _editor(model_admin: Admin, request: HttpRequest, app: App, gateway: str, channel: Channel | None) -> HttpResponse:
    shown = shown_credentials(channel) if channel else None
    initial = {
        "pace_per_second": channel.pace_per_second if channel else None,
        "quota_per_minute": channel.quota_per_minute if channel else None,
    }
    form = CredentialsForm(gateway, request.POST if request.method == "POST" else None, kept=shown, initial=initial)
    may_edit = (
        model_admin.has_change_permission(request, channel) if channel else model_admin.has_add_permission(request)
    )
    if request.method == "POST" and may_edit and form.is_valid():
        try:
            saved = save_credentials(app=app, gateway=gateway, pasted=_pasted(form), now=timezone.now())
            set_pace(channel=saved, per_second=form.cleaned_data["pace_per_second"])
            if "quota_per_minute" in form.fields:
                set_quota(channel=saved, per_minute=form.cleaned_data["quota_per_minute"])
        except InvalidInput as refusal:
            for problem in refusal.problems:
                name = problem.pointer.strip("/").split("/")[0]
                form.add_error(name if name in form.fields else None, problem.message)
        else:
            log = model_admin.log_change if channel else model_admin.log_addition
            log(request, saved, [{"credentials": {}}])
            messages.success(request, _("Saved. They look right; the first message shows whether the vendor agrees."))
            return redirect("admin:devices_channel_change", saved.pk)
    context = {
        "title": f"{dict(GATEWAYS)[gateway]} · {app.name}",
        "original": channel,
        "channel": channel,
        "app": app,
        "gateway": gateway,
        "gateway_name": dict(GATEWAYS)[gateway],
        "form": form,
        "shown": shown,
        "word": channel_state_of(channel) if channel else None,
        "standing": standing_of(channel, now=timezone.now()) if channel else None,
        "set_aside": set_aside_count(channel) if channel else 0,
        "may_edit": may_edit,
    }
    return draw_page(model_admin, request, "devices/channel/page.html", context)


def _pasted(form: CredentialsForm) -> dict[str, str]:
    return {name: value for name, value in form.cleaned_data.items() if name in FIELDS[form.gateway]}
