"""Whoever has a role that asks for two-step log-in comes nowhere in the admin until it is on."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from apps.accounts.models import User
from apps.accounts.queries import needs_second_factor

OPEN = {"second_factor", "login", "logout", "jsi18n", "password_change", "password_change_done"}


class TwoStepRequired:
    """Leads them to the page where they turn it on. Costs a query for who has it off, where any role needs it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        page, user = request.resolver_match, request.user
        if page is None or "admin" not in page.app_names or page.url_name in OPEN:
            return None
        if isinstance(user, User) and user.second_factor_at is None and needs_second_factor(user):
            return redirect("admin:second_factor")
        return None
