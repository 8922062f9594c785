"""The pages of a webhook: made, changed, tried, rotated, replayed, switched off and on, removed."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.admin_pages import draw_page
from apps.accounts.queries import apps_of
from apps.api.webhooks.admin_forms import EndpointForm, ReplayForm
from apps.api.webhooks.admin_words import ENDPOINTS, RESULTS
from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint
from apps.api.webhooks.queries import ATTEMPTS_SHOWN, attempts_of, backlog_of, latency_by_hour, running_replay_of
from apps.api.webhooks.services import endpoints, replays
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition
from apps.core.templatetags.lines import Line

type Admin = ModelAdmin[WebhookEndpoint]

_PAGE = "api/webhook/page.html"


def new_page(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """The form of a new one; once it is made, its page with the secret."""
    apps = apps_of(request.user).filter(is_active=True)
    form = EndpointForm(request.POST or None, apps=apps)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            endpoint, secret = endpoints.create_endpoint(
                app=said["app"],
                url=said["url"],
                types=said["types"],
                description=said["description"],
                actor=_actor(request),
                allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
                now=timezone.now(),
            )
        except InvalidInput as refused:
            form.take(refused)
        except Conflict as refused:
            form.add_error(None, str(refused))
        else:
            return _drawn(model_admin, request, endpoint, secret=secret)
    context = {"title": _("Add a webhook"), "form": form, "may_edit": True, "has_one_app": len(apps) == 1}
    return draw_page(model_admin, request, _PAGE, context, 422 if form.errors else 200)


def page(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Its form, its health and what was tried."""
    if request.method != "POST":
        return _drawn(model_admin, request, endpoint)
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            endpoints.change_endpoint(
                endpoint=endpoint,
                changes={name: form.cleaned_data[name] for name in ("url", "types", "description")},
                actor=_actor(request),
                allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
                now=timezone.now(),
            )
        except InvalidInput as refused:
            form.take(refused)
        else:
            messages.success(request, _("Saved."))
            return _back(endpoint)
    return _drawn(model_admin, request, endpoint, form=form, status=422)


def send_test(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """One request now; what came of it is told and stands in the log."""
    outcome = endpoints.send_test(
        endpoint=endpoint, allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK, now=timezone.now()
    )
    answered = " ".join(filter(None, [str(outcome.status or ""), outcome.detail]))
    told = {"word": RESULTS[outcome.result].name, "seconds": outcome.seconds, "said": answered}
    level = messages.SUCCESS if outcome.is_ok else messages.ERROR
    messages.add_message(request, level, _("%(word)s after %(seconds).2f s: %(said)s") % told)
    return _back(endpoint)


def rotate(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """A new secret, shown on the page that this answers with and never again."""
    secret = endpoints.rotate_secret(endpoint=endpoint, actor=_actor(request), now=timezone.now())
    return _drawn(model_admin, request, endpoint, secret=secret, is_rotated=True)


def disable(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Switch it off."""
    try:
        endpoints.disable_endpoint(endpoint=endpoint, actor=_actor(request), now=timezone.now())
        messages.success(request, _("Switched off. What happens meanwhile is kept."))
    except InvalidTransition:
        messages.info(request, _("It was off already."))
    return _back(endpoint)


def enable(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Switch it on; it goes on where it stopped."""
    try:
        endpoints.enable_endpoint(endpoint=endpoint, actor=_actor(request), now=timezone.now())
        messages.success(request, _("Switched on. It goes on where it stopped."))
    except InvalidTransition:
        messages.info(request, _("It was on already."))
    return _back(endpoint)


def revive(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Try the dead letters again."""
    count = replays.revive_messages(endpoint=endpoint, actor=_actor(request), now=timezone.now())
    told = ngettext("%(count)d request is tried again.", "%(count)d requests are tried again.", count)
    messages.success(request, told % {"count": count})
    return _back(endpoint)


def replay(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Send a stretch of time once more."""
    form = ReplayForm(request.POST)
    if form.is_valid():
        try:
            replays.start_replay(
                endpoint=endpoint,
                since=form.cleaned_data["since"],
                until=form.cleaned_data["until"],
                actor=_actor(request),
                now=timezone.now(),
            )
        except InvalidInput as refused:
            for problem in refused.problems:
                form.add_error(problem.pointer[1:], problem.message)
        except Conflict as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("It is being sent once more."))
            return _back(endpoint)
    return _drawn(model_admin, request, endpoint, replay_form=form, status=422)


def stop_replay(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """Make no more of the running replay."""
    running = running_replay_of(endpoint)
    if running is not None:
        replays.cancel_replay(replay=running, actor=_actor(request), now=timezone.now())
        messages.success(request, _("Stopped. What was made already is still sent."))
    return _back(endpoint)


def remove(model_admin: Admin, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    """For good, with its log."""
    endpoints.delete_endpoint(endpoint=endpoint, actor=_actor(request), now=timezone.now())
    messages.success(request, _("Removed."))
    return redirect("admin:api_webhookendpoint_changelist")


def _drawn(
    model_admin: Admin,
    request: HttpRequest,
    endpoint: WebhookEndpoint,
    *,
    form: EndpointForm | None = None,
    replay_form: ReplayForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    now, hours = timezone.now(), latency_by_hour(endpoint, now=timezone.now())
    only_failures = request.GET.get("only") == "failures"
    before = request.GET.get("before", "")
    is_number = before.isascii() and before.isdigit() and len(before) < 19
    attempts = attempts_of(endpoint, only_failures=only_failures, before=int(before) if is_number else None)
    shown = ("url", "types", "description")
    context = {
        "title": endpoint.description or endpoint.url,
        "endpoint": endpoint,
        "app": endpoint.app,
        "word": ENDPOINTS[endpoint.state],
        "form": form or EndpointForm(initial={name: getattr(endpoint, name) for name in shown}),
        "replay_form": replay_form or ReplayForm(),
        "replay": running_replay_of(endpoint),
        "backlog": backlog_of(endpoint),
        "may_edit": model_admin.has_change_permission(request, endpoint),
        "may_remove": request.user.has_perm("api.delete_webhookendpoint"),
        "known_hours": [hour for hour in hours if hour.median_seconds is not None],
        "labels": [f"{hour.at:%H}:00" for hour in hours],
        "lines": [
            Line(_("half of them within"), [hour.median_milliseconds for hour in hours]),
            Line(_("19 of 20 within"), [hour.slow_milliseconds for hour in hours]),
        ],
        "attempts": _with_words(attempts[:ATTEMPTS_SHOWN]),
        "next_before": attempts[ATTEMPTS_SHOWN - 1].pk if len(attempts) > ATTEMPTS_SHOWN else None,
        "only_failures": only_failures,
        "now": now,
        **more,
    }
    return draw_page(model_admin, request, _PAGE, context, status)


def _with_words(attempts: Sequence[WebhookAttempt]) -> list[dict[str, Any]]:
    return [{"row": one, "word": RESULTS[one.result], "took": round(one.seconds * 1000)} for one in attempts]


def _back(endpoint: WebhookEndpoint) -> HttpResponse:
    return redirect("admin:api_webhookendpoint_change", endpoint.pk)


def _actor(request: HttpRequest) -> Any:
    return request.user
