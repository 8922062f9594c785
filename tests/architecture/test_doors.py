"""Every address of the house has a lock: a scope, a log-in, or a reason here why it has none."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, get_resolver

from apps.accounts.admin_scope import AppScopedAdmin
from apps.api.base import ApiView
from apps.api.scopes import SCOPES
from config.urls import HOMES

# Whoever adds one writes why it may be open.
OPEN = {
    "": "leads to the console, which asks who it is",
    "healthz": "says that the process lives",
    "readyz": "says what of the house works, without a name",
    "metrics": "this machine alone, or a key with reports:read (tests/api/test_metrics.py)",
    "v2.1/schema": "the contract is public",
    "v2.1/docs": "as the schema",
    "v2.1/docs/errors": "as the schema",
    "v2.1/docs/samples": "as the schema",
    "v2.1/callbacks/sms/<slug:provider>": "the provider's signature is the key",
    "c/<str:signed>": "the signed link is the key; it leads where the stored message says",
    "preferences/<str:signed>": "the signed link is the key",
    "pair/<str:code>": "the signed code is the key",
    "admin/login/": "the way in",
    "admin/login/code/": "the way in",
}


def doors() -> Iterator[tuple[str, Any]]:
    """(address, view) of everything in the URLconf but the admin site's own."""

    def walk(entries: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for entry in entries:
            route = prefix + str(entry.pattern)
            if isinstance(entry, URLPattern):
                yield route, entry.callback
            elif entry.app_name != "admin":
                yield from walk(entry.url_patterns, route)

    return walk(get_resolver().url_patterns, "")


def test_every_call_of_the_api_has_a_scope_of_the_list() -> None:
    calls = [
        (address, method, call)
        for address, view in doors()
        if issubclass(getattr(view, "view_class", object), ApiView)
        for method, call in view.view_class.calls.items()
    ]
    assert len(calls) > 20, "no calls found: the URLconf is read wrongly"
    assert [(address, method) for address, method, call in calls if call.scope not in SCOPES] == []


def test_every_method_that_a_view_has_is_a_declared_call() -> None:
    """An undeclared method would be asked for no scope."""
    verbs = ("get", "post", "put", "patch", "delete")
    for address, view in doors():
        view_class = getattr(view, "view_class", object)
        if issubclass(view_class, ApiView):
            written = {verb.upper() for verb in verbs if hasattr(view_class, verb)}
            assert written == set(view_class.calls), address


def test_what_is_no_call_is_open_for_a_reason() -> None:
    others = {
        address
        for address, view in doors()
        if not issubclass(getattr(view, "view_class", object), ApiView) and not _leads_into_the_admin(address)
    }
    assert others == set(OPEN)


def _leads_into_the_admin(address: str) -> bool:
    """Redirections to lists of the admin, and the page of a password, which asks for the log-in itself."""
    return address in {f"admin/{place}/" for place in (*HOMES, "password_change")}


def test_every_page_of_the_admin_is_a_tenants_own() -> None:
    ours = [page for model, page in admin.site._registry.items() if model.__module__.startswith("apps.")]
    assert len(ours) > 10
    assert [str(page) for page in ours if not isinstance(page, AppScopedAdmin)] == []
