"""The page "Two-step log-in": everybody turns their own on, renews its recovery codes, or turns it off again.

Where the role asks for it, off means on again at once, with another phone (config/two_step.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import segno
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.admin_log_in import CodeForm, answer_to_locked, known_from_now_on
from apps.accounts.models import User
from apps.accounts.queries import needs_second_factor
from apps.accounts.services.second_factor import (
    begin_set_up,
    confirm_set_up,
    renew_recovery_codes,
    reset_second_factor,
)


class ConfirmingForm(CodeForm):
    """The first code of an app that was just set up; recovery_codes are there once it was right."""

    recovery_codes: Sequence[str] = ()

    def use(self, user: User, code: str, now: datetime) -> None:
        self.recovery_codes = confirm_set_up(user=user, code=code, now=now)


class SecondFactorView(View):
    """GET shows how it stands; POST does one of confirm, renew, off, each with a code."""

    admin_site: AdminSite = None  # type: ignore[assignment]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._draw(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        user, do = cast(User, request.user), request.POST.get("do")
        is_confirming = user.second_factor_at is None
        form = (ConfirmingForm if is_confirming else CodeForm)(request.POST, request=request, user=user)
        if is_confirming != (do == "confirm") or do not in ("confirm", "renew", "off"):
            return redirect("admin:second_factor")
        if not form.is_valid():
            return answer_to_locked(self._draw(request, form=form, status=400), form)
        if isinstance(form, ConfirmingForm):
            update_session_auth_hash(request, user)
            return known_from_now_on(self._draw(request, codes=form.recovery_codes), user)
        if do == "renew":
            return self._draw(request, codes=renew_recovery_codes(user=user, now=timezone.now()))
        reset_second_factor(user=user, actor=user, now=timezone.now())
        update_session_auth_hash(request, user)
        messages.success(request, _("Two-step log-in is off."))
        return known_from_now_on(redirect("admin:second_factor"), user)

    def _draw(
        self, request: HttpRequest, *, form: CodeForm | None = None, codes: Sequence[str] = (), status: int = 200
    ) -> HttpResponse:
        user = cast(User, request.user)
        set_up = begin_set_up(user=user, now=timezone.now()) if user.second_factor_at is None else None
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Two-step log-in"),
            "form": form or CodeForm(request=request, user=user),
            "codes": codes,
            "set_up": set_up,
            "qr": _drawn(set_up.link) if set_up else "",
            "since": user.second_factor_at,
            "left": len(user.second_factor.recovery_hashes) if user.second_factor_at else 0,
            "is_needed": needs_second_factor(user),
        }
        return TemplateResponse(request, "accounts/second_factor.html", context, status=status)


def _drawn(link: str) -> SafeString:
    """The link as a QR code, black on white in any theme, for a camera has to read it."""
    drawn = segno.make(link, error="m", micro=False)
    svg = drawn.svg_inline(scale=4, border=3, light="#fff", omitsize=True, svgclass="acc-qr")
    return mark_safe(svg)  # noqa: S308  (made here, of squares)
